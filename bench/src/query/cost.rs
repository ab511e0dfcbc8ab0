//! Cost: what answers took of one server in one round.

use std::time::Duration;

use anyhow::Context as _;

use crate::http;
use crate::latency::Latencies;
use crate::query::answers::Answers;
use crate::query::questions::{NTH, Question, Span};
use crate::store::contender::{Contender, percent_encoded};

/// How many answers make a round, and how long they may take together.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) n_min: u32,
    pub(crate) n_max: u32,
    pub(crate) time: Duration,
}

/// A server works on after its last answer: it frees memory, or writes down what it learnt.
const QUIET: Duration = Duration::from_millis(250);
const QUIET_MAX: Duration = Duration::from_secs(5);

/// Between the ends of two ranges, so that no answer serves twice. No moment is one of a sample.
const SHIFT_MS: i64 = 250;
/// An instant is "now", as dashboards and rules ask for it: what is newest, a little later each time.
const NOW_SHIFT_MS: i64 = -1;

/// Processor time and memory of one round.
pub(crate) struct Cost {
    pub(crate) cpu_ms: f64,
    pub(crate) latencies: Latencies,
    /// By how much the resident set was larger at its peak than before.
    pub(crate) memory_bytes: u64,
}

/// Asks as often as the effort allows. The `nth` answer of a run ends so many shifts from `end_ms`.
pub(crate) fn cost(
    contender: &Contender<'_>,
    question: &Question,
    effort: Effort,
    end_ms: i64,
    first: u32,
) -> anyhow::Result<Cost> {
    let clock = contender.clock();
    contender.forget_peak()?;
    let resident_before = contender.resident_bytes()?;
    let (cpu_before, began) = (contender.cpu()?, clock.monotonic());
    let mut latencies = Latencies::default();
    let mut n = 0;
    while n < effort.n_min || (n < effort.n_max && clock.monotonic() - began < effort.time) {
        let asked = clock.monotonic();
        for path in paths(question, end_ms, first + n) {
            let _body = http::fetch(contender.address, &path)?;
        }
        latencies.add(clock.monotonic().saturating_sub(asked));
        n += 1;
    }
    wait_until_quiet(contender)?;
    let cpu = contender.cpu()?.saturating_sub(cpu_before);
    let memory_bytes = contender.resident_bytes_peak()?.saturating_sub(resident_before);
    Ok(Cost { cpu_ms: cpu.as_secs_f64() * 1e3 / f64::from(n), latencies, memory_bytes })
}

/// Asks once, and reads what is said. Afterwards nothing is new to the server that is asked again.
pub(crate) fn answers(
    contender: &Contender<'_>,
    question: &Question,
    end_ms: i64,
) -> anyhow::Result<Answers> {
    let mut answers = Answers::default();
    for (nth, path) in paths(question, end_ms, 0).into_iter().enumerate() {
        let body = http::fetch(contender.address, &path)?;
        answers.add(nth, &body).with_context(|| path)?;
    }
    Ok(answers)
}

/// Where to ask all of it, the `nth` time.
fn paths(question: &Question, end_ms: i64, nth: u32) -> Vec<String> {
    let shift_ms = match question.span {
        Span::Instant => NOW_SHIFT_MS,
        Span::Range { .. } => SHIFT_MS,
    };
    let end_ms = end_ms - i64::from(nth) * shift_ms;
    let seconds = |ms: i64| format!("{}.{:03}", ms / 1000, ms % 1000);
    // VictoriaMetrics keeps answers, unless it is asked not to.
    let times = match question.span {
        Span::Instant => format!("query?nocache=1&time={}", seconds(end_ms)),
        Span::Range { length_s, step_s } => format!(
            "query_range?nocache=1&start={}&end={}&step={step_s}",
            seconds(end_ms - length_s * 1000),
            seconds(end_ms),
        ),
    };
    let digits = format!("{:02x}", (nth * 37 + 11) % 256);
    let path = |expression: &String| {
        let expression = expression.replace(NTH, &digits);
        format!("/api/v1/{times}&query={}", percent_encoded(&expression))
    };
    question.expressions.iter().map(path).collect()
}

/// Waits until not one tick of processor time is used in a while.
fn wait_until_quiet(contender: &Contender<'_>) -> anyhow::Result<()> {
    let began = contender.clock().monotonic();
    while contender.clock().monotonic() - began < QUIET_MAX {
        let before = contender.cpu()?;
        std::thread::sleep(QUIET);
        if contender.cpu()? == before {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::paths;
    use crate::query::questions::of_pods;

    #[test]
    fn no_two_answers_are_asked_alike() {
        let question = &of_pods(1000)[0];
        let [one, other] = [0, 1].map(|nth| paths(question, 1_760_000_000_000, nth).concat());
        assert!(one.contains("time=1760000000.000&") && other.contains("time=1760000000.001&"));
        assert!(one.contains("0b%2D") && other.contains("30%2D"), "{one} {other}");
    }
}
