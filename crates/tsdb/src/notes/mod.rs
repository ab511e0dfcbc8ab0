//! Notes: what senders say beside samples: exemplars, and what metrics are.
//!
//! There is little of it, so all of it is in memory. It is in the log from the moment it comes; a
//! flush, before it gives segments of the log free, writes all of it into one file, replaced as a
//! whole. A start reads the file, then what of it is in the log. What is in both is kept once.
//!
//! The bytes are drawn in `docs/formats/notes.md`.

mod exemplars;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use model::{Exemplar, Labels, Metadata};
use stdx::Disk;

use crate::OpenError;
use crate::dir::DataDir;
use crate::meter::RecoveryMeter;
use crate::notes::exemplars::Exemplars;
use crate::wal::exemplar_record::{
    BeforeExemplar, decode_exemplars, encode_exemplar, exemplar_bytes,
};
use crate::wal::metadata_record::{decode_metadata, encode_metadata, metadata_bytes};
use crate::wal::{
    Definitions, FrameKind, RefMap, SEGMENT_VERSION, SegmentError, SeriesRef, definition_bytes,
    encode_definition, encode_whole, open_whole,
};

/// A frame is ended when it has about this size.
const FRAME_BYTES: usize = 256 << 10;
/// Metrics of which something is known; further ones are left out.
const METRICS_MAX: usize = 65_536;
/// What their texts take at most, bytes.
const METADATA_BYTES_MAX: usize = 16 << 20;

/// What stands in the file.
pub(crate) type Payloads = Vec<(FrameKind, Vec<u8>)>;

/// See the head of this file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    pub(crate) exemplars: Exemplars,
    metadata: BTreeMap<String, Metadata>,
    metadata_bytes: usize,
    /// Whether something came since the file was written.
    is_changed: bool,
}

impl Notes {
    /// Takes an exemplar of a series and says whether it was new.
    pub(crate) fn add_exemplar(
        &mut self,
        labels: &Labels,
        exemplar: &Exemplar,
        n_max: usize,
    ) -> bool {
        let is_new = self.exemplars.add(labels, exemplar, n_max);
        self.is_changed |= is_new;
        is_new
    }

    /// Takes what a metric is, and says whether that is new; `None` if there is no room for it.
    pub(crate) fn add_metadata(&mut self, metric: &str, metadata: &Metadata) -> Option<bool> {
        let before = self.metadata.get(metric);
        if before == Some(metadata) {
            return Some(false);
        }
        let freed = before.map_or(0, |before| metadata_bytes(metric, before));
        let bytes = self.metadata_bytes - freed + metadata_bytes(metric, metadata);
        let is_full = before.is_none() && self.metadata.len() >= METRICS_MAX;
        if is_full || bytes > METADATA_BYTES_MAX {
            return None;
        }
        self.metadata_bytes = bytes;
        self.metadata.insert(metric.to_owned(), metadata.clone());
        self.is_changed = true;
        Some(true)
    }

    /// What is known of a metric, or of each.
    pub(crate) fn metadata(&self, metric: Option<&str>) -> Vec<(String, Metadata)> {
        let owned = |(metric, said): (&String, &Metadata)| (metric.clone(), said.clone());
        match metric {
            Some(metric) => self.metadata.get_key_value(metric).map(owned).into_iter().collect(),
            None => self.metadata.iter().map(owned).collect(),
        }
    }

    /// Adds what came later.
    pub(crate) fn extend(&mut self, later: &Self, exemplars_max: usize) {
        for (labels, exemplar) in later.exemplars.in_order() {
            self.add_exemplar(labels, exemplar, exemplars_max);
        }
        for (metric, metadata) in &later.metadata {
            // One for which there is no room is not worth more than the others.
            let _left_out = self.add_metadata(metric, metadata);
        }
    }

    /// Takes the exemplars of a frame, whose series stand for references; how many have none.
    pub(crate) fn take_exemplars(
        &mut self,
        payload: &[u8],
        n_max: usize,
        labels_of: impl Fn(SeriesRef) -> Option<Labels>,
        counts: &RecoveryMeter,
    ) {
        let Ok(exemplars) = decode_exemplars(payload) else { return counts.corrupt_frames.inc() };
        for (reference, exemplar) in exemplars {
            match labels_of(reference) {
                Some(labels) => {
                    self.add_exemplar(&labels, &exemplar, n_max);
                }
                None => counts.orphan_samples.inc(),
            }
        }
    }

    /// Takes what a frame says of metrics.
    pub(crate) fn take_metadata(&mut self, payload: &[u8], counts: &RecoveryMeter) {
        let Ok(metrics) = decode_metadata(payload) else { return counts.corrupt_frames.inc() };
        for (metric, metadata) in metrics {
            let _left_out = self.add_metadata(&metric, &metadata);
        }
    }

    /// The payloads of the file, if something came since this was asked the last time; who cannot
    /// write them says so to [`Self::was_not_saved`].
    pub(crate) fn changed(&mut self) -> Option<Payloads> {
        std::mem::take(&mut self.is_changed).then(|| self.encode())
    }

    /// The next one who asks gets everything again.
    pub(crate) fn was_not_saved(&mut self) {
        self.is_changed = true;
    }

