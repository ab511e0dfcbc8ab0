//! Floors: what retention and its rules have hidden so far. They only rise.

use model::Labels;
use tsdb::Config;

/// See the head of this file.
#[derive(Debug, Clone)]
pub(super) struct Floors {
    all_ms: i64,
    /// By rule, in their order.
    rules_ms: Vec<i64>,
    /// By tier, the finest first; `None` where there is none.
    tiers_ms: [Option<i64>; 2],
}

impl Default for Floors {
    fn default() -> Self {
        Self { all_ms: i64::MIN, rules_ms: Vec::new(), tiers_ms: [None; 2] }
    }
}

impl Floors {
    /// Raises them to what is kept at a moment, Unix milliseconds.
    pub(super) fn raise(&mut self, config: &Config, now_ms: i64) {
        let before = |kept: std::time::Duration| now_ms - kept.as_millis() as i64;
        self.all_ms = self.all_ms.max(config.retention.map_or(i64::MIN, before));
        self.rules_ms.resize(config.retention_rules.len(), i64::MIN);
        for (floor_ms, rule) in self.rules_ms.iter_mut().zip(&config.retention_rules) {
            *floor_ms = before(rule.keep).max(*floor_ms);
        }
        let tiers = [config.retention_5m, config.retention_1h];
        for (floor_ms, kept) in self.tiers_ms.iter_mut().zip(tiers) {
            *floor_ms = kept.map(before).max(*floor_ms);
        }
    }

    /// As of when a tier has rollups, Unix milliseconds, by its place; `None` if there is none.
    pub(super) fn tier_ms(&self, tier: usize) -> Option<i64> {
        self.tiers_ms[tier]
    }

    /// Whether a sample of this time, Unix milliseconds, is still seen.
    pub(super) fn keep(&self, config: &Config, labels: &Labels, t_ms: i64) -> bool {
        let mut rules = config.retention_rules.iter().zip(&self.rules_ms);
        let rule = rules.find(|(rule, _)| rule.matchers.iter().all(|m| m.matches(labels)));
        let floor_ms = rule.map_or(i64::MIN, |(_, floor_ms)| *floor_ms);
        t_ms >= floor_ms.max(self.all_ms)
    }
}
