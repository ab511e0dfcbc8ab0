//! Spelled: samples as a text names them, line after line, on their way in as one batch.
//!
//! Names and values are borrowed from the text and copied once, into the spelling by which an engine
//! knows its series again; a series that was there before costs no allocation.

use std::sync::Arc;

use model::{Exemplar, HistogramSample, Sample};

use crate::rows::END;
use crate::{Batch, LimitError, Speller};

/// See the head of this file. Spelled by labels.
#[derive(Debug)]
pub struct SpelledBatch {
    source: Arc<str>,
    spellings: Vec<u8>,
    places: Vec<Place>,
    samples: Vec<Sample>,
    /// Rising by the series they are of.
    exemplars: Vec<(usize, Exemplar)>,
    /// The same of native histograms.
    histograms: Vec<(usize, HistogramSample)>,
}

/// Where the parts of a series end.
#[derive(Debug, Clone, Copy)]
struct Place {
    spelling_end: usize,
    samples_end: usize,
}

impl SpelledBatch {
    /// An empty batch from a source, see [`Batch::source`].
    pub fn new(source: Arc<str>) -> Self {
        Self {
            source,
            spellings: Vec::new(),
            places: Vec::new(),
            samples: Vec::new(),
            exemplars: Vec::new(),
            histograms: Vec::new(),
        }
    }

    /// Adds a series, named by pairs in any order, the metric name among them. A pair with an empty
    /// value is absent. `pairs` is used up.
    ///
    /// # Errors
    /// The pairs name no series; then nothing is added.
    pub fn push(
        &mut self,
        pairs: &mut Vec<(&str, &str)>,
        samples: &[Sample],
    ) -> Result<(), LimitError> {
        pairs.retain(|(_, value)| !value.is_empty());
        pairs.sort_unstable_by_key(|(name, _)| *name);
        if pairs.first().is_some_and(|(name, _)| name.is_empty()) {
            return Err(LimitError::BadLabels { reason: "a label has an empty name".to_owned() });
        }
        if let Some(twice) = pairs.windows(2).find(|both| both[0].0 == both[1].0) {
            let reason = format!("label {:?} is given twice", twice[0].0);
            return Err(LimitError::BadLabels { reason });
        }
        for text in pairs.drain(..).flat_map(<[&str; 2]>::from) {
            self.spellings.extend_from_slice(text.as_bytes());
            self.spellings.push(END);
        }
        self.samples.extend_from_slice(samples);
        let place = Place { spelling_end: self.spellings.len(), samples_end: self.samples.len() };
        self.places.push(place);
        Ok(())
    }

    /// Adds an exemplar to the series that was added last.
    ///
    /// # Panics
    /// When there is none.
    pub fn push_exemplar(&mut self, exemplar: Exemplar) {
        let last = self.places.len().checked_sub(1).expect("a series was added before");
        self.exemplars.push((last, exemplar));
    }

    /// Adds a native histogram, which is valid, to the series that was added last and has none yet.
    ///
    /// # Panics
    /// When there is no series, or it has one.
    pub fn push_histogram(&mut self, histogram: HistogramSample) {
        let last = self.places.len().checked_sub(1).expect("a series was added before");
        assert!(self.histograms.last().is_none_or(|(of, _)| *of < last), "one of a series");
        self.histograms.push((last, histogram));
    }

    /// How many samples there are, histograms among them.
    pub fn n_samples(&self) -> usize {
        self.samples.len() + self.histograms.len()
    }

    /// Bytes of all spellings.
    pub fn n_bytes(&self) -> usize {
        self.spellings.len()
    }

    /// Makes it empty; its memory is used again.
    pub fn clear(&mut self) {
        self.spellings.clear();
        self.places.clear();
        self.samples.clear();
        self.exemplars.clear();
        self.histograms.clear();
    }

    fn before(&self, series: usize) -> Place {
        let start = Place { spelling_end: 0, samples_end: 0 };
        series.checked_sub(1).map_or(start, |before| self.places[before])
    }
}

impl Batch for SpelledBatch {
    fn speller(&self) -> Speller {
        Speller::Labels
    }

    fn source(&self) -> &str {
        &self.source
    }

