//! Group: the metrics that were pushed under the same labels.

use std::collections::BTreeMap;

use model::{Labels, METRIC_NAME, MetadataKind};
use wire::pushgateway::{PushedFamily, PushedPage, PushedValue, read_group, write_group};

const PUSH_TIME: &str = "push_time_seconds";
const FAILURE_TIME: &str = "push_failure_time_seconds";

/// One group. Its labels are its key where it is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) page: PushedPage,
    /// The last push that was taken, Unix milliseconds; 0 if there was none.
    pub(super) pushed_ms: i64,
    /// The last push that was refused, Unix milliseconds; 0 if there was none.
    pub(super) failed_ms: i64,
    /// When its samples were stored last, Unix milliseconds.
    pub(super) stored_ms: i64,
    /// Bytes of it as a text.
    pub(super) n_bytes: usize,
}

impl Group {
    /// The group after a push.
    pub(super) fn pushed(&self, page: PushedPage, replaces: bool, now_ms: i64) -> Self {
        let mut after = self.clone();
        if replaces {
            after.page.clear();
        }
        after.page.extend(page);
        // These two are ours to say.
        after.page.remove(PUSH_TIME);
        after.page.remove(FAILURE_TIME);
        after.pushed_ms = now_ms;
        after
    }

    /// Its series and their values. The labels of the group win.
    pub(super) fn series(&self, labels: &Labels) -> BTreeMap<Labels, PushedValue> {
        self.all_series(labels).collect()
    }

    /// The first series that is there twice, once the labels of the group are set in all.
    pub(super) fn twice(&self, labels: &Labels) -> Option<Labels> {
        let mut all: Vec<Labels> = self.all_series(labels).map(|(series, _)| series).collect();
        all.sort_unstable();
        let twice = all.windows(2).find(|both| both[0] == both[1]);
        twice.map(|both| both[0].clone())
    }

    fn all_series<'a>(
        &'a self,
        labels: &'a Labels,
    ) -> impl Iterator<Item = (Labels, PushedValue)> + 'a {
        let times = self.times(labels);
        let pushed = self.page.values().flat_map(|family| &family.series);
        let times: Vec<(Labels, PushedValue)> =
            times.into_iter().flat_map(|(_, family)| family.series).collect();
        let of_group = move |series: &Labels| {
            labels.iter().fold(series.clone(), |series, l| series.with(&l.name, &l.value))
        };
        pushed.map(move |(series, value)| (of_group(series), value.clone())).chain(times)
    }

    /// The two families that say when there were pushes.
    fn times(&self, labels: &Labels) -> [(&'static str, PushedFamily); 2] {
        let family = |name: &'static str, help: &str, t_ms: i64| {
            let series =
                vec![(labels.clone().with(METRIC_NAME, name), (t_ms as f64 / 1000.0).into())];
            (name, PushedFamily { kind: MetadataKind::Gauge, help: help.to_owned(), series })
        };
        [
            family(PUSH_TIME, "Last Unix time when changing this group succeeded.", self.pushed_ms),
            family(FAILURE_TIME, "Last Unix time when changing this group failed.", self.failed_ms),
        ]
    }

    /// The group as a text that [`Group::read`] reads.
    pub(super) fn write(&self, labels: &Labels) -> String {
        let mut page = self.page.clone();
        page.extend(self.times(labels).map(|(name, family)| (name.to_owned(), family)));
        write_group(&page)
    }

    /// A group and its labels; `None` is a text that was not written here.
    pub(super) fn read(text: &str) -> Option<(Labels, Self)> {
        let mut page = read_group(text).ok()?;
        let mut time = |name| {
            let (labels, seconds) = page.remove(name)?.series.pop()?;
            let t_ms = wire::openmetrics::seconds_to_ms(seconds.number())?;
            Some((labels.with(METRIC_NAME, ""), t_ms))
        };
        let (labels, pushed_ms) = time(PUSH_TIME)?;
        let (_, failed_ms) = time(FAILURE_TIME)?;
        let n_bytes = text.len();
        Some((labels, Self { page, pushed_ms, failed_ms, stored_ms: 0, n_bytes }))
    }
}
