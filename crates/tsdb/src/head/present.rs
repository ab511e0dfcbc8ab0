//! Presence: which series of the head have a sample in a range of time.

use model::{Labels, Matcher};

use super::epoch::Wanted;
use super::{Head, place};
use crate::query::hidden::Hidden;

impl Head {
    /// The labels of the series that match and have a sample that is wanted and not hidden, in their
    /// order.
    pub(crate) fn present(
        &self,
        matchers: &[Matcher],
        wanted: Wanted,
        hidden: &Hidden,
    ) -> Vec<Labels> {
        let identities = self.identities.read();
        let mut slots = identities.matching(matchers);
        identities.sort_by_labels(&mut slots);
        let mut bytes = Vec::new();
        let mut present = Vec::new();
        for slot in slots {
            let (nth, at) = place(slot);
            if hidden.is_nothing() {
                if self.shards[nth].lock().has_sample((at, slot), wanted, &mut bytes) {
                    present.push(identities.labels(slot));
                }
                continue;
            }
            let labels = identities.labels(slot);
            let gaps = hidden.gaps(&labels);
            let range = (wanted.range.0.max(gaps.floor_ms), wanted.range.1);
            let shard = self.shards[nth].lock();
            let is_present = match gaps.is_floor_alone() {
                true => shard.has_sample((at, slot), Wanted { range, ..wanted }, &mut bytes),
                false => {
                    let captured = shard.capture(at, slot, wanted);
                    drop(shard);
                    captured.samples().into_points().any(|point| !gaps.hide(point.t_ms()))
                }
            };
            if is_present {
                present.push(labels);
            }
        }
        present
    }
}
