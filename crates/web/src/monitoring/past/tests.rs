use model::{Labels, Matcher, Sample};
use storage::memory::MemoryStore;
use storage::rollup::roll;
use storage::{
    Appender as _, KeptTier, Querier, ROLLUP_WIDTHS_MS, Remains, RollupSeries, RollupSet, Row,
    Select, SelectError, SeriesSet,
};

use super::{rates, tier_for};
use crate::monitoring::series::{AnswerError, Question, RangeSeries, SERIES_MAX, Window, answer};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// The end of all charts here.
const END_MS: i64 = 48 * HOUR_MS;

/// A store that has rollups alone of what came before a moment.
struct Forgetful {
    whole: MemoryStore,
    whole_from_ms: i64,
}

impl Querier for Forgetful {
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError> {
        let start_ms = select.start_ms.max(self.whole_from_ms);
        self.whole.select(&Select { start_ms, ..select.clone() })
    }

    fn rollups(&self, select: &Select, width_ms: i64) -> Result<Option<RollupSet>, SelectError> {
        assert_eq!((select.start_ms - 1) % width_ms, 0, "on the grid");
        assert_eq!(select.end_ms % width_ms, 0, "on the grid");
        let series = self.whole.select(select)?.map(move |series| {
            let series = series?;
            Ok(RollupSeries { labels: series.labels, rollups: roll(&series.samples, width_ms) })
        });
        Ok(Some(Box::new(series)))
    }

    fn remains(&self) -> Remains {
        let tier = |width_ms| KeptTier { width_ms, from_ms: i64::MIN };
        Remains { whole_from_ms: self.whole_from_ms, tiers: ROLLUP_WIDTHS_MS.map(tier).to_vec() }
    }

    fn label_values(&self, name: &str, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        self.whole.label_values(name, matchers)
    }

    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        self.whole.label_names(matchers)
    }
}

/// Of this series a sample a minute within these hours: the number of its minute, which starts again
/// at 0 every 1,000 minutes.
fn append(store: &MemoryStore, name: &str, hours: std::ops::Range<i64>) {
    let labels = Labels::of_metric("sent_total", [("n", name)]).unwrap();
    let row = |minute: i64| {
        let sample = Sample::new(minute * MINUTE_MS + 7, (minute % 1000) as f64);
        Row { labels: labels.clone(), sample }
    };
    store.append((hours.start * 60..hours.end * 60).map(row).collect()).unwrap();
}

/// Samples of two days, of which all but the rollups is gone before half past the thirtieth hour.
fn store() -> Forgetful {
    let whole = MemoryStore::default();
    append(&whole, "all", 0..48);
    append(&whole, "ended", 0..10);
    append(&whole, "new", 40..48);
    Forgetful { whole, whole_from_ms: 30 * HOUR_MS + HOUR_MS / 2 }
}

fn ask(querier: &dyn Querier, points: usize, rate: bool, sum: bool) -> Vec<RangeSeries> {
    let window = Window::new(Some(HOUR_MS), Some(END_MS), Some(points), END_MS).unwrap();
    let question = Question { metric: "sent_total".to_owned(), conditions: Vec::new(), rate, sum };
    answer(querier, window, &question).unwrap()
}

/// The name and the values of each line.
fn lines(series: &[RangeSeries]) -> Vec<(String, Vec<Option<f64>>)> {
    let said = serde_json::to_value(series).unwrap();
    let line = |series: &serde_json::Value| {
        let points = series["points"].as_array().unwrap();
        let values = points.iter().map(|point| point[1].as_f64()).collect();
        (series["labels"]["n"].as_str().unwrap_or_default().to_owned(), values)
    };
    said.as_array().unwrap().iter().map(line).collect()
}

/// How far two lines are apart at most; infinitely if one has a point that the other lacks.
fn distance(a: &[Option<f64>], b: &[Option<f64>]) -> f64 {
    assert_eq!(a.len(), b.len());
    let apart = |(a, b): (&Option<f64>, &Option<f64>)| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs(),
        (None, None) => 0.0,
        _ => f64::INFINITY,
    };
    a.iter().zip(b).map(apart).fold(0.0, f64::max)
}

