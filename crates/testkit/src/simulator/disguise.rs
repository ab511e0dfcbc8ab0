//! Disguise: some appends are of native histograms, and nobody but this file knows. A histogram is
//! made of nothing but a sample, and becomes that sample again when it is read, or the run fails. So
//! whatever the simulator does to samples and finds out about them, it does to histograms too, and
//! series have both kinds, at one time too.

use std::sync::Arc;

use model::{BucketLayout, BucketSpan, Histogram, HistogramSample, Sample, is_stale_marker};
use storage::{AppendError, Appender, Commit, Row, Series, SeriesBatch};

use crate::Rng;

/// The samples of one in so many appends are histograms.
const APPENDS_PER_HISTOGRAMS: u64 = 5;

/// Makes the rows of one append numbers or histograms: the start time of a histogram is odd.
pub(super) fn choose_kind(rows: &mut [Row], rng: &mut Rng) {
    let are_histograms = rng.below(APPENDS_PER_HISTOGRAMS) == 0;
    for row in rows {
        row.sample.start_ms = row.sample.start_ms & !1 | i64::from(are_histograms);
    }
}

/// Makes the rows of one append numbers.
pub(super) fn be_numbers(rows: &mut [Row]) {
    for row in rows {
        row.sample.start_ms &= !1;
    }
}

/// Appends rows as what they are.
pub(super) fn append(appender: &dyn Appender, rows: &[Row]) -> Result<Commit, AppendError> {
    if rows.iter().all(|row| row.sample.start_ms & 1 == 0) {
        return appender.append(rows.to_vec());
    }
    let series: Vec<Series> = rows.iter().map(disguised).collect();
    let appended = appender.append_batch(&SeriesBatch::new("rows", &series))?;
    match appended.rejected.first() {
        None => Ok(appended.commit),
        Some(rejected) => panic!("{rejected:?} is refused, and there is no limit"),
    }
}

fn disguised(row: &Row) -> Series {
    let Sample { t_ms, start_ms, .. } = row.sample;
    let histogram = Arc::new(histogram(&row.sample));
    let histograms = vec![HistogramSample { t_ms, start_ms, histogram }];
    Series { histograms, ..Series::of_floats(row.labels.clone(), Vec::new()) }
}

/// What a sample looks like as a histogram.
fn histogram(sample: &Sample) -> Histogram {
    if is_stale_marker(sample.value) {
        return Histogram::stale_marker();
    }
    let bits = sample.value.to_bits().rotate_left(20);
    let length = (bits % 4) as u32;
    let positive_spans = vec![BucketSpan { offset: -1, length }];
    let layout = BucketLayout { schema: (bits % 3) as i8, positive_spans, ..Default::default() };
    let positive: Vec<f64> = (0..length).map(|at| (bits >> (8 * at) & 0xff) as f64).collect();
    let count = positive.iter().sum::<f64>() + (bits % 7) as f64;
    Histogram { layout: Arc::new(layout), count, sum: sample.value, positive, ..Default::default() }
}

/// A series of samples again.
pub(super) fn plain(series: Series) -> Result<Series, String> {
    let Series { labels, mut samples, histograms } = series;
    let n_floats = samples.len();
    for found in histograms {
        let HistogramSample { t_ms, start_ms, histogram: shape } = found;
        let sample = Sample { t_ms, value: shape.sum, start_ms };
        if start_ms & 1 == 0 || !shape.same_bits(&histogram(&sample)) {
            return Err(format!("{labels} has {shape:?} at {t_ms}, which nobody appended"));
        }
        samples.push(sample);
    }
    if n_floats < samples.len() {
        samples.sort_by_key(|sample| sample.t_ms);
        if samples.windows(2).any(|pair| pair[0].t_ms == pair[1].t_ms) {
            return Err(format!("{labels} has a number and a histogram at one time"));
        }
    }
    Ok(Series::of_floats(labels, samples))
}
