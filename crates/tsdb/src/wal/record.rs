//! Record: what stands in a frame's payload, a row of definitions or a row of samples.
//!
//! Differences to the record before keep numbers small; each payload starts from zero, so a frame
//! can be read without the ones before it.

use model::{Label, Labels, Sample};

use super::SeriesRef;
use super::varint::{put_varint, take_u64, take_varint, unzigzag, zigzag};

/// What a payload is. The numbers are frozen; readers skip those they do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// Definitions of series.
    Series = 1,
    /// Samples with one 64-bit value each.
    Samples = 2,
    /// Native histograms, see [`super::histogram_record`].
    #[expect(dead_code, reason = "written and read once the head takes them")]
    Histograms = 3,
    /// Exemplars, see [`super::exemplar_record`].
    #[expect(dead_code, reason = "written and read once the head takes them")]
    Exemplars = 4,
    /// What metrics are, see [`super::metadata_record`].
    #[expect(dead_code, reason = "written and read once the store takes it")]
    Metadata = 6,
}

impl FrameKind {
    /// The kind with this number, if it is one that we read.
    pub(crate) fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Series),
            2 => Some(Self::Samples),
            _ => None,
        }
    }
}

/// From here on a reference stands for these labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    /// The reference.
    pub(crate) reference: SeriesRef,
    /// What it stands for.
    pub(crate) labels: Labels,
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

/// How many bytes a definition takes at most.
pub(crate) fn definition_bytes(labels: &Labels) -> usize {
    let label_bytes = |label: &Label| label.name.len() + label.value.len() + 20;
    20 + labels.iter().map(label_bytes).sum::<usize>()
}

/// Appends a definition to a payload.
pub(crate) fn encode_definition(payload: &mut Vec<u8>, reference: SeriesRef, labels: &Labels) {
    payload.extend_from_slice(&reference.to_bits().to_le_bytes());
    put_varint(payload, labels.len() as u64);
    for label in labels {
        put_text(payload, &label.name);
        put_text(payload, &label.value);
    }
}

/// All definitions of a payload.
pub(crate) fn decode_series(mut payload: &[u8]) -> Result<Vec<Definition>, MalformedPayload> {
    let mut definitions = Vec::new();
    while !payload.is_empty() {
        definitions.push(take_definition(&mut payload).ok_or(MalformedPayload)?);
    }
    Ok(definitions)
}

fn take_definition(payload: &mut &[u8]) -> Option<Definition> {
    let reference = SeriesRef::from_bits(take_u64(payload)?);
    let n_labels = take_varint(payload)?;
    let mut pairs = Vec::new();
    for _ in 0..n_labels {
        pairs.push((take_text(payload)?, take_text(payload)?));
    }
    let labels = Labels::new(pairs).ok()?;
    Some(Definition { reference, labels })
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
    put_varint(payload, zigzag(ref_delta));
    put_varint(payload, zigzag(sample.t_ms.wrapping_sub(before.t_ms)));
    put_start(payload, sample);
    payload.extend_from_slice(&sample.value.to_bits().to_le_bytes());
    let t_ms = sample.t_ms;
    *before = Before { reference, t_ms };
}

pub(super) fn put_start(payload: &mut Vec<u8>, sample: &Sample) {
    if sample.start_ms == 0 {
        return put_varint(payload, START_NONE);
    }
    let distance = sample.t_ms.checked_sub(sample.start_ms).map(zigzag);
    match distance.and_then(|distance| distance.checked_add(START_DISTANCE)) {
        Some(number) => put_varint(payload, number),
        None => {
            put_varint(payload, START_FOLLOWS);
            payload.extend_from_slice(&sample.start_ms.to_le_bytes());
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
