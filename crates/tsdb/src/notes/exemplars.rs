//! Exemplars: the newest ones of all series, so many and no more: the one that came first goes
//! first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::{Exemplar, Labels, Matcher};
use storage::SeriesExemplars;

/// When an exemplar was taken, counted by exemplars, and its time, Unix milliseconds.
type Place = (i64, u64);

/// See the head of this file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exemplars {
    /// In the order of their times.
    series: BTreeMap<Arc<Labels>, BTreeMap<Place, Exemplar>>,
    /// All of them, the one that came first at the front.
    order: VecDeque<(Arc<Labels>, Place)>,
    n_taken: u64,
}

impl Exemplars {
    /// Takes an exemplar of a series and says whether it was new; at most `n_max` stay.
    pub(crate) fn add(&mut self, labels: &Labels, exemplar: &Exemplar, n_max: usize) -> bool {
        let key = match self.series.get_key_value(labels) {
            Some((key, known)) => {
                let mut same_time = known.range((exemplar.t_ms, 0)..=(exemplar.t_ms, u64::MAX));
                if same_time.any(|(_, known)| known.same_bits(exemplar)) {
                    return false;
                }
                Arc::clone(key)
            }
            None => Arc::new(labels.clone()),
        };
        let place = (exemplar.t_ms, self.n_taken);
        self.n_taken += 1;
        self.series.entry(Arc::clone(&key)).or_default().insert(place, exemplar.clone());
        self.order.push_back((key, place));
        while self.order.len() > n_max {
            self.drop_first();
        }
        true
    }

    fn drop_first(&mut self) {
        let Some((labels, place)) = self.order.pop_front() else { return };
        let Some(of_series) = self.series.get_mut(&labels) else { return };
        of_series.remove(&place);
        if of_series.is_empty() {
            self.series.remove(&labels);
        }
    }

    /// All of them, the one that came first at the front.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (&Arc<Labels>, &Exemplar)> {
        self.order.iter().map(|(labels, place)| (labels, &self.series[labels][place]))
    }

    /// Those of series that match within these times, both inclusive, by series and time.
    pub(crate) fn within(
        &self,
        matchers: &[Matcher],
        (start_ms, end_ms): (i64, i64),
    ) -> Vec<SeriesExemplars> {
        if start_ms > end_ms {
            return Vec::new();
        }
        let matches = |labels: &Labels| matchers.iter().all(|matcher| matcher.matches(labels));
        let matching = self.series.iter().filter(|(labels, _)| matches(labels));
        let in_range = matching.map(|(labels, of_series)| {
            let exemplars = of_series.range((start_ms, 0)..=(end_ms, u64::MAX));
            let exemplars = exemplars.map(|(_, exemplar)| exemplar.clone()).collect();
            SeriesExemplars { labels: (**labels).clone(), exemplars }
        });
        in_range.filter(|series| !series.exemplars.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(job: &str) -> Labels {
        Labels::of_metric("m", [("job", job)]).unwrap()
    }

    fn exemplar(t_ms: i64, value: f64) -> Exemplar {
        Exemplar { labels: Labels::new([("trace_id", "4f")]).unwrap(), value, t_ms }
    }

    fn told(exemplars: &Exemplars, range: (i64, i64)) -> Vec<(String, Vec<i64>)> {
        let of_series = |series: SeriesExemplars| {
            let times = series.exemplars.iter().map(|exemplar| exemplar.t_ms).collect();
            (series.labels.get("job").unwrap().to_owned(), times)
        };
        exemplars.within(&[], range).into_iter().map(of_series).collect()
    }

    #[test]
    fn the_first_that_came_goes_first() {
        let mut exemplars = Exemplars::default();
        for (job, t_ms) in [("a", 9), ("b", 1), ("a", 5), ("b", 2)] {
            assert!(exemplars.add(&labels(job), &exemplar(t_ms, 1.0), 3));
        }
        let all = (i64::MIN, i64::MAX);
        assert_eq!(told(&exemplars, all), [("a".into(), vec![5]), ("b".into(), vec![1, 2])]);
        exemplars.add(&labels("c"), &exemplar(0, 1.0), 1);
        assert_eq!(told(&exemplars, all), [("c".into(), vec![0])]);
        assert_eq!(exemplars.series.len(), 1, "a series without one is forgotten");
        assert_eq!(told(&exemplars, (1, 9)), []);
        assert_eq!(told(&exemplars, (1, 0)), []);
    }

    #[test]
    fn what_is_sent_twice_is_kept_once() {
        let mut exemplars = Exemplars::default();
        assert!(exemplars.add(&labels("a"), &exemplar(1, 1.0), 9));
        assert!(exemplars.add(&labels("a"), &exemplar(1, 2.0), 9));
        assert!(!exemplars.add(&labels("a"), &exemplar(1, 1.0), 9));
        assert_eq!(exemplars.in_order().count(), 2);
    }
}
