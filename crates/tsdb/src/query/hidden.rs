//! Hidden: what is still on disk and no reader sees, because it was deleted or is older than a rule
//! of retention keeps it.
//!
//! A reader asks once per block, then once per series. Compaction asks the same question, so that
//! what is hidden does not come into the block that it writes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use model::{HistogramSample, Labels, Matcher, Sample};
use parking_lot::RwLock;
use storage::Select;

use crate::block::{Block, BlockInfo, Columns, Lost};
use crate::config::RetentionRule;
use crate::keep::tombstones::Tombstone;

/// What the store hides. Who reads it along with the blocks holds the blocks: a tombstone goes only
/// after the blocks that it hides something in.
#[derive(Default)]
pub(crate) struct Hiding {
    tombstones: RwLock<Arc<[Arc<Tombstone>]>>,
    /// Set when the file was not replaced and may be all the same, at the next start.
    pub(crate) is_file_unsure: AtomicBool,
    floors: RwLock<Arc<[RuleFloor]>>,
}

/// What a rule of retention says at a moment.
#[derive(Debug, Clone)]
pub(crate) struct RuleFloor {
    /// The series it speaks of, unless an earlier rule does.
    pub(crate) matchers: Vec<Matcher>,
    /// Samples before this are hidden, Unix milliseconds.
    pub(crate) floor_ms: i64,
}

impl Hiding {
    /// Hides what these were made for.
    pub(crate) fn new(tombstones: Vec<Arc<Tombstone>>) -> Self {
        let hiding = Self::default();
        hiding.set_tombstones(tombstones);
        hiding
    }

    /// The deletions, the oldest first.
    pub(crate) fn tombstones(&self) -> Arc<[Arc<Tombstone>]> {
        Arc::clone(&self.tombstones.read())
    }

    /// Replaces the deletions.
    pub(crate) fn set_tombstones(&self, tombstones: Vec<Arc<Tombstone>>) {
        *self.tombstones.write() = tombstones.into();
    }

    /// The rules of retention.
    pub(crate) fn floors(&self) -> Arc<[RuleFloor]> {
        Arc::clone(&self.floors.read())
    }

    /// Counts the rules from this moment on, Unix milliseconds; a floor never falls.
    pub(crate) fn raise_floors(&self, rules: &[RetentionRule], now_ms: i64) {
        let before = self.floors();
        let raised = |(at, rule): (usize, &RetentionRule)| {
            let floor_ms = rule.floor_ms(now_ms);
            let known_ms = before.get(at).map_or(i64::MIN, |known| known.floor_ms);
            RuleFloor { matchers: rule.matchers.clone(), floor_ms: floor_ms.max(known_ms) }
        };
        *self.floors.write() = rules.iter().enumerate().map(raised).collect();
    }

    /// What is hidden in a block.
    pub(crate) fn in_block(&self, block: &BlockInfo) -> Hidden {
        let tombstones = self.tombstones();
        let reaching = tombstones.iter().filter(|tombstone| tombstone.reaches(block));
        let floors = self.floors();
        let bites = floors.iter().any(|rule| rule.floor_ms > block.min_ms);
        Hidden {
            tombstones: reaching.cloned().collect(),
            floors: if bites { floors } else { Arc::default() },
        }
    }

    /// What is hidden in a block of a tier: deletions that it does not know of, and what rules have
    /// outdated.
    pub(crate) fn in_tier(&self, block: &BlockInfo) -> Hidden {
        let tombstones = self.tombstones();
        let reaching = tombstones.iter().filter(|tombstone| tombstone.reaches_tier(block));
        Hidden { tombstones: reaching.cloned().collect(), floors: self.floors() }
    }

    /// The values of a label in a block, over all series that match and of which something at or
    /// after a moment is seen.
    pub(crate) fn seen_values(
        &self,
        block: &Arc<Block>,
        name: &str,
        select: &Select,
        lost: &mut Lost,
    ) -> Vec<String> {
        let hidden = self.in_block(&block.info());
        if hidden.is_nothing() {
            return block.label_values(name, &select.matchers, select.start_ms, lost);
        }
        block.visible_values(name, select, &hidden, lost).into_iter().collect()
    }

