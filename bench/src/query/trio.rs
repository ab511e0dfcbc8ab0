//! Trio: ours and both peers, running beside each other with the same samples. Only one is asked at
//! a time; the others are idle.

use crate::Bench;
use crate::query::data::Data;
use crate::report::complain;
use crate::store::contender::{Contender, Kind};

/// How long before now samples end, so that no server thinks they come from the future.
const END_AGO_MS: i64 = 120_000;
/// Answers look at most so long before the last sample.
const SLACK_MS: i64 = 5 * 60_000;

/// Three servers, in the order of [`Kind::ALL`].
pub(crate) struct Trio<'a> {
    contenders: [Contender<'a>; 3],
    /// The last moment to ask for.
    pub(crate) end_ms: i64,
}

impl<'a> Trio<'a> {
    /// Starts them over folders of this name, and writes `length_s` of samples of what `fill` adds.
    pub(crate) fn start(
        bench: &'a Bench,
        name: &str,
        length_s: i64,
        fill: impl FnOnce(&mut Data),
    ) -> anyhow::Result<Self> {
        let clock = &*bench.env.clock;
        let end_ms = (clock.now_ms() - END_AGO_MS) / 60_000 * 60_000;
        // Answers move back by the slack, and look back by lookback and windows.
        let mut data = Data::new(end_ms, length_s + 2 * SLACK_MS / 1000);
        fill(&mut data);
        let start = |kind| Contender::start(bench, kind, name);
        let [ours, victoria, prometheus] = Kind::ALL.map(start);
        let contenders = [ours?, victoria?, prometheus?];
        complain(&format!("{name}: {} series are written to all three", data.n_series()));
        while let Some(load) = data.next_load()? {
            for contender in &contenders {
                load.send(contender.address, clock)?;
            }
        }
        for contender in &contenders {
            contender.settle()?;
        }
        Ok(Self { contenders, end_ms })
    }

    pub(crate) fn each(&self) -> [(Kind, &Contender<'a>); 3] {
        let [ours, victoria, prometheus] = &self.contenders;
        let [one, two, three] = Kind::ALL;
        [(one, ours), (two, victoria), (three, prometheus)]
    }
}
