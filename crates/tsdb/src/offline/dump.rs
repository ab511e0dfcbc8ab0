//! Dump: the files of a data directory as text, for a person who has to find out what is wrong with
//! them. Reads only; the server that owns the directory may be running.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Labels;
use model::time::format_rfc3339;
use stdx::Env;

use crate::block::{is_block_name, open_to_describe};
use crate::dir::DataDir;
use crate::dir::manifest::Manifest;
use crate::wal::exemplar_record::decode_exemplars;
use crate::wal::histogram_record::Histograms;
use crate::wal::metadata_record::decode_metadata;
use crate::wal::{
    Definitions, FrameKind, Samples, SegmentError, SegmentId, SegmentReader, parse_segment_name,
    segment_path,
};

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What each file is and what it is made of.
    Parts,
    /// Each series with its chunks, each definition and each sample of the log, too.
    Everything,
}

/// Why a file cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The text could not be written.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// The file or the folder could not be read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the disk said.
        cause: io::Error,
    },
    /// The name is none of ours.
    #[error("{} is no block (*.blk), no log segment (*.wal) and no data directory", path.display())]
    Unknown {
        /// Which one.
        path: PathBuf,
    },
}

/// Shows a block, a log segment, or everything in a data directory. A file that cannot be opened is
/// said to be so; the others are shown all the same.
///
/// # Errors
/// See [`DumpError`].
pub fn dump(
    path: &Path,
    env: &Env,
    detail: Detail,
    out: &mut dyn io::Write,
) -> Result<(), DumpError> {
    let dump = Dump { env, detail };
    if is_block_name(path) {
        return dump.block(path, out);
    }
    if let Some(id) = parse_segment_name(path) {
        let folder = path.parent().unwrap_or(Path::new("."));
        return dump.segment(folder, id, out);
    }
    dump.directory(path, out)
}

struct Dump<'d> {
    env: &'d Env,
    detail: Detail,
}

