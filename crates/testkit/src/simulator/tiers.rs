//! Tiers: in one seed of four the store keeps rollups. The oracle keeps everything that was ever
//! taken and not deleted, and rolls it up by the plain calculation whenever it is asked.
//!
//! What no query shows any more is judged too: a copy of the disk, opened by a store that keeps
//! everything, says which samples are there at all. Those that are not and had been promised must
//! have left their rollups.

use std::fmt::Write as _;
use std::sync::Arc;

use model::Labels;
use stdx::{Disk, Env};
use storage::memory::MemoryStore;
use storage::rollup::{roll, span_of, widen};
use storage::{Querier, ROLLUP_WIDTHS_MS, Rollup, RollupSeries, Select, Series};
use tsdb::Db;

use super::history::Stop;
use super::lives::store_of;
use super::settings::{DIR, keeping_all};
use super::{Outcome, Simulator, everything};
use crate::open_warm;

const FINE_MS: i64 = ROLLUP_WIDTHS_MS[0];
const COARSE_MS: i64 = ROLLUP_WIDTHS_MS[1];

impl Simulator {
    /// An operation that only a store with rollups has.
    pub(super) fn tier_step(&mut self) -> Outcome {
        match self.rng.below(3) {
            0 => self.compare_rollups(),
            1 => self.roll_up(),
            _ => {
                self.pass_time();
                Ok(())
            }
        }
    }

    /// Rolls up all days that are due, perhaps not to the end.
    fn roll_up(&mut self) -> Outcome {
        if !self.flush()? {
            return Ok(());
        }
        if self.rng.per_mille(400) {
            self.plan_stop();
        }
        let now_ms = self.now_ms();
        while self.compact_once(now_ms) {}
        if self.world.disk.is_stopped() {
            self.report.n_rolls_stopped += 1;
            return Ok(());
        }
        self.compare_rollups()
    }

    /// Some of the store's rollups against those of the oracle.
    fn compare_rollups(&mut self) -> Outcome {
        for tier in 0..ROLLUP_WIDTHS_MS.len() {
            let select = self.traffic.select(self.now_ms());
            self.compare_tier(tier, &select)?;
        }
        Ok(())
    }

    /// All of the store's rollups against those of the oracle, where there are any.
    pub(super) fn compare_all_rollups(&mut self) -> Outcome {
        let n_tiers = if self.settings.has_tiers { ROLLUP_WIDTHS_MS.len() } else { 0 };
        for tier in 0..n_tiers {
            self.compare_tier(tier, &Select::floats(Vec::new(), i64::MIN, i64::MAX))?;
        }
        Ok(())
    }

    /// The rollups of a tier, by its place, in all spans that a selection touches.
    fn compare_tier(&mut self, tier: usize, select: &Select) -> Outcome {
        let width_ms = ROLLUP_WIDTHS_MS[tier];
        let (start_ms, end_ms) = on_grid(select, width_ms);
        let select = Select::floats(select.matchers.clone(), start_ms, end_ms);
        let expected = match self.floors.tier_ms(tier) {
            None => None,
            Some(from_ms) => Some(rolled(&self.whole, &select, (width_ms, from_ms))?),
        };
        let found = found_rollups(self.db(), &select, width_ms)?;
        self.report.n_rollup_checks += 1;
        match differ(found.as_deref(), expected.as_deref()) {
            Some(what) => Err(format!("rollups of {width_ms} ms: {what}\nin {select:?}")),
            None => Ok(()),
        }
    }

    /// After a stop, the oracle learns what there is: samples on the disk, seen or not, and those
    /// of which there are only rollups left.
    pub(super) fn complete_tiers(&mut self, after: Stop) -> Outcome {
        if !self.settings.has_tiers {
            return Ok(());
        }
        let copy: Arc<dyn Disk> = Arc::new(self.world.disk.fork());
        let env = Env { disk: copy, ..self.world.env.clone() };
        let db = open_warm(keeping_all(DIR.as_ref()), &env).map_err(|error| error.to_string())?;
        let on_disk = everything(db.as_ref())?;
        let known = everything(&self.whole)?;
        let (config, floors) = (&self.settings.config, &self.floors);
        let keeps = |labels: &Labels, t_ms| floors.keep(config, labels, t_ms);
        let complete = self.history.complete((&on_disk, &known), after, &keeps);
        let complete = complete.map_err(|what| format!("{what}, on the disk after a {after:?}"))?;
        self.report.n_outlived += n_samples(&complete) - n_samples(&on_disk);
        self.whole = store_of(&complete)?;
        Ok(())
    }

