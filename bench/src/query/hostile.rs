//! Hostile: queries that are meant to harm. What nobody can mean is refused before it costs
//! anything, and what asks for too much ends when its time is over.

use anyhow::ensure;

use crate::Bench;
use crate::http;
use crate::query::data::Data;
use crate::query::{deaths, scenes};
use crate::report::{Report, Row, complain};
use crate::store::compare::outcome;
use crate::store::contender::{Contender, Kind, percent_encoded};

/// How often each is sent: a tick of the processor's clock is 10 ms.
const N_SENT: u32 = 50;
const REFUSAL_MS_MAX: f64 = 10.0;

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let contender = Contender::start(bench, Kind::Pharos, "hostile")?;
    let clock = &*bench.env.clock;
    let end_ms = clock.now_ms() - 120_000;
    let mut data = Data::new(end_ms, 7_200);
    scenes::service(&mut data, if bench.size.quick { 10 } else { 50 });
    while let Some(load) = data.next_load()? {
        load.send(contender.address, clock)?;
    }
    contender.settle()?;
    for (what, query) in refused() {
        complain(&format!("hostile: {what}"));
        let cost = cost_of_refusal(&contender, &query);
        if let Ok(cpu_ms) = outcome(report, what, Kind::Pharos, cost) {
            let row = Row::new(format!("refused: {what}, processor"), format!("{cpu_ms:.2} ms"));
            report.add(row.limit("10 ms", cpu_ms <= REFUSAL_MS_MAX));
        } else {
            let row = Row::new(format!("refused: {what}, processor"), "failed");
            report.add(row.limit("10 ms", false));
        }
    }
    deaths::measure(bench, report, &contender, end_ms)
}

/// Texts that grow a tree, a stack or a list, each as long as a request may be or more.
fn refused() -> [(&'static str, String); 5] {
    const BYTES: usize = 16 << 10;
    let depth = 100_000;
    [
        ("16 KiB of `1+1+...`", format!("{}1", "1+".repeat(BYTES / 2 - 1))),
        ("100,000 parentheses", format!("{}1{}", "(".repeat(depth), ")".repeat(depth))),
        ("8,000 parentheses", format!("{}1{}", "(".repeat(8_000), ")".repeat(8_000))),
        ("16 KiB of `-`", format!("{}1", "-".repeat(BYTES - 1))),
        ("100,000 of `-`", format!("{}1", "-".repeat(depth))),
    ]
}

fn cost_of_refusal(contender: &Contender<'_>, query: &str) -> anyhow::Result<f64> {
    let form = format!("query={}", percent_encoded(query));
    let before = contender.cpu()?;
    for _ in 0..N_SENT {
        let (status, body) = http::post_form(contender.address, "/api/v1/query", &form)?;
        let start: String = body.chars().take(200).collect();
        ensure!((400..500).contains(&status), "answered {status}: {start}");
    }
    let used = contender.cpu()?.saturating_sub(before);
    Ok(used.as_secs_f64() * 1e3 / f64::from(N_SENT))
}