    fn n_series(&self) -> usize {
        self.places.len()
    }

    fn spelling(&self, series: usize) -> &[u8] {
        &self.spellings[self.before(series).spelling_end..self.places[series].spelling_end]
    }

    fn samples(&self, series: usize) -> &[Sample] {
        &self.samples[self.before(series).samples_end..self.places[series].samples_end]
    }

    fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    fn histograms(&self, series: usize) -> &[HistogramSample] {
        let at = self.histograms.binary_search_by_key(&series, |(of, _)| *of);
        at.map_or(&[], |at| std::slice::from_ref(&self.histograms[at].1))
    }

    fn has_exemplars(&self) -> bool {
        !self.exemplars.is_empty()
    }

    fn exemplars(&self, series: usize) -> &[Exemplar] {
        // One of a sample, as a text has it; a slice of several needs no place of its own.
        let at = self.exemplars.binary_search_by_key(&series, |(of, _)| *of);
        at.map_or(&[], |at| std::slice::from_ref(&self.exemplars[at].1))
    }

    fn labels<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError> {
        let mut texts = self.spelling(series).split(|byte| *byte == END);
        let text = |bytes| str::from_utf8(bytes).expect("a spelling is made of texts");
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            labels.push((text(name), text(value)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::{Exemplar, Labels, Sample};

    use super::SpelledBatch;
    use crate::{Batch as _, LimitError, Row, RowsBatch};

    fn labels(batch: &SpelledBatch, series: usize) -> Labels {
        let mut pairs = Vec::new();
        batch.labels(series, &mut pairs).unwrap();
        Labels::new(pairs).unwrap()
    }

    #[test]
    fn series_are_spelled_as_rows_with_the_same_labels_are() {
        let mut batch = SpelledBatch::new("test".into());
        let samples = [Sample::new(1, 2.0), Sample::new(2, 3.0)];
        batch.push(&mut vec![("b", "é"), ("gone", ""), ("__name__", "m")], &samples).unwrap();
        batch.push(&mut vec![("__name__", "n")], &samples[..1]).unwrap();
        batch.push(&mut vec![], &[]).unwrap();
        let rows: Vec<Row> = (0..3)
            .map(|series| Row { labels: labels(&batch, series), sample: samples[0] })
            .collect();
        assert_eq!(rows[0].labels.to_string(), "m{b=\"é\"}");
        let as_rows = RowsBatch::new("test", &rows);
        for series in 0..3 {
            assert_eq!(batch.spelling(series), as_rows.spelling(series));
        }
        let n_samples: Vec<usize> = (0..3).map(|series| batch.samples(series).len()).collect();
        assert_eq!((n_samples, batch.n_samples()), (vec![2, 1, 0], 3));
        batch.clear();
        assert_eq!((batch.n_series(), batch.n_samples(), batch.n_bytes()), (0, 0, 0));
    }

    #[test]
    fn pairs_that_name_no_series_add_nothing() {
        let mut batch = SpelledBatch::new("test".into());
        for pairs in [vec![("a", "1"), ("a", "2")], vec![("", "x"), ("__name__", "m")]] {
            let error = batch.push(&mut pairs.clone(), &[Sample::new(0, 0.0)]).unwrap_err();
            assert!(matches!(error, LimitError::BadLabels { .. }), "{error}");
        }
        assert_eq!((batch.n_series(), batch.n_samples(), batch.n_bytes()), (0, 0, 0));
    }

    #[test]
    fn exemplars_are_those_of_the_series_added_last() {
        let mut batch = SpelledBatch::new("test".into());
        assert!(!batch.has_exemplars());
        for value in [1.0, 2.0, 3.0] {
            batch.push(&mut vec![("__name__", "m")], &[Sample::new(0, value)]).unwrap();
            if value != 2.0 {
                let labels = Labels::default();
                batch.push_exemplar(Exemplar { labels, value, t_ms: 5 });
            }
        }
        let values = |series| batch.exemplars(series).iter().map(|e| e.value).collect::<Vec<_>>();
        assert_eq!([values(0), values(1), values(2)], [vec![1.0], vec![], vec![3.0]]);
    }
}