    /// What is seen, or, where there are rollups, everything that they are of.
    pub(super) fn all_there_is(&self, seen: &[Series]) -> Result<Vec<Series>, String> {
        match self.settings.has_tiers {
            true => everything(&self.whole),
            false => Ok(seen.to_vec()),
        }
    }

    /// Widens a deletion to whole spans, so that it takes the same whether the samples are there
    /// or their rollups alone, and lets nothing stand in its way: of rollups it is not known
    /// whether it happened. Says whether it may be tried.
    pub(super) fn prepare_deletion(&mut self, what: &mut Select) -> bool {
        (what.start_ms, what.end_ms) = on_grid(what, COARSE_MS);
        self.world.disk.never_stop();
        !self.is_disk_broken
    }
}

/// The whole spans that a selection touches: its first and its last moment.
fn on_grid(select: &Select, width_ms: i64) -> (i64, i64) {
    let (before_ms, _) = span_of(select.start_ms, width_ms);
    let (_, end_ms) = span_of(select.end_ms, width_ms);
    let start_ms = if select.start_ms == i64::MIN { i64::MIN } else { before_ms + 1 };
    (start_ms, end_ms)
}

fn n_samples(all: &[Series]) -> usize {
    all.iter().map(|series| series.samples.len()).sum()
}

/// The rollups that a store answers; `None` if it keeps none of this width.
fn found_rollups(
    db: &Db,
    select: &Select,
    width_ms: i64,
) -> Result<Option<Vec<RollupSeries>>, String> {
    let Some(set) = db.rollups(select, width_ms).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let read: Result<Vec<RollupSeries>, _> = set.collect();
    read.map(Some).map_err(|error| error.to_string())
}

/// The rollups of a width, as of a moment, of the samples of a store.
fn rolled(
    store: &MemoryStore,
    select: &Select,
    (width_ms, from_ms): (i64, i64),
) -> Result<Vec<RollupSeries>, String> {
    let all = Select::floats(select.matchers.clone(), i64::MIN, i64::MAX);
    let is_asked = |rollup: &Rollup| {
        let (before_ms, end_ms) = rollup.span(width_ms);
        let first_ms = from_ms.max(select.start_ms);
        before_ms >= first_ms.saturating_sub(1) && end_ms <= select.end_ms
    };
    let mut rolled = Vec::new();
    for series in store.select(&all).map_err(|error| error.to_string())? {
        let Series { labels, samples, .. } = series.map_err(|error| error.to_string())?;
        let mut rollups = widen(&roll(&samples, FINE_MS), width_ms);
        rollups.retain(is_asked);
        if !rollups.is_empty() {
            rolled.push(RollupSeries { labels, rollups });
        }
    }
    Ok(rolled)
}

/// How an answer differs from the one that is expected, if it does.
fn differ(found: Option<&[RollupSeries]>, expected: Option<&[RollupSeries]>) -> Option<String> {
    if found.is_some() != expected.is_some() {
        return Some(format!("{found:?} instead of {expected:?}"));
    }
    let (found, expected) = (found.unwrap_or_default(), expected.unwrap_or_default());
    let (more, less) = (without(found, expected), without(expected, found));
    let is_same = more.is_empty() && less.is_empty() && found.len() == expected.len();
    (!is_same).then(|| format!("found, not expected:\n{more}expected, not found:\n{less}"))
}

/// The rollups that are not among others, a line each.
fn without(all: &[RollupSeries], others: &[RollupSeries]) -> String {
    let mut text = String::new();
    for RollupSeries { labels, rollups } in all {
        let same = others.iter().find(|other| other.labels == *labels);
        let known = same.map_or(&[][..], |other| &other.rollups);
        let is_new = |one: &&Rollup| !known.iter().any(|other| other.same_bits(one));
        for rollup in rollups.iter().filter(is_new) {
            let _infallible = writeln!(text, "  {labels} {rollup:?}");
        }
    }
    text
}
