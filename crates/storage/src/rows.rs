//! Rows as a batch, for engines that take series by their spelling.

use crate::{Batch, LimitError, Row, Speller};
use model::{Labels, Sample};

/// Follows each name and each value in a spelling: no byte of a text in UTF-8.
pub(crate) const END: u8 = 0xff;

/// Each row a series of its own with one sample, spelled by its labels.
#[derive(Debug)]
pub struct RowsBatch<'a> {
    source: &'a str,
    rows: &'a [Row],
    /// All spellings, one behind the other.
    spellings: Vec<u8>,
    /// Where the spelling of each row ends.
    ends: Vec<usize>,
}

impl<'a> RowsBatch<'a> {
    /// A batch of rows from a source, see [`Batch::source`].
    pub fn new(source: &'a str, rows: &'a [Row]) -> Self {
        let mut spellings = Vec::new();
        let mut ends = Vec::with_capacity(rows.len());
        for row in rows {
            spell(&row.labels, &mut spellings);
            ends.push(spellings.len());
        }
        Self { source, rows, spellings, ends }
    }
}

/// Appends how labels are spelled.
pub(crate) fn spell(labels: &Labels, spelling: &mut Vec<u8>) {
    for label in labels {
        for text in [&label.name, &label.value] {
            spelling.extend_from_slice(text.as_bytes());
            spelling.push(END);
        }
    }
}

impl Batch for RowsBatch<'_> {
    fn speller(&self) -> Speller {
        Speller::Labels
    }

    fn source(&self) -> &str {
        self.source
    }

    fn n_series(&self) -> usize {
        self.rows.len()
    }

    fn spelling(&self, series: usize) -> &[u8] {
        let start = series.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.spellings[start..self.ends[series]]
    }

    fn samples(&self, series: usize) -> &[Sample] {
        std::slice::from_ref(&self.rows[series].sample)
    }

    fn labels<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError> {
        let all = self.rows[series].labels.iter();
        labels.extend(all.map(|label| (label.name.as_str(), label.value.as_str())));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::{Labels, Sample};

    use super::RowsBatch;
    use crate::{Batch as _, Row, Speller};

    fn row(pairs: &[(&str, &str)], t_ms: i64) -> Row {
        let labels = Labels::new(pairs.iter().copied()).unwrap();
        Row { labels, sample: Sample::new(t_ms, 1.0) }
    }

    #[test]
    fn rows_are_series_of_one_sample_spelled_by_their_labels() {
        let rows =
            [row(&[("__name__", "a"), ("é", "x")], 1), row(&[], 2), row(&[("__name__", "a")], 3)];
        let batch = RowsBatch::new("push", &rows);
        assert_eq!(
            (batch.speller(), batch.source(), batch.n_series()),
            (Speller::Labels, "push", 3)
        );
        let spellings: [&[u8]; 3] =
            [b"__name__\xffa\xff\xc3\xa9\xffx\xff", b"", b"__name__\xffa\xff"];
        for (series, spelling) in spellings.into_iter().enumerate() {
            assert_eq!(batch.spelling(series), spelling);
            assert_eq!(batch.samples(series).len(), 1);
            assert!(batch.samples(series)[0].same_bits(&rows[series].sample));
            let mut labels = Vec::new();
            batch.labels(series, &mut labels).unwrap();
            assert_eq!(Labels::new(labels).unwrap(), rows[series].labels);
        }
    }

    /// Texts that run into each other are told apart by where they end.
    #[test]
    fn different_labels_are_spelled_differently() {
        let rows = [
            row(&[("a", "bc")], 1),
            row(&[("ab", "c")], 1),
            row(&[("a", "b"), ("c", "d")], 1),
            row(&[("a", "b\0"), ("c", "d")], 1),
        ];
        let batch = RowsBatch::new("push", &rows);
        for (a, b) in [(0, 1), (0, 2), (1, 2), (2, 3)] {
            assert_ne!(batch.spelling(a), batch.spelling(b));
        }
    }
}