    /// The names of labels in a block, over all series that match and of which something at or after
    /// a moment is seen.
    pub(crate) fn seen_names(
        &self,
        block: &Arc<Block>,
        select: &Select,
        lost: &mut Lost,
    ) -> Vec<String> {
        let hidden = self.in_block(&block.info());
        if hidden.is_nothing() {
            return block.label_names(&select.matchers, select.start_ms, lost);
        }
        block.visible_names(select, &hidden, lost).into_iter().collect()
    }

    /// What is hidden of what is not in blocks yet.
    pub(crate) fn in_head(&self) -> Hidden {
        Hidden { tombstones: Vec::new(), floors: self.floors() }
    }
}

/// What is hidden in one block, or in the head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hidden {
    tombstones: Vec<Arc<Tombstone>>,
    floors: Arc<[RuleFloor]>,
}

impl Hidden {
    /// Whether every series is seen whole.
    pub(crate) fn is_nothing(&self) -> bool {
        self.tombstones.is_empty() && self.floors.is_empty()
    }

    /// What is hidden of a series.
    pub(crate) fn gaps(&self, labels: &Labels) -> Gaps {
        let deleted = self.tombstones.iter().filter(|tombstone| tombstone.matches(labels));
        let rule = self.floors.iter().find(|rule| rule.matchers.iter().all(|m| m.matches(labels)));
        Gaps {
            floor_ms: rule.map_or(i64::MIN, |rule| rule.floor_ms),
            deleted: deleted.map(|tombstone| (tombstone.start_ms, tombstone.end_ms)).collect(),
        }
    }
}

/// The times at which the samples of a series are hidden.
#[derive(Debug, Clone)]
pub(crate) struct Gaps {
    /// Before this, Unix milliseconds.
    pub(crate) floor_ms: i64,
    /// Within these, both ends included.
    deleted: Vec<(i64, i64)>,
}

impl Default for Gaps {
    fn default() -> Self {
        Self { floor_ms: i64::MIN, deleted: Vec::new() }
    }
}

impl Gaps {
    /// Whether a sample at this time is hidden.
    pub(crate) fn hide(&self, t_ms: i64) -> bool {
        let is_deleted = |(start_ms, end_ms): &(i64, i64)| (*start_ms..=*end_ms).contains(&t_ms);
        t_ms < self.floor_ms || self.deleted.iter().any(is_deleted)
    }

    /// Whether nothing is hidden but what is before the floor.
    pub(crate) fn is_floor_alone(&self) -> bool {
        self.deleted.is_empty()
    }

    /// Whether some time within these, both included, may be hidden.
    pub(crate) fn touch(&self, min_ms: i64, max_ms: i64) -> bool {
        let overlaps = |(start_ms, end_ms): &(i64, i64)| *start_ms <= max_ms && *end_ms >= min_ms;
        min_ms < self.floor_ms || self.deleted.iter().any(overlaps)
    }

    /// Whether every time within these, both included, is hidden for one reason.
    pub(crate) fn cover(&self, min_ms: i64, max_ms: i64) -> bool {
        let covers = |(start_ms, end_ms): &(i64, i64)| *start_ms <= min_ms && *end_ms >= max_ms;
        max_ms < self.floor_ms || self.deleted.iter().any(covers)
    }

    /// Takes the hidden ones out of samples in rising time.
    pub(crate) fn cut(&self, samples: &mut Vec<Sample>) {
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return };
        if self.touch(first.t_ms, last.t_ms) {
            samples.retain(|sample| !self.hide(sample.t_ms));
        }
    }

    /// The same for native histograms.
    pub(crate) fn cut_histograms(&self, samples: &mut Vec<HistogramSample>) {
        samples.retain(|sample| !self.hide(sample.t_ms));
    }

    /// The same for columns.
    pub(crate) fn cut_columns(&self, columns: &mut Columns) {
        let (Some(first), Some(last)) = (columns.times.first(), columns.times.last()) else {
            return;
        };
        if !self.touch(*first, *last) {
            return;
        }
        let mut kept = Columns::default();
        for (at, t_ms) in columns.times.iter().enumerate() {
            if !self.hide(*t_ms) {
                kept.push(&columns.borrow().sample(at));
            }
        }
        *columns = kept;
    }
}
