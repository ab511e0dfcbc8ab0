//! Histogram chunks: from the native histograms of one series to the bytes of a chunk and back.
//!
//! A chunk of kind [`KIND_HISTOGRAMS`](super::series_table::KIND_HISTOGRAMS) has times and start
//! times as any other; a run of histograms stands in the place of its values.

use std::sync::Arc;

use model::HistogramSample;

use crate::codec::{histograms, starts};

/// How many samples from the first on fit one chunk of at most `n_max`; the next has another layout,
/// or they are too much at once.
pub(super) fn chunk_len(samples: &[HistogramSample], n_max: usize) -> usize {
    histograms::run_len(&samples[..samples.len().min(n_max)])
}

/// Writes as many samples as [`chunk_len`] says, then their start times, and says how many bytes
/// each takes.
pub(super) fn encode_histograms(samples: &[HistogramSample], out: &mut Vec<u8>) -> (u32, u32) {
    let at = out.len();
    histograms::encode(samples, out);
    let values_bytes = out.len() - at;
    if samples.iter().any(|sample| sample.start_ms != 0) {
        let (times, start_times): (Vec<i64>, Vec<i64>) =
            samples.iter().map(|sample| (sample.t_ms, sample.start_ms)).unzip();
        starts::encode(&start_times, &times, out);
    }
    let starts_bytes = out.len() - at - values_bytes;
    (values_bytes as u32, starts_bytes as u32)
}

/// The samples of a chunk at these times; `None` if the bytes are not what a writer writes. Start
/// times are empty if no sample has one.
pub(super) fn decode_histograms(
    values: &[u8],
    start_times: &[u8],
    times: &[i64],
) -> Option<Vec<HistogramSample>> {
    let mut column = Vec::new();
    histograms::decode(values, times.len(), &mut column).ok()?;
    let mut starts_ms = Vec::new();
    if start_times.is_empty() {
        starts_ms.resize(times.len(), 0);
    } else {
        starts::decode(start_times, times, &mut starts_ms).ok()?;
    }
    if starts_ms.len() != times.len() {
        return None;
    }
    let rows = times.iter().zip(starts_ms).zip(column);
    let sample = |((t_ms, start_ms), histogram): ((&i64, i64), _)| HistogramSample {
        t_ms: *t_ms,
        start_ms,
        histogram: Arc::new(histogram),
    };
    Some(rows.map(sample).collect())
}

#[cfg(test)]
mod tests {
    use model::Histogram;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::codec::histograms::random;

    /// Samples of a few layouts in rising time.
    fn samples() -> impl Strategy<Value = Vec<HistogramSample>> {
        let start = prop_oneof![4 => Just(0), 1 => any::<i64>()];
        let times = btree_map(any::<i64>(), start, 1..120);
        (vec(random::run(), 1..4), times).prop_map(|(runs, times)| {
            let histograms = runs.into_iter().flatten();
            let sample = |(histogram, (t_ms, start_ms)): (Histogram, _)| HistogramSample {
                t_ms,
                start_ms,
                histogram: Arc::new(histogram),
            };
            histograms.zip(times).map(sample).collect()
        })
    }

    fn there_and_back(chunk: &[HistogramSample]) -> Option<Vec<HistogramSample>> {
        let mut bytes = vec![0xff; 3];
        let (values_bytes, starts_bytes) = encode_histograms(chunk, &mut bytes);
        let (values, starts) = bytes[3..].split_at(values_bytes as usize);
        assert_eq!(starts.len(), starts_bytes as usize);
        let times: Vec<i64> = chunk.iter().map(|sample| sample.t_ms).collect();
        decode_histograms(values, starts, &times)
    }

    proptest! {
        #[test]
        fn samples_come_back_chunk_by_chunk(samples in samples(), n_max in 1..40_usize) {
            let mut left = &samples[..];
            while !left.is_empty() {
                let n = chunk_len(left, n_max);
                prop_assert!((1..=n_max).contains(&n));
                for (one, other) in there_and_back(&left[..n]).unwrap().iter().zip(left) {
                    let is_stale = other.histogram.is_stale_marker();
                    let is_same = one.same_bits(other) || is_stale && one.histogram.is_stale_marker();
                    prop_assert!(is_same && one.t_ms == other.t_ms);
                    prop_assert_eq!(one.start_ms, other.start_ms);
                }
                left = &left[n..];
            }
        }

        #[test]
        fn any_bytes_do_no_harm(
            values in vec(any::<u8>(), 0..100),
            starts in vec(any::<u8>(), 0..20),
            times in vec(any::<i64>(), 0..20),
        ) {
            if let Some(samples) = decode_histograms(&values, &starts, &times) {
                prop_assert_eq!(samples.len(), times.len());
            }
        }
    }

    #[test]
    fn start_times_take_no_bytes_where_there_are_none() {
        let sample = |start_ms| HistogramSample {
            t_ms: 1000,
            start_ms,
            histogram: Arc::new(Histogram::default()),
        };
        assert_eq!(encode_histograms(&[sample(0)], &mut Vec::new()).1, 0);
        assert!(encode_histograms(&[sample(7)], &mut Vec::new()).1 > 0);
        assert_eq!(there_and_back(&[sample(7)]).unwrap()[0].start_ms, 7);
    }
}
