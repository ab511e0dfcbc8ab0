//! Rollups: blocks of a tier, which hold rollups where others hold samples.
//!
//! Everything but the content of a chunk is as in other blocks. The column of times is that of the
//! first values; as every span of time has one rollup at most, it says which span each is of, and
//! series of the same scrape share it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::Labels;
use stdx::Disk;
use storage::{Rollup, RollupSeries, Select};

use super::chunk::ChunkReader;
use super::cursor::{LabelReader, Lost, SeriesCursor};
use super::footer::{BlockMeta, TierSpan};
use super::reader::Block;
use super::series_table::{ChunkRef, KIND_ROLLUPS};
use super::writer::BlockWriter;
use super::{BlockError, ReadError};
use crate::codec::{rollups, values};

/// A chunk has the rollups of so many spans of the grid at most. Chunks begin at its multiples, so
/// that those of all series do.
const SPANS_PER_CHUNK: i64 = 4096;

/// What a tier is called in file names: `5m`, `1h`.
pub(super) fn tier_name(width_ms: i64) -> String {
    model::format_duration(Duration::from_millis(width_ms.unsigned_abs()))
}

/// Makes a block of a tier, series by series in the order of their labels.
pub(crate) struct TierWriter {
    writer: BlockWriter,
    tier: TierSpan,
    encoder: values::Encoder,
    n_rollups: u64,
}

impl TierWriter {
    /// Begins a block in a folder that is there.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        meta: BlockMeta,
        tier: TierSpan,
    ) -> Result<Self, BlockError> {
        let writer = BlockWriter::create_of(disk, dir, meta, Some(tier))?;
        Ok(Self { writer, tier, encoder: values::Encoder::default(), n_rollups: 0 })
    }

    /// Adds a series, later in the order of labels than the last, with its rollups in the order of
    /// time.
    pub(crate) fn add_series(
        &mut self,
        labels: &Labels,
        rollups: &[Rollup],
    ) -> Result<(), BlockError> {
        let chunk_of = |rollup: &Rollup| {
            rollup
                .span(self.tier.width_ms)
                .0
                .div_euclid(self.tier.width_ms.saturating_mul(SPANS_PER_CHUNK))
        };
        self.writer.begin_series(labels)?;
        for chunk in rollups.chunk_by(|one, next| chunk_of(one) == chunk_of(next)) {
            let times: Vec<i64> = chunk.iter().map(|rollup| rollup.first_ms).collect();
            let mut bytes = Vec::new();
            rollups::encode(chunk, &mut self.encoder, &mut bytes);
            self.writer.push_rollups(&times, &bytes)?;
        }
        self.n_rollups += rollups.len() as u64;
        self.writer.end_series()
    }

    /// How many rollups were added.
    pub(crate) fn n_rollups(&self) -> u64 {
        self.n_rollups
    }

    /// See [`BlockWriter::finish`].
    pub(crate) fn finish(self) -> Result<Option<super::BlockInfo>, BlockError> {
        self.writer.finish()
    }
}

/// The rollups of a block whose first values are in a range, series by series.
pub(crate) struct BlockRollups {
    cursor: SeriesCursor,
    labels: LabelReader,
    chunks: ChunkReader,
}

impl Block {
    /// The rollups of the series that match. What cannot be read is skipped and counted.
    pub(crate) fn rollups(self: &Arc<Self>, select: &Select) -> BlockRollups {
        let range = (select.start_ms, select.end_ms);
        BlockRollups {
            cursor: SeriesCursor::new(Arc::clone(self), &select.matchers, range),
            labels: LabelReader::default(),
            chunks: ChunkReader::default(),
        }
    }
}

impl BlockRollups {
    /// What was skipped so far.
    pub(crate) fn lost(&self) -> Lost {
        self.cursor.lost()
    }
}

impl Iterator for BlockRollups {
    type Item = RollupSeries;

    fn next(&mut self) -> Option<RollupSeries> {
        loop {
            let series = self.cursor.next_series()?;
            let block = Arc::clone(self.cursor.block());
            let Ok(labels) = self.labels.labels(&block, &series.tags) else {
                self.cursor.lose_series();
                continue;
            };
            let mut rollups = Vec::new();
            for chunk in &series.chunks {
                if self.chunks.read_rollups(&block, chunk, &mut rollups).is_err() {
                    self.cursor.lose_chunk();
                }
            }
            let (start_ms, end_ms) = self.cursor.range();
            rollups.retain(|rollup| (start_ms..=end_ms).contains(&rollup.first_ms));
            if !rollups.is_empty() {
                return Some(RollupSeries { labels, rollups });
            }
        }
    }
}

impl ChunkReader {
    /// Appends the rollups of a chunk, or nothing if any of it cannot be read.
    pub(super) fn read_rollups(
        &mut self,
        block: &Block,
        chunk: &ChunkRef,
        out: &mut Vec<Rollup>,
    ) -> Result<(), ReadError> {
        let malformed = || block.malformed(chunk.offset);
        if chunk.kind != KIND_ROLLUPS {
            return Err(malformed());
        }
        let decoded = self.sealed(block, chunk, |sealed| {
            rollups::decode(sealed.bytes, sealed.times, out).map_err(|_| malformed())
        });
        decoded.and_then(|decoded| decoded)
    }
}
