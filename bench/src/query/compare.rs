//! Compare: one question, asked of all three servers in turns, and the row that comes of it.

use crate::Bench;
use crate::latency::Latencies;
use crate::query::answers::{Answers, Likeness};
use crate::query::cost::{Cost, Effort, answers, cost};
use crate::query::questions::{LikeVictoria, Question};
use crate::query::trio::Trio;
use crate::report::{Report, complain};
use crate::store::compare::{Comparison, Figure, Limit, Unit, median, outcome};
use crate::store::contender::Kind;

/// Up to which share two values are the same: what sums of thousands of values in another order
/// make of the last bits.
const SAME: f64 = 1e-9;

/// All rounds of one question.
pub(crate) struct Asked<'a> {
    question: &'a Question,
    /// Each server's rounds, in the order of [`Kind::ALL`].
    rounds: [Vec<Figure>; 3],
    latencies: [Latencies; 3],
    /// The most that ours took beyond what it had.
    memory_bytes: u64,
}

/// Asks, compares and adds the row.
pub(crate) fn ask(bench: &Bench, report: &mut Report, trio: &Trio<'_>, question: &Question) {
    complain(&format!("query: {}", question.what));
    let said = trio.each().map(|(kind, contender)| {
        let said = answers(contender, question, trio.end_ms);
        outcome(report, &question.what, kind, said).ok()
    });
    let (note, is_wrong) = likeness_note(question, &said);
    let mut asked = Asked {
        question,
        rounds: Kind::ALL.map(|_| Vec::new()),
        latencies: Kind::ALL.map(|_| Latencies::default()),
        memory_bytes: 0,
    };
    let (effort, n_rounds) = effort(bench);
    for round in 0..n_rounds {
        for (at, (kind, contender)) in trio.each().into_iter().enumerate() {
            if said[at].is_none() {
                asked.rounds[at].push(Err("failed"));
                continue;
            }
            // What was asked above is not asked again.
            let first = 1 + round * effort.n_max;
            let cost = cost(contender, question, effort, trio.end_ms, first);
            asked.add(at, outcome(report, &question.what, kind, cost));
        }
    }
    if is_wrong {
        asked.rounds[0] = vec![Err("wrong")];
    }
    asked.tell(report, n_rounds, &note);
}

fn effort(bench: &Bench) -> (Effort, u32) {
    let ms = std::time::Duration::from_millis;
    if bench.size.quick {
        (Effort { n_min: 2, n_max: 50, time: ms(300) }, 1)
    } else {
        (Effort { n_min: 3, n_max: 300, time: ms(1500) }, 3)
    }
}

impl Asked<'_> {
    fn add(&mut self, at: usize, cost: Result<Cost, &'static str>) {
        self.rounds[at].push(cost.as_ref().map(|cost| cost.cpu_ms).map_err(|reason| *reason));
        let Ok(cost) = cost else { return };
        self.latencies[at].absorb(cost.latencies);
        if at == 0 {
            self.memory_bytes = self.memory_bytes.max(cost.memory_bytes);
        }
    }

    fn tell(self, report: &mut Report, n_rounds: u32, likeness: &str) {
        let ms = |latencies: &Latencies, share| latencies.quantile(share).as_secs_f64() * 1e3;
        let latency = |(kind, latencies): (Kind, &Latencies)| match latencies.len() {
            0 => format!("{} -", kind.name()),
            _ => {
                let (p50, p95) = (ms(latencies, 0.50), ms(latencies, 0.95));
                format!("{} {p50:.1} and {p95:.1}", kind.name())
            }
        };
        let latencies: Vec<String> =
            Kind::ALL.into_iter().zip(&self.latencies).map(latency).collect();
        let note = format!(
            "until it is read, p50 and p95 in ms: {}; ours took {:.1} MB more at its peak; \
             {likeness}; median of {n_rounds}",
            latencies.join(", "),
            self.memory_bytes as f64 / 1e6,
        );
        let limits = self.question.faster.map(|[victoria, prometheus]| {
            vec![
                Limit::Faster(victoria, Kind::VictoriaMetrics),
                Limit::Faster(prometheus, Kind::Prometheus),
            ]
        });
        Comparison {
            what: self.question.what.clone(),
            figures: self.rounds.map(median),
            unit: Unit { name: "ms", n_decimals: 3 },
            limits: limits.unwrap_or_default(),
            note,
        }
        .add_to(report);
    }
}

/// How the answers compare, and whether ours are wrong.
fn likeness_note(question: &Question, said: &[Option<Answers>; 3]) -> (String, bool) {
    let [ours, victoria, prometheus] = said;
    let Some(ours) = ours else { return ("no answers to compare".to_owned(), false) };
    let (mut notes, mut is_wrong) = (Vec::new(), false);
    let mut compare = |kind: Kind, theirs: &Option<Answers>, is_same_question: bool| {
        let Some(theirs) = theirs else { return };
        let likeness = ours.compared_with(theirs);
        let same = is_same(likeness);
        is_wrong |= is_same_question && !same;
        notes.push(match (same, is_same_question) {
            (true, _) => format!("{} values as {} has them", likeness.n_values, kind.name()),
            (false, true) => format!("not what {} answers: {likeness:?}", kind.name()),
            (false, false) => format!(
                "{} means something else by rates, by {:.2} % in the median and {} values on one \
                 side alone",
                kind.name(),
                likeness.median * 100.0,
                likeness.n_lonely
            ),
        });
    };
    compare(Kind::Prometheus, prometheus, true);
    compare(Kind::VictoriaMetrics, victoria, question.like_victoria == LikeVictoria::Yes);
    (notes.join(", "), is_wrong)
}

fn is_same(likeness: Likeness) -> bool {
    likeness.n_lonely == 0 && likeness.most <= SAME && likeness.n_values > 0
}
