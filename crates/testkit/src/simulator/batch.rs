//! Batch: rows in the shape of a remote write request. The label fields of a series come in any
//! order, so one series has several spellings, even within one batch.

use model::Sample;
use storage::{Batch, LimitError, Row, Speller};

use crate::Rng;

/// A series of a batch.
#[derive(Debug)]
struct Spelled {
    spelling: Vec<u8>,
    rows: Vec<Row>,
    samples: Vec<Sample>,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct SpelledBatch(Vec<Spelled>);

impl SpelledBatch {
    /// These rows; those of one series that follow each other are one entry.
    pub(super) fn new(rows: Vec<Row>, rng: &mut Rng) -> Self {
        let mut all: Vec<Spelled> = Vec::new();
        for row in rows {
            match all.last_mut() {
                Some(last) if last.rows[0].labels == row.labels => {
                    last.samples.push(row.sample);
                    last.rows.push(row);
                }
                _ => {
                    let spelling = spelling(&row, rng.index(3));
                    all.push(Spelled { spelling, samples: vec![row.sample], rows: vec![row] });
                }
            }
        }
        Self(all)
    }

    /// The rows of everything but these entries, in the order in which they count.
    pub(super) fn rows_without(self, rejected: &[usize]) -> Vec<Row> {
        let entries = self.0.into_iter().enumerate();
        let taken = entries.filter(|(index, _)| !rejected.contains(index));
        taken.flat_map(|(_, entry)| entry.rows).collect()
    }
}

/// The labels of a series as fields, beginning with another one each time.
fn spelling(row: &Row, first: usize) -> Vec<u8> {
    let labels: Vec<_> = row.labels.iter().collect();
    let mut bytes = Vec::new();
    for at in 0..labels.len() {
        let label = labels[(first + at) % labels.len()];
        for text in [&label.name, &label.value] {
            bytes.push(text.len() as u8);
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

impl Batch for SpelledBatch {
    fn speller(&self) -> Speller {
        Speller::RemoteWrite
    }

    fn source(&self) -> &'static str {
        "simulator"
    }

    fn n_series(&self) -> usize {
        self.0.len()
    }

    fn spelling(&self, series: usize) -> &[u8] {
        &self.0[series].spelling
    }

    fn samples(&self, series: usize) -> &[Sample] {
        &self.0[series].samples
    }

    fn labels<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError> {
        let all = self.0[series].rows[0].labels.iter();
        labels.extend(all.map(|label| (label.name.as_str(), label.value.as_str())));
        Ok(())
    }
}