#[test]
fn a_chart_of_samples_that_are_gone_is_that_of_the_samples() {
    let store = store();
    for sum in [false, true] {
        // Steps of one hour, each of which is a rollup.
        let (whole, left) = (ask(&store.whole, 48, false, sum), ask(&store, 48, false, sum));
        let (whole, left) = (lines(&whole), lines(&left));
        let names =
            |lines: &[(String, _)]| lines.iter().map(|line| line.0.clone()).collect::<Vec<_>>();
        assert_eq!(names(&left), names(&whole));
        assert_eq!(left.len(), if sum { 1 } else { 3 });
        for (whole, left) in whole.iter().zip(&left) {
            assert!(distance(&whole.1[1..], &left.1[1..]) < 1e-9, "{}", whole.0);
        }
    }
}

#[test]
fn rates_of_samples_that_are_gone_are_whole_resets_included() {
    let found = ask(&store(), 48, true, false);
    let all = lines(&found);
    let (name, values) = &all[0];
    assert_eq!(name, "all");
    // Minutes that begin again have a rate of nearly nothing: the counter began at 0.
    for (hour, value) in values.iter().enumerate().skip(1) {
        let rate = value.unwrap_or_else(|| panic!("no rate in hour {hour}"));
        assert!((1.0 / 60.0 - 0.001..=1.0 / 60.0 + 1e-9).contains(&rate), "{hour}: {rate}");
    }
}

#[test]
fn a_chart_finer_than_rollups_holds_their_means() {
    let found = ask(&store(), 2000, false, false);
    let all = lines(&found);
    // 102 points of two minutes are one hour and more.
    for value in &all[0].1[10..100] {
        assert!(value.is_some());
    }
    // The mean of each five minutes, held until the next one.
    let held = &all[0].1[30..45];
    let n_values = held.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!((5..=8).contains(&n_values), "{held:?}");
    // A line that ended goes on for less than two rollups.
    let n_values = all[1].1.iter().flatten().count();
    assert!((9 * 30..9 * 30 + 6).contains(&n_values), "{n_values}");
}

#[test]
fn series_of_the_past_count_as_lines() {
    let whole = MemoryStore::default();
    for n in 0..=SERIES_MAX {
        let labels = Labels::of_metric("sent_total", [("n", n.to_string().as_str())]).unwrap();
        let t_ms = if n % 2 == 0 { 2 * HOUR_MS } else { 47 * HOUR_MS };
        whole.append(vec![Row { labels, sample: Sample::new(t_ms, 1.0) }]).unwrap();
    }
    let store = Forgetful { whole, whole_from_ms: 30 * HOUR_MS };
    let window = Window::new(Some(HOUR_MS), Some(END_MS), Some(10), END_MS).unwrap();
    let question = |conditions| Question {
        metric: "sent_total".to_owned(),
        conditions,
        rate: false,
        sum: false,
    };
    let refused = answer(&store, window, &question(Vec::new()));
    assert!(matches!(refused, Err(AnswerError::TooManySeries)));
    let but_one = vec![Matcher::not_equal("n", "0")];
    assert_eq!(answer(&store, window, &question(but_one)).unwrap().len(), SERIES_MAX);
}

#[test]
fn a_tier_that_reaches_back_and_fits_the_step_is_chosen() {
    let (fine, coarse) = (
        KeptTier { width_ms: 5 * MINUTE_MS, from_ms: 10 * HOUR_MS },
        KeptTier { width_ms: HOUR_MS, from_ms: 0 },
    );
    let chosen = |step_ms, start_hour: i64| {
        tier_for(&[fine, coarse], step_ms, start_hour * HOUR_MS).map(|tier| tier.width_ms)
    };
    assert_eq!(chosen(2 * HOUR_MS, 20), Some(HOUR_MS));
    assert_eq!(chosen(15 * MINUTE_MS, 20), Some(5 * MINUTE_MS));
    assert_eq!(chosen(15 * MINUTE_MS, 5), Some(HOUR_MS), "the fine one has not its beginning");
    assert_eq!(chosen(MINUTE_MS, 20), Some(5 * MINUTE_MS));
    assert_eq!(chosen(HOUR_MS, -5), Some(HOUR_MS), "nothing reaches back so far");
    assert_eq!(tier_for(&[], HOUR_MS, 0), None);
}

#[test]
fn a_rate_needs_two_moments() {
    let once = roll(&[Sample::new(1000, 5.0)], HOUR_MS);
    assert!(rates(&once).is_empty());
    let twice = roll(&[Sample::new(1000, 5.0), Sample::new(3000, 9.0)], HOUR_MS);
    let found: Vec<_> = rates(&twice).iter().map(|s| (s.t_ms, s.value)).collect();
    assert_eq!(found, [(3000, 2.0)]);
}
