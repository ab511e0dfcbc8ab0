//! Running a script: its series go to a store, its queries to an engine.

use std::sync::Arc;

use promql::{Engine, Options, QueryError};

use crate::compare::{annotations_differ, differs};
use crate::language::{Command, Eval, Times, Wanted, commands};
use crate::store::Store;

/// How many evaluations of a file agree.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// Of sections that load native histograms.
    pub(crate) histogram_passed: usize,
    pub(crate) histogram_failed: usize,
    pub(crate) annotations_missed: usize,
    pub(crate) messages_missed: usize,
}

/// Runs all evaluations of a script; those that do not agree are printed if they should be shown.
pub(crate) fn run(script: &str, is_shown: bool) -> Count {
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

fn message_differs(error: &QueryError, wanted: &Wanted) -> Option<String> {
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
