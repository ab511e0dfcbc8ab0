//! Record: what stands in a frame's payload, a row of definitions or a row of samples.
//!
//! Differences to the record before keep numbers small; each payload starts from zero, so a frame
//! can be read without the ones before it.

use model::Sample;

use super::SeriesRef;
use super::varint::{put_varint, put_varint_at, take_u64, take_varint, unzigzag, zigzag};

/// What a payload is. The numbers are frozen; readers skip those they do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// Definitions of series.
    Series = 1,
    /// Samples with one 64-bit value each.
    Samples = 2,
    /// Native histograms, see [`super::histogram_record`].
    Histograms = 3,
    /// Exemplars, see [`super::exemplar_record`].
    Exemplars = 4,
    /// What metrics are, see [`super::metadata_record`].
    Metadata = 6,
}

impl FrameKind {
    /// The kind with this number, if it is one that we read.
    pub(crate) fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Series),
            2 => Some(Self::Samples),
            3 => Some(Self::Histograms),
            4 => Some(Self::Exemplars),
            6 => Some(Self::Metadata),
            _ => None,
        }
    }
}

/// A payload whose checksum is right and whose content is not: a writer's defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a log record is malformed")]
pub(crate) struct MalformedPayload;

/// No start time is known.
const START_NONE: u64 = 0;
/// The start time follows in full, because its distance exceeds the numbers from
/// [`START_DISTANCE`] on.
const START_FOLLOWS: u64 = 1;
/// This number and up: the distance from start to sample, zigzag.
const START_DISTANCE: u64 = 2;

/// How many bytes a start time takes at most.
pub(super) const START_BYTES_MAX: usize = 10;
/// How many bytes a sample takes at most: reference, time, start, value.
const SAMPLE_BYTES_MAX: usize = 10 + 10 + START_BYTES_MAX + 8;

/// How many bytes a definition takes at most.
pub(crate) fn definition_bytes<'l>(pairs: impl Iterator<Item = (&'l str, &'l str)>) -> usize {
    20 + pairs.map(|(name, value)| name.len() + value.len() + 20).sum::<usize>()
}

/// Appends a definition to a payload.
pub(crate) fn encode_definition<'l>(
    payload: &mut Vec<u8>,
    reference: SeriesRef,
    pairs: impl ExactSizeIterator<Item = (&'l str, &'l str)>,
) {
    payload.extend_from_slice(&reference.to_bits().to_le_bytes());
    put_varint(payload, pairs.len() as u64);
    for (name, value) in pairs {
        put_text(payload, name);
        put_text(payload, value);
    }
}

/// The definitions of a payload, one after the other.
pub(crate) struct Definitions<'p> {
    payload: &'p [u8],
}

impl<'p> Definitions<'p> {
    /// Reads from the start of a payload.
    pub(crate) fn new(payload: &'p [u8]) -> Self {
        Self { payload }
    }

    /// The next one: a reference, and in `pairs` what it stands for from here on.
    pub(crate) fn next_into(
        &mut self,
        pairs: &mut Vec<(&'p str, &'p str)>,
    ) -> Option<Result<SeriesRef, MalformedPayload>> {
        pairs.clear();
        if self.payload.is_empty() {
            return None;
        }
        let taken = take_definition(&mut self.payload, pairs).filter(|_| are_labels(pairs));
        if taken.is_none() {
            self.payload = &[];
        }
        Some(taken.ok_or(MalformedPayload))
    }
}

fn take_definition<'p>(
    payload: &mut &'p [u8],
    pairs: &mut Vec<(&'p str, &'p str)>,
) -> Option<SeriesRef> {
    let reference = SeriesRef::from_bits(take_u64(payload)?);
    let n_labels = take_varint(payload)?;
    for _ in 0..n_labels {
        pairs.push((take_text(payload)?, take_text(payload)?));
    }
    Some(reference)
}

/// Whether they are as [`model::Labels`] has them: rising by name, each once, nothing empty.
fn are_labels(pairs: &[(&str, &str)]) -> bool {
    pairs.iter().all(|(name, value)| !name.is_empty() && !value.is_empty())
        && pairs.windows(2).all(|two| two[0].0 < two[1].0)
}

