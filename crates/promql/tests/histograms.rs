//! Native histograms: our own scripts, in the language of the published ones.

#[path = "scripts/compare.rs"]
mod compare;
#[path = "scripts/histogram.rs"]
mod histogram;
#[path = "scripts/language.rs"]
mod language;
#[path = "scripts/run.rs"]
mod run;
#[path = "scripts/store.rs"]
mod store;

/// Runs a script of which everything must agree.
#[track_caller]
fn check(script: &str) {
    let count = run::run(script, true);
    let n_missed = count.annotations_missed + count.messages_missed;
    let n_failed = count.failed + count.histogram_failed;
    assert_eq!((n_failed, n_missed), (0, 0), "what differs is printed above");
    assert!(count.histogram_passed > 0, "no evaluation was found");
}

#[test]
fn rates_of_histograms() {
    check(include_str!("histograms/rates.test"));
}

#[test]
fn totals_of_histograms() {
    check(include_str!("histograms/totals.test"));
}

#[test]
fn trims_of_histograms() {
    check(include_str!("histograms/trims.test"));
}

#[test]
fn sums_and_operators_of_histograms() {
    check(include_str!("histograms/sums.test"));
}

#[test]
fn quantiles_and_fractions_of_histograms() {
    check(include_str!("histograms/shapes.test"));
}
