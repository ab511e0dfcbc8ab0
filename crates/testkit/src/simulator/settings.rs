//! Settings: what a seed decides about its store before the first operation.

use std::path::Path;
use std::time::Duration;

use model::Matcher;
use storage::SeriesLimits;
use tsdb::{Config, Driver, Durability, RetentionRule};

use crate::Rng;

/// Where the store lives.
pub(super) const DIR: &str = "/data/pharos";

/// The store's settings and the span of time that a run is about.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) config: Config,
    /// Samples come up to this much late, milliseconds.
    pub(super) late_ms_max: i64,
    /// So much time passes at once at most, milliseconds.
    pub(super) pass_ms_max: u64,
    /// Whether files rot between two lives.
    pub(super) rots: bool,
    /// Whether the store keeps rollups.
    pub(super) has_tiers: bool,
}

/// Of each four seeds, the one in which files rot, and the one whose store keeps rollups.
const ROT_SEED: u64 = 3;
const TIERS_SEED: u64 = 2;
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

impl Settings {
    /// What this seed runs with.
    pub(super) fn of(seed: u64, rng: &mut Rng) -> Self {
        // A few windows of two hours, or enough days for the widest that a merge makes of them.
        let is_long = rng.per_mille(400);
        let keep_ms = if is_long { 4 * DAY_MS } else { 30 * MINUTE_MS };
        let mut config = Config::new(DIR);
        config.driver = Driver::Manual;
        config.retention = Some(Duration::from_millis(keep_ms));
        // After a power cut the newest sample may be older than that: the clock is right.
        config.doubt_clock_for = Duration::ZERO;
        config.segment_bytes_max = 200 + rng.below(4000);
        config.pending_bytes_max = 20_000;
        if rng.per_mille(250) {
            config.durability = Durability::Async;
        }
        if seed % 4 == TIERS_SEED {
            return Self::with_tiers(config, rng);
        }
        if rng.per_mille(250) {
            config.retention_rules = rules(keep_ms);
        }
        if rng.per_mille(200) {
            config.retention_size_bytes = Some(2000 + rng.below(20_000));
        }
        if rng.per_mille(200) {
            config.series = SeriesLimits {
                total: Some(5 + rng.below(10)),
                per_metric: Some(3 + rng.below(4)),
                per_source: None,
            };
        }
        Self {
            config,
            late_ms_max: (keep_ms + keep_ms / 5) as i64,
            pass_ms_max: if is_long { 3 * HOUR_MS } else { 10 * MINUTE_MS },
            rots: seed % 4 == ROT_SEED,
            has_tiers: false,
        }
    }

    /// A store that keeps rollups of all that its samples were: nothing hides samples but their age
    /// and deletions.
    fn with_tiers(mut config: Config, rng: &mut Rng) -> Self {
        let keep_ms = DAY_MS + rng.below(DAY_MS);
        config.retention = Some(Duration::from_millis(keep_ms));
        let tiers = [3 + rng.below(4), 20].map(|days| Duration::from_millis(days * DAY_MS));
        config.retention_5m = Some(tiers[0]).filter(|_| rng.per_mille(900));
        config.retention_1h = Some(tiers[1]).filter(|_| rng.per_mille(900));
        config.roll_up_after = Some(Duration::from_millis(HOUR_MS)).filter(|_| rng.per_mille(800));
        Self {
            config,
            late_ms_max: (keep_ms + keep_ms / 5) as i64,
            pass_ms_max: 20 * HOUR_MS,
            rots: false,
            has_tiers: true,
        }
    }
}

fn rules(keep_ms: u64) -> Vec<RetentionRule> {
    let odd = Matcher::regex("host", "h.*[13579]").expect("the expression is a good one");
    let rule = |matchers, keep_ms| {
        let keep = Duration::from_millis(keep_ms);
        RetentionRule { matchers, keep }
    };
    vec![
        rule(vec![Matcher::equal("__name__", "cpu"), odd], keep_ms / 3),
        rule(vec![Matcher::equal("__name__", "cpu")], keep_ms / 2),
    ]
}

/// A store beside it, that keeps everything it finds.
pub(super) fn keeping_all(dir: &Path) -> Config {
    let mut config = Config::new(dir);
    config.driver = Driver::Manual;
    config
}
