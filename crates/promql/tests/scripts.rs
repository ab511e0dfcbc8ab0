//! The published scripts of evaluations, if a folder with them is named by the variable
//! `CONFORMANCE`: each loads series, asks queries and says what they give. How many agree is
//! printed, file by file; `SCRIPTS_SHOW` set to a part of a file's name prints those that do not.

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

use std::path::{Path, PathBuf};

use run::run;

#[expect(clippy::disallowed_methods, reason = "a test is told where its material is")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn scripts_give_what_is_published() {
    let Some(folder) = setting("CONFORMANCE") else {
        println!("skipped: CONFORMANCE names no folder of scripts");
        return;
    };
    let shown = setting("SCRIPTS_SHOW");
    let folder = Path::new(&folder).join("promql");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut n_failed, mut n_missed) = (0, 0);
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "test")) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let is_shown = shown.as_ref().is_some_and(|part| name.contains(part));
        let count = run(&std::fs::read_to_string(file).unwrap(), is_shown);
        println!(
            "{name:26} {:4} passed {:3} failed; with histograms {:3} passed {:3} failed; \
             annotations missed {:3}, messages {:2}",
            count.passed,
            count.failed,
            count.histogram_passed,
            count.histogram_failed,
            count.annotations_missed,
            count.messages_missed,
        );
        n_failed += count.failed + count.histogram_failed;
        n_missed += count.annotations_missed + count.messages_missed;
    }
    assert_eq!((n_failed, n_missed), (0, 0), "evaluations differ from what is published");
}
