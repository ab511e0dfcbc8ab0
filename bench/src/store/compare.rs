//! Compare: one figure of each server, and the limits that ours has beside theirs.

use crate::report::{Report, Row};
use crate::store::contender::{Kind, NotAvailable};
use crate::store::sender::Refusals;

/// A figure, or in a few words why there is none.
pub(crate) type Figure = Result<f64, &'static str>;

const NOT_AVAILABLE: &str = "not available";

/// One figure of each server, in the order of [`Kind::ALL`]; less is better.
pub(crate) struct Comparison {
    pub(crate) what: String,
    pub(crate) figures: [Figure; 3],
    pub(crate) unit: Unit,
    pub(crate) limits: Vec<Limit>,
    /// What explains the figures.
    pub(crate) note: String,
}

/// What a figure counts, and how it is written.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) name: &'static str,
    pub(crate) n_decimals: usize,
}

pub(crate) enum Limit {
    /// At most this many times what the peer has.
    Times(f64, Kind),
    /// At most one part in so many of what the peer has.
    Faster(f64, Kind),
    /// At most this, in the figure's unit.
    Flat(f64),
}

impl Comparison {
    pub(crate) fn add_to(self, report: &mut Report) {
        let Self { what, figures, unit, limits, note } = self;
        let [ours, theirs @ ..] = figures;
        let show = |figure: Figure| match figure {
            Ok(value) => format!("{value:.*} {}", unit.n_decimals, unit.name),
            Err(reason) => reason.to_owned(),
        };
        let mut beside: Vec<String> = Vec::new();
        for (kind, figure) in Kind::ALL.into_iter().skip(1).zip(theirs) {
            let ratio = match (ours, figure) {
                (Ok(ours), Ok(theirs)) => format!(" (ours is {:.3} of it)", ours / theirs),
                _ => String::new(),
            };
            beside.push(format!("{} {}{ratio}", kind.name(), show(figure)));
        }
        beside.extend((!note.is_empty()).then_some(note));
        let mut row = Row::new(what, show(ours)).beside(beside.join("; "));
        if !limits.is_empty() {
            let texts: Vec<String> = limits.iter().map(|limit| limit.text(unit)).collect();
            row = row.limit_if_known(texts.join(", "), held(&limits, &figures));
        }
        report.add(row);
    }
}

impl Limit {
    fn text(&self, unit: Unit) -> String {
        match self {
            Self::Times(times, kind) => format!("≤ {times:.2} × {}", kind.name()),
            Self::Faster(times, kind) => format!("{times:.0} × faster than {}", kind.name()),
            Self::Flat(value) => format!("≤ {value} {}", unit.name),
        }
    }

    fn value(&self, figures: &[Figure; 3]) -> Option<f64> {
        match self {
            Self::Times(times, kind) => Some(times * figure_of(*kind, figures)?),
            Self::Faster(times, kind) => Some(figure_of(*kind, figures)? / times),
            Self::Flat(value) => Some(*value),
        }
    }
}

fn figure_of(kind: Kind, figures: &[Figure; 3]) -> Option<f64> {
    let at = Kind::ALL.iter().position(|other| *other == kind)?;
    figures[at].ok()
}

/// Whether ours holds all limits; nothing if that cannot be said. A server that takes writes and
/// fails holds none.
fn held(limits: &[Limit], figures: &[Figure; 3]) -> Option<bool> {
    let ours = match figures[0] {
        Ok(ours) => ours,
        Err(reason) => return (reason != NOT_AVAILABLE).then_some(false),
    };
    let each: Vec<Option<bool>> =
        limits.iter().map(|limit| limit.value(figures).map(|most| ours <= most)).collect();
    if each.contains(&Some(false)) {
        return Some(false);
    }
    each.into_iter().all(|held| held.is_some()).then_some(true)
}

/// What a server did, or in a few words why it did not; the full reason is told below the table.
pub(crate) fn outcome<T>(
    report: &mut Report,
    what: &str,
    kind: Kind,
    result: anyhow::Result<T>,
) -> Result<T, &'static str> {
    result.map_err(|error| {
        // An answer may have many lines; its status is in the first, its reason in the last.
        let reason = format!("{error:#}");
        let mut lines = reason.lines().filter(|line| !line.trim().is_empty());
        let (first, last) =
            (lines.next().unwrap_or_default(), lines.next_back().unwrap_or_default());
        report.explain(format!("{what}, {}: {first} {last}", kind.name()).trim_end().to_owned());
        if error.is::<NotAvailable>() { NOT_AVAILABLE } else { "failed" }
    })
}

/// The middle one of the figures of several runs; a run that failed leaves no figure.
pub(crate) fn median(mut runs: Vec<Figure>) -> Figure {
    if let Some(Err(reason)) = runs.iter().find(|run| run.is_err()) {
        return Err(reason);
    }
    runs.sort_by(|one, other| one.unwrap_or(0.0).total_cmp(&other.unwrap_or(0.0)));
    runs.get(runs.len() / 2).copied().unwrap_or(Err("not run"))
}

/// What to add to a note when requests had to be sent again, in the order of [`Kind::ALL`].
pub(crate) fn refusals_note(refusals: [Refusals; 3]) -> String {
    let mut note = String::new();
    for (kind, refusals) in Kind::ALL.into_iter().zip(refusals) {
        if refusals.n() > 0 {
            note += &format!("; {} refused {} requests at first", kind.name(), refusals.n());
        }
    }
    note
}

#[cfg(test)]
mod tests {
    use super::{Figure, Kind, Limit, NOT_AVAILABLE, Refusals, held, median, refusals_note};

    #[test]
    fn a_limit_that_cannot_be_judged_is_not_held_and_not_missed() {
        let limits = [Limit::Times(0.5, Kind::VictoriaMetrics), Limit::Flat(10.0)];
        let check = |figures: [Figure; 3], expected| assert_eq!(held(&limits, &figures), expected);
        let none = Err("failed");
        check([Ok(1.0), Ok(2.0), none], Some(true));
        check([Ok(1.1), Ok(2.0), none], Some(false));
        check([Ok(11.0), Ok(99.0), none], Some(false));
        check([Ok(1.0), none, Ok(9.0)], None);
        check([Ok(11.0), none, Ok(9.0)], Some(false));
        check([Err(NOT_AVAILABLE), Ok(2.0), Ok(9.0)], None);
        check([none, Ok(2.0), Ok(9.0)], Some(false));
    }

    #[test]
    fn a_median_is_of_runs_that_all_went_well() {
        assert_eq!(median(vec![Ok(3.0), Ok(1.0), Ok(2.0)]), Ok(2.0));
        assert_eq!(median(vec![Ok(3.0), Err("failed"), Ok(2.0)]), Err("failed"));
    }

    #[test]
    fn only_a_server_that_refused_is_named() {
        let refused = Refusals { n_overloaded: 3, n_failed: 1, n_lost: 2 };
        let none = Refusals::default();
        assert_eq!(refusals_note([none; 3]), "");
        let note = "; VictoriaMetrics refused 6 requests at first";
        assert_eq!(refusals_note([none, refused, none]), note);
    }
}