impl Dump<'_> {
    fn directory(&self, root: &Path, out: &mut dyn io::Write) -> Result<(), DumpError> {
        let dir = DataDir::unlocked(root);
        let disk = self.env.disk.as_ref();
        let Ok(blocks) = disk.list(&dir.blocks()) else {
            return Err(DumpError::Unknown { path: root.to_owned() });
        };
        self.manifest(&dir, out)?;
        for path in blocks.iter().filter(|path| is_block_name(path)) {
            self.block(path, out)?;
        }
        for id in dir.segments(disk).unwrap_or_default() {
            self.segment(&dir.wal(), id, out)?;
        }
        Ok(())
    }

    fn manifest(&self, dir: &DataDir, out: &mut dyn io::Write) -> Result<(), DumpError> {
        writeln!(out, "MANIFEST")?;
        let manifest = match Manifest::read(dir, self.env.disk.as_ref()) {
            Ok(manifest) => manifest,
            Err(error) => return Ok(writeln!(out, "  {error:?}")?),
        };
        let Manifest { live_epoch, next_segment, epoch, .. } = manifest;
        writeln!(out, "  live epoch {live_epoch}, in blocks up to epoch {epoch}")?;
        writeln!(out, "  next segment {next_segment}")?;
        if manifest.raw_from_ms > i64::MIN {
            let from = format_rfc3339(manifest.raw_from_ms);
            writeln!(out, "  samples before {from} may be gone")?;
        }
        writeln!(out, "  live segments {:?}", manifest.segments)?;
        for block in &manifest.blocks {
            writeln!(out, "  live block {block}")?;
        }
        Ok(())
    }

    fn block(&self, path: &Path, out: &mut dyn io::Write) -> Result<(), DumpError> {
        let length = self.env.disk.len(path);
        length.map_err(|cause| DumpError::Read { path: path.to_owned(), cause })?;
        writeln!(out, "{}", path.display())?;
        match open_to_describe(Arc::clone(&self.env.disk), path) {
            Ok(block) => {
                let mut indented = Indented { out, at_start: true };
                Ok(block.describe(self.detail == Detail::Everything, &mut indented)?)
            }
            Err(error) => Ok(writeln!(out, "  {error}")?),
        }
    }

    fn segment(
        &self,
        folder: &Path,
        id: SegmentId,
        out: &mut dyn io::Write,
    ) -> Result<(), DumpError> {
        let path = segment_path(folder, id);
        let read_error = |cause| DumpError::Read { path: path.clone(), cause };
        let disk = self.env.disk.as_ref();
        let n_bytes = disk.len(&path).map_err(read_error)?;
        writeln!(out, "{}", path.display())?;
        let mut reader = match SegmentReader::open(disk, folder, id) {
            Ok(reader) => reader,
            Err(SegmentError::Io(cause)) => return Err(read_error(cause)),
            Err(SegmentError::Newer { version, features }) => {
                return Ok(writeln!(out, "  of version {version}, features {features:#x}")?);
            }
        };
        writeln!(out, "  {n_bytes} bytes, durable before it up to lsn {}", reader.durable_lsn())?;
        while let Some(frame) = reader.next_frame().map_err(read_error)? {
            let kind = FrameKind::from_number(frame.kind).filter(|_| frame.flags == 0);
            let (lsn, length) = (frame.lsn, frame.payload.len());
            match kind {
                Some(FrameKind::Series) => self.definitions(lsn, frame.payload, out)?,
                Some(FrameKind::Samples) => self.samples(lsn, frame.payload, out)?,
                Some(FrameKind::Histograms) => self.histograms(lsn, frame.payload, out)?,
                Some(FrameKind::Exemplars) => {
                    let exemplars = decode_exemplars(frame.payload).unwrap_or_default();
                    writeln!(out, "  lsn {lsn}: {} exemplars, {length} bytes", exemplars.len())?;
                }
                Some(FrameKind::Metadata) => {
                    let metrics = decode_metadata(frame.payload).unwrap_or_default();
                    writeln!(out, "  lsn {lsn}: {} metrics, {length} bytes", metrics.len())?;
                }
                None => {
                    let (kind, flags) = (frame.kind, frame.flags);
                    writeln!(out, "  lsn {lsn}: type {kind}, flags {flags:#x}, {length} bytes")?;
                }
            }
        }
        let damage = reader.damage();
        let n_corrupt = damage.corrupt_places;
        if damage.header || damage.torn_tail || n_corrupt > 0 {
            let (header, tail) = (damage.header, damage.torn_tail);
            writeln!(out, "  damaged: header {header}, {n_corrupt} places, torn tail {tail}")?;
        }
        Ok(())
    }

    fn definitions(&self, lsn: u64, payload: &[u8], out: &mut dyn io::Write) -> io::Result<()> {
        let (mut definitions, mut pairs) = (Definitions::new(payload), Vec::new());
        let mut lines = Vec::new();
        while let Some(defined) = definitions.next_into(&mut pairs) {
            let Ok(reference) = defined else {
                let n_bytes = payload.len();
                return writeln!(out, "  lsn {lsn}: series, {n_bytes} bytes that make no sense");
            };
            let labels = Labels::new(pairs.iter().copied()).expect("definitions are of labels");
            lines.push(format!("    {:016x} {labels}", reference.to_bits()));
        }
        writeln!(out, "  lsn {lsn}: {} series, {} bytes", lines.len(), payload.len())?;
        if self.detail == Detail::Everything {
            for line in lines {
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }

    fn histograms(&self, lsn: u64, payload: &[u8], out: &mut dyn io::Write) -> io::Result<()> {
        let (n_bytes, records) = (payload.len(), Histograms::new(payload));
        let is_whole = Histograms::new(payload).all(|record| record.is_ok());
        let rest = if is_whole { "" } else { "; the rest makes no sense" };
        let n_histograms = records.map_while(Result::ok).count();
        writeln!(out, "  lsn {lsn}: {n_histograms} histograms, {n_bytes} bytes{rest}")?;
        if self.detail == Detail::Everything {
            for (reference, sample) in Histograms::new(payload).map_while(Result::ok) {
                let (reference, histogram) = (reference.to_bits(), &sample.histogram);
                let (t_ms, start_ms) = (sample.t_ms, sample.start_ms);
                let (count, sum) = (histogram.count, histogram.sum);
                writeln!(
                    out,
                    "    {reference:016x} at {t_ms} count {count:?} sum {sum:?} since {start_ms}"
                )?;
            }
        }
        Ok(())
    }

    fn samples(&self, lsn: u64, payload: &[u8], out: &mut dyn io::Write) -> io::Result<()> {
        let (mut n_samples, mut is_whole) = (0, true);
        let (mut min_ms, mut max_ms) = (i64::MAX, i64::MIN);
        for record in Samples::new(payload) {
            let Ok((_, sample)) = record else {
                is_whole = false;
                break;
            };
            n_samples += 1;
            (min_ms, max_ms) = (min_ms.min(sample.t_ms), max_ms.max(sample.t_ms));
        }
        let (from, to) = (format_rfc3339(min_ms), format_rfc3339(max_ms));
        let rest = if is_whole { "" } else { "; the rest makes no sense" };
        let n_bytes = payload.len();
        writeln!(out, "  lsn {lsn}: {n_samples} samples, {from} to {to}, {n_bytes} bytes{rest}")?;
        if self.detail == Detail::Everything {
            for (reference, sample) in Samples::new(payload).map_while(Result::ok) {
                let (reference, bits) = (reference.to_bits(), sample.value.to_bits());
                let (t_ms, value, start_ms) = (sample.t_ms, sample.value, sample.start_ms);
                writeln!(
                    out,
                    "    {reference:016x} at {t_ms} {value:?} ({bits:016x}) since {start_ms}"
                )?;
            }
        }
        Ok(())
    }
}

/// Puts two blanks before each line.
struct Indented<'o> {
    out: &'o mut dyn io::Write,
    at_start: bool,
}

impl io::Write for Indented<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.at_start {
                self.out.write_all(b"  ")?;
            }
            self.out.write_all(line)?;
            self.at_start = line.ends_with(b"\n");
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
