//! The published scripts of evaluations, if a folder with them is named by the variable
//! `CONFORMANCE`: each loads series, asks queries and says what they give. How many agree is
//! printed, file by file; `SCRIPTS_SHOW` set to a part of a file's name prints those that do not.

#[path = "scripts/compare.rs"]
mod compare;
#[path = "scripts/histogram.rs"]
mod histogram;
#[path = "scripts/language.rs"]
mod language;
#[path = "scripts/store.rs"]
mod store;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use compare::{annotations_differ, differs};
use language::{Command, Eval, Times, commands};
use promql::{Engine, Options, QueryError};
use store::Store;

#[expect(clippy::disallowed_methods, reason = "a test is told where its material is")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// How many evaluations of a file agree.
#[derive(Debug, Default)]
struct Count {
    passed: usize,
    failed: usize,
    /// Of sections that load native histograms.
    histogram_passed: usize,
    histogram_failed: usize,
    annotations_missed: usize,
    messages_missed: usize,
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

fn run(script: &str, is_shown: bool) -> Count {
    let mut count = Count::default();
    let commands = commands(script);
    for section in commands.split(|command| matches!(command, Command::Clear)) {
        let mut store = Store::default();
        let has_histograms = section.iter().any(Command::has_histograms);
        for command in section {
            match command {
                Command::Clear => {}
                Command::Load(load) => store.load(load),
                Command::Eval(eval) => {
                    let engine = Engine::new(Arc::new(store.clone()), Options::default());
                    judge(&engine, eval, has_histograms, is_shown, &mut count);
                }
            }
        }
    }
    count
}

fn judge(engine: &Engine, eval: &Eval, has_histograms: bool, is_shown: bool, count: &mut Count) {
    let report = |text: &str| {
        if is_shown {
            show(eval, text);
        }
    };
    let verdict = agrees(engine, eval, &mut |kind, text| {
        match kind {
            Missed::Annotation => count.annotations_missed += 1,
            Missed::Message => count.messages_missed += 1,
        }
        report(&text);
    });
    let (passed, failed) = match has_histograms {
        true => (&mut count.histogram_passed, &mut count.histogram_failed),
        false => (&mut count.passed, &mut count.failed),
    };
    match verdict {
        Ok(()) => *passed += 1,
        Err(text) => {
            *failed += 1;
            report(&text);
        }
    }
}

#[expect(clippy::print_stdout, reason = "a test tells what it was asked to show")]
fn show(eval: &Eval, text: &str) {
    println!("  line {}: {}\n    {text}", eval.line, eval.query);
}

/// What is counted apart.
enum Missed {
    Annotation,
    Message,
}

fn agrees(
    engine: &Engine,
    eval: &Eval,
    missed: &mut dyn FnMut(Missed, String),
) -> Result<(), String> {
    let answer = match eval.times {
        Times::Instant { t_ms } => engine.instant(&eval.query, t_ms),
        Times::Range { start_ms, end_ms, step_ms } => {
            engine.range(&eval.query, start_ms, end_ms, step_ms)
        }
    };
    let answer = match (answer, &eval.expected.fails) {
        (Ok(_), Some(_)) => return Err("it should fail".to_owned()),
        (Err(error), Some(message)) => {
            if let Some(wrong) = message_differs(&error, message) {
                missed(Missed::Message, wrong);
            }
            return Ok(());
        }
        (Err(error), None) => return Err(format!("error: {error}")),
        (Ok(answer), None) => answer,
    };
    if let Some(text) = annotations_differ(eval, &answer.annotations) {
        missed(Missed::Annotation, text);
    }
    differs(eval, &answer.value, None).map_or(Ok(()), Err)?;
    within_a_range(engine, eval)
}

fn message_differs(error: &QueryError, wanted: &language::Wanted) -> Option<String> {
    let found = error.to_string();
    (!wanted.matches(&found)).then(|| format!("message: wanted {wanted:?}, got {found:?}"))
}

/// The same as one step of a range query.
fn within_a_range(engine: &Engine, eval: &Eval) -> Result<(), String> {
    let Times::Instant { t_ms } = eval.times else { return Ok(()) };
    let is_of_whole = ["start()", "end()", "range()", "step()"];
    if eval.expected.is_bound_to_an_instant()
        || is_of_whole.iter().any(|call| eval.query.contains(call))
    {
        return Ok(());
    }
    let answer = engine
        .range(&eval.query, t_ms - 60_000, t_ms + 60_000, 60_000)
        .map_err(|error| format!("as a range: {error}"))?;
    match differs(eval, &answer.value, Some(t_ms)) {
        Some(text) => Err(format!("as a range: {text}")),
        None => Ok(()),
    }
}