pub(super) fn put_text(payload: &mut Vec<u8>, text: &str) {
    put_varint(payload, text.len() as u64);
    payload.extend_from_slice(text.as_bytes());
}

pub(super) fn take_text<'p>(payload: &mut &'p [u8]) -> Option<&'p str> {
    let n_bytes = usize::try_from(take_varint(payload)?).ok()?;
    let (text, rest) = payload.split_at_checked(n_bytes)?;
    *payload = rest;
    std::str::from_utf8(text).ok()
}

/// What the next sample's differences are taken from.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Before {
    reference: u64,
    t_ms: i64,
}

/// Appends a sample to a payload; `before` is the one that was appended last, the default at first.
pub(crate) fn encode_sample(
    payload: &mut Vec<u8>,
    before: &mut Before,
    reference: SeriesRef,
    sample: &Sample,
) {
    let reference = reference.to_bits();
    let ref_delta = reference.wrapping_sub(before.reference) as i64;
    // Gathered in place and copied once: this runs for every sample there is.
    let mut bytes = [0; SAMPLE_BYTES_MAX];
    let mut n = put_varint_at(&mut bytes, zigzag(ref_delta));
    n += put_varint_at(&mut bytes[n..], zigzag(sample.t_ms.wrapping_sub(before.t_ms)));
    n += put_start(&mut bytes[n..], sample);
    bytes[n..n + 8].copy_from_slice(&sample.value.to_bits().to_le_bytes());
    payload.extend_from_slice(&bytes[..n + 8]);
    let t_ms = sample.t_ms;
    *before = Before { reference, t_ms };
}

/// Puts a start time at the front of a slice and says how many bytes it takes.
pub(super) fn put_start(slice: &mut [u8], sample: &Sample) -> usize {
    if sample.start_ms == 0 {
        return put_varint_at(slice, START_NONE);
    }
    let distance = sample.t_ms.checked_sub(sample.start_ms).map(zigzag);
    match distance.and_then(|distance| distance.checked_add(START_DISTANCE)) {
        Some(number) => put_varint_at(slice, number),
        None => {
            let n = put_varint_at(slice, START_FOLLOWS);
            slice[n..n + 8].copy_from_slice(&sample.start_ms.to_le_bytes());
            n + 8
        }
    }
}

pub(super) fn take_start(payload: &mut &[u8], t_ms: i64) -> Option<i64> {
    match take_varint(payload)? {
        START_NONE => Some(0),
        START_FOLLOWS => Some(take_u64(payload)? as i64),
        number => t_ms.checked_sub(unzigzag(number - START_DISTANCE)),
    }
}

/// The samples of a payload, one after the other.
pub(crate) struct Samples<'p> {
    payload: &'p [u8],
    before: Before,
}

impl<'p> Samples<'p> {
    /// Reads from the start of a payload.
    pub(crate) fn new(payload: &'p [u8]) -> Self {
        let before = Before::default();
        Self { payload, before }
    }

    fn take(&mut self) -> Option<(SeriesRef, Sample)> {
        let payload = &mut self.payload;
        let ref_delta = unzigzag(take_varint(payload)?) as u64;
        let reference = self.before.reference.wrapping_add(ref_delta);
        let t_ms = self.before.t_ms.wrapping_add(unzigzag(take_varint(payload)?));
        let start_ms = take_start(payload, t_ms)?;
        let value = f64::from_bits(take_u64(payload)?);
        self.before = Before { reference, t_ms };
        let sample = Sample { t_ms, value, start_ms };
        Some((SeriesRef::from_bits(reference), sample))
    }
}

impl Iterator for Samples<'_> {
    type Item = Result<(SeriesRef, Sample), MalformedPayload>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.payload.is_empty() {
            return None;
        }
        let taken = self.take().ok_or(MalformedPayload);
        if taken.is_err() {
            self.payload = &[];
        }
        Some(taken)
    }
}