    /// The payloads of the file.
    pub(crate) fn encode(&self) -> Payloads {
        let mut numbers: HashMap<&Arc<Labels>, u64> = HashMap::new();
        let mut definitions = Frames::new(FrameKind::Series);
        for (labels, _) in self.exemplars.in_order() {
            let next = numbers.len() as u64;
            numbers.entry(labels).or_insert_with(|| {
                let reference = SeriesRef::from_bits(next);
                let pairs = || labels.iter().map(|l| (l.name.as_str(), l.value.as_str()));
                let payload = definitions.room_for(definition_bytes(pairs()));
                encode_definition(payload, reference, pairs());
                next
            });
        }
        let of_exemplars = self
            .exemplars
            .in_order()
            .map(|(labels, exemplar)| (SeriesRef::from_bits(numbers[labels]), exemplar));
        let mut metadata = Frames::new(FrameKind::Metadata);
        for (metric, said) in &self.metadata {
            encode_metadata(metadata.room_for(metadata_bytes(metric, said)), metric, said);
        }
        let exemplars = encode_exemplars(of_exemplars).into_iter();
        let exemplars = exemplars.map(|payload| (FrameKind::Exemplars, payload));
        definitions.finish().into_iter().chain(exemplars).chain(metadata.finish()).collect()
    }
}

/// Replaces the file of a data directory, durably; where there is nothing, nothing is written.
pub(crate) fn write(payloads: &Payloads, dir: &DataDir, disk: &dyn Disk) -> io::Result<()> {
    if payloads.is_empty() {
        return Ok(());
    }
    let tmp = dir.root().join("notes.log.tmp");
    // Left by a crash; if it cannot be removed, creating it says so.
    let _absent = disk.remove(&tmp);
    let mut file = disk.create(&tmp)?;
    file.append(&encode_whole(payloads))?;
    file.sync_data()?;
    disk.rename(&tmp, &path(dir))?;
    disk.sync_dir(dir.root())
}

/// Exemplars as payloads of frames.
pub(crate) fn encode_exemplars<'e>(
    exemplars: impl Iterator<Item = (SeriesRef, &'e Exemplar)>,
) -> Vec<Vec<u8>> {
    let (mut frames, mut before) = (Frames::new(FrameKind::Exemplars), BeforeExemplar::default());
    for (reference, exemplar) in exemplars {
        let payload = frames.room_for(exemplar_bytes(exemplar));
        if payload.is_empty() {
            before = BeforeExemplar::default();
        }
        encode_exemplar(payload, &mut before, reference, exemplar);
    }
    frames.finish().into_iter().map(|(_, payload)| payload).collect()
}

/// Payloads of one kind, each of about [`FRAME_BYTES`].
struct Frames {
    kind: FrameKind,
    done: Vec<(FrameKind, Vec<u8>)>,
    payload: Vec<u8>,
}

impl Frames {
    fn new(kind: FrameKind) -> Self {
        Self { kind, done: Vec::new(), payload: Vec::new() }
    }

    /// The payload that so many bytes go into.
    fn room_for(&mut self, n_bytes: usize) -> &mut Vec<u8> {
        if !self.payload.is_empty() && self.payload.len() + n_bytes > FRAME_BYTES {
            self.done.push((self.kind, std::mem::take(&mut self.payload)));
        }
        &mut self.payload
    }

    fn finish(mut self) -> Vec<(FrameKind, Vec<u8>)> {
        if !self.payload.is_empty() {
            self.done.push((self.kind, self.payload));
        }
        self.done
    }
}

/// Where they are kept.
pub(crate) fn path(dir: &DataDir) -> PathBuf {
    dir.root().join("notes.log")
}

/// Reads the file of a data directory; what is damaged is counted and left out.
pub(crate) fn read(
    dir: &DataDir,
    disk: &dyn Disk,
    exemplars_max: usize,
    counts: &RecoveryMeter,
) -> Result<Notes, OpenError> {
    let (path, mut notes) = (path(dir), Notes::default());
    let unreadable = |cause| OpenError::Disk { action: "read", path: path.clone(), cause };
    let mut reader = match open_whole(disk, path.clone()) {
        Ok(reader) => reader,
        Err(SegmentError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(notes);
        }
        Err(SegmentError::Io(cause)) => return Err(unreadable(cause)),
        Err(SegmentError::Newer { version, features }) => {
            let supported = SEGMENT_VERSION;
            return Err(OpenError::NewerFormat { path, version, features, supported });
        }
    };
    let mut series: RefMap<Labels> = RefMap::default();
    while let Some(frame) = reader.next_frame().map_err(unreadable)? {
        match FrameKind::from_number(frame.kind).filter(|_| frame.flags == 0) {
            Some(FrameKind::Series) => take_definitions(frame.payload, &mut series, counts),
            Some(FrameKind::Exemplars) => {
                let labels_of = |reference| series.get(&reference).cloned();
                notes.take_exemplars(frame.payload, exemplars_max, labels_of, counts);
            }
            Some(FrameKind::Metadata) => notes.take_metadata(frame.payload, counts),
            Some(FrameKind::Samples | FrameKind::Histograms) | None => counts.unknown_frames.inc(),
        }
    }
    let damage = reader.damage();
    let n_damaged = damage.corrupt_places + u64::from(damage.header) + u64::from(damage.torn_tail);
    counts.corrupt_frames.add(n_damaged);
    notes.is_changed = false;
    Ok(notes)
}

fn take_definitions(payload: &[u8], series: &mut RefMap<Labels>, counts: &RecoveryMeter) {
    let (mut definitions, mut pairs) = (Definitions::new(payload), Vec::new());
    while let Some(defined) = definitions.next_into(&mut pairs) {
        let labels = Labels::new(pairs.iter().copied());
        match (defined, labels) {
            (Ok(reference), Ok(labels)) => {
                series.insert(reference, labels);
            }
            _ => return counts.corrupt_frames.inc(),
        }
    }
}
