//! What programs of the families were promised, one test per promise, named after it;
//! `docs/compatibility.md` lists the promises with their tests.

mod climate;
mod guardian;
mod rows;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use e2e::root;

/// The tests of this module's files, as this program lists them.
fn tests() -> BTreeSet<String> {
    let output = Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let of_families = listed.lines().filter_map(|line| {
        let name = line.strip_prefix("compatibility::")?.strip_suffix(": test")?;
        Some(name.rsplit_once("::")?.1.to_owned())
    });
    of_families.collect()
}

/// The words in backticks of the promises' page that are names of tests.
fn promised() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs/compatibility.md")).unwrap();
    let is_test = |word: &str| {
        let (family, rest) = word.split_once('_').unwrap_or_default();
        let is_row = family.strip_prefix('r').is_some_and(|number| number.parse::<u8>().is_ok());
        !rest.is_empty() && (is_row || ["climate", "guardian"].contains(&family))
    };
    let words = text.split('`').skip(1).step_by(2);
    words.filter(|word| is_test(word)).map(str::to_owned).collect()
}

#[test]
fn promises_and_tests_name_each_other() {
    let (tests, promised) = (tests(), promised());
    assert!(tests.len() > 90, "only {} tests", tests.len());
    let without_test: Vec<_> = promised.difference(&tests).collect();
    assert!(without_test.is_empty(), "promised, but no test is named so: {without_test:#?}");
    let without_promise: Vec<_> = tests.difference(&promised).collect();
    assert!(without_promise.is_empty(), "tested, but not promised: {without_promise:#?}");
}
