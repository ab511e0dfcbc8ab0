//! Rows as a batch: single samples with labels of their own, for senders whose samples do not lie
//! together in a request.

use model::{Labels, Sample};

use crate::{Batch, LimitError, Row, Speller};

/// Stands behind each name and each value; it occurs in no UTF-8 text.
const SEPARATOR: u8 = 0xFF;

/// Each row as a series of one sample.
#[derive(Debug, Default)]
pub struct RowsBatch {
    labels: Vec<Labels>,
    samples: Vec<Sample>,
    /// All spellings, one behind the other, and where each one ends.
    spellings: Vec<u8>,
    ends: Vec<usize>,
}

impl RowsBatch {
    /// The rows in their order.
    pub fn new(rows: Vec<Row>) -> Self {
        let mut batch = Self::default();
        for Row { labels, sample } in rows {
            for label in &labels {
                batch.spellings.extend_from_slice(label.name.as_bytes());
                batch.spellings.push(SEPARATOR);
                batch.spellings.extend_from_slice(label.value.as_bytes());
                batch.spellings.push(SEPARATOR);
            }
            batch.ends.push(batch.spellings.len());
            batch.labels.push(labels);
            batch.samples.push(sample);
        }
        batch
    }
}

impl Batch for RowsBatch {
    fn speller(&self) -> Speller {
        Speller::Labels
    }

    fn source(&self) -> &str {
        "rows"
    }

    fn n_series(&self) -> usize {
        self.labels.len()
    }

    fn spelling(&self, series: usize) -> &[u8] {
        let start = series.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.spellings[start..self.ends[series]]
    }

    fn samples(&self, series: usize) -> &[Sample] {
        std::slice::from_ref(&self.samples[series])
    }

    fn labels<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError> {
        let pairs = self.labels[series].iter();
        labels.extend(pairs.map(|label| (label.name.as_str(), label.value.as_str())));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::{Labels, Sample};

    use super::RowsBatch;
    use crate::{Batch as _, Row};

    #[test]
    fn different_labels_are_spelled_differently() {
        let row = |pairs: &[(&str, &str)]| Row {
            labels: Labels::new(pairs.iter().copied()).unwrap(),
            sample: Sample::new(1, 1.0),
        };
        let batch = RowsBatch::new(vec![
            row(&[("a", "bc")]),
            row(&[("ab", "c")]),
            row(&[("a", "b"), ("c", "d")]),
            row(&[]),
            row(&[("a", "bc")]),
        ]);
        let spellings: Vec<&[u8]> = (0..5).map(|series| batch.spelling(series)).collect();
        assert_eq!(spellings[0], spellings[4]);
        for (at, one) in spellings[..4].iter().enumerate() {
            assert!(spellings[at + 1..4].iter().all(|other| other != one));
        }
        let mut pairs = Vec::new();
        batch.labels(2, &mut pairs).unwrap();
        assert_eq!(pairs, [("a", "b"), ("c", "d")]);
    }
}
