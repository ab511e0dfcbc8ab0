//! Waiting: the samples of a family that counts, until the `_created` lines of that family have said
//! since when. Such a line stands anywhere in its family, mostly behind the samples that it is about.

use std::collections::HashMap;

use model::{Exemplar, METRIC_NAME, Sample};
use wire::openmetrics::{Kind, SampleLine, seconds_to_ms};

use crate::error::ApiError;
use crate::ingest::lines::Sink;

/// Samples, and bytes of labels, that wait at most. Those of a larger family go ahead with the starts
/// that are known by then.
const SAMPLES_MAX: usize = 4096;
const BYTES_MAX: usize = 256 << 10;

/// Names and values of labels.
type Pairs = Vec<(String, String)>;

/// See the head of this file.
#[derive(Default)]
pub(super) struct Waiting {
    family: Option<Family>,
    samples: Vec<Held>,
    n_bytes: usize,
    /// Since when, by the labels of the whole, sorted; and whether somebody wanted to know.
    starts: HashMap<Pairs, (i64, bool)>,
}

/// A family that counts.
struct Family {
    name: String,
    /// The label in which the parts of one distribution differ.
    bound: Option<&'static str>,
}

/// A sample on its way.
struct Held {
    line: u64,
    /// The metric's name first.
    pairs: Pairs,
    sample: Sample,
    exemplar: Option<Exemplar>,
}

impl Waiting {
    /// Begins a family.
    ///
    /// # Errors
    /// Nothing can be taken now.
    pub(super) fn begin(
        &mut self,
        name: &str,
        kind: Kind,
        sink: &mut Sink,
    ) -> Result<(), ApiError> {
        self.end(sink)?;
        let bound = match kind {
            Kind::Counter => None,
            Kind::Histogram => Some("le"),
            Kind::Summary => Some("quantile"),
            _ => return Ok(()),
        };
        self.family = Some(Family { name: name.to_owned(), bound });
        Ok(())
    }

    /// Whether this is the name of the family at hand.
    pub(super) fn is_of(&self, family: &str) -> bool {
        self.family.as_ref().is_some_and(|at_hand| at_hand.name == family)
    }

    /// Whether a sample is to wait.
    pub(super) fn wants(&self, sample: &str) -> bool {
        const SUFFIXES: [&str; 5] = ["_total", "_bucket", "_sum", "_count", ""];
        let suffix = self.family.as_ref().and_then(|family| sample.strip_prefix(&*family.name));
        suffix.is_some_and(|suffix| SUFFIXES.contains(&suffix))
    }

    /// Takes a sample that it wants, from a line.
    ///
    /// # Errors
    /// Nothing can be taken now.
    pub(super) fn hold(
        &mut self,
        line: u64,
        pairs: &[(&str, &str)],
        (sample, exemplar): (Sample, Option<Exemplar>),
        sink: &mut Sink,
    ) -> Result<(), ApiError> {
        self.n_bytes += pairs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let pairs = pairs.iter().map(owned).collect();
        self.samples.push(Held { line, pairs, sample, exemplar });
        self.release_if_full(sink)
    }

    /// Takes a `_created` line.
    ///
    /// # Errors
    /// Nothing can be taken now.
    pub(super) fn created(
        &mut self,
        line: &SampleLine<'_>,
        sink: &mut Sink,
    ) -> Result<(), ApiError> {
        let Some(start_ms) = seconds_to_ms(line.value).filter(|start_ms| *start_ms > 0) else {
            sink.skip(1);
            return Ok(());
        };
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut pairs: Pairs = line.labels.iter().map(owned).collect();
        pairs.sort();
        self.n_bytes += pairs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        self.starts.insert(pairs, (start_ms, false));
        self.release_if_full(sink)
    }

    fn release_if_full(&mut self, sink: &mut Sink) -> Result<(), ApiError> {
        let n = self.samples.len() + self.starts.len();
        if n < SAMPLES_MAX && self.n_bytes < BYTES_MAX {
            return Ok(());
        }
        self.release(sink)?;
        self.forget_starts(sink);
        Ok(())
    }

    /// Ends the family at hand.
    ///
    /// # Errors
    /// Nothing can be taken now.
    pub(super) fn end(&mut self, sink: &mut Sink) -> Result<(), ApiError> {
        self.release(sink)?;
        self.forget_starts(sink);
        self.family = None;
        Ok(())
    }

    /// Stores what waits.
    ///
    /// # Errors
    /// Nothing can be taken now.
    pub(super) fn release(&mut self, sink: &mut Sink) -> Result<(), ApiError> {
        let bound = self.family.as_ref().and_then(|family| family.bound);
        self.n_bytes = 0;
        for mut held in self.samples.drain(..) {
            if let Some(start_ms) = start_of(&mut self.starts, &held, bound) {
                held.sample.start_ms = start_ms;
            }
            let pairs = held.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            sink.series(held.line, pairs.collect(), &[held.sample])?;
            if let Some(exemplar) = held.exemplar {
                sink.exemplar(exemplar);
            }
        }
        Ok(())
    }

    /// A start that nobody asked for is passed over, and counted.
    fn forget_starts(&mut self, sink: &Sink) {
        sink.skip(self.starts.values().filter(|(_, is_used)| !is_used).count() as u64);
        self.starts.clear();
    }
}

/// Since when a sample counts, if a line has said it: a time before its own.
fn start_of(
    starts: &mut HashMap<Pairs, (i64, bool)>,
    held: &Held,
    bound: Option<&'static str>,
) -> Option<i64> {
    if starts.is_empty() {
        return None;
    }
    let is_whole = |(name, _): &&(String, String)| name != METRIC_NAME && Some(&**name) != bound;
    let mut pairs: Pairs = held.pairs.iter().filter(is_whole).cloned().collect();
    pairs.sort();
    let (start_ms, is_used) = starts.get_mut(&pairs)?;
    *is_used = true;
    // The value at a quantile is no count.
    let is_quantile = bound == Some("quantile") && held.pairs.len() > pairs.len() + 1;
    (!is_quantile && *start_ms < held.sample.t_ms).then_some(*start_ms)
}
