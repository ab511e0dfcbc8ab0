//! Inspect: what the blocks of a data directory hold, and whether it is what was written. Reads
//! only; the server that owns the directory may be running.

use std::path::Path;
use std::sync::Arc;

use stdx::Env;

use crate::OpenError;
use crate::block::{Block, BlockError, Damage, PageCache, is_block_name};

/// Pages that are kept while blocks are inspected.
const PAGE_CACHE_BYTES: usize = 1 << 20;

/// A block, as it says itself.
#[derive(Debug, Clone)]
pub struct BlockSummary {
    /// The file's name.
    pub name: String,
    /// Of a block of a tier the width of its rollups, which are counted as samples, milliseconds.
    pub tier_ms: Option<i64>,
    /// How often it was merged.
    pub level: u32,
    /// The first sample, Unix milliseconds.
    pub min_ms: i64,
    /// The last sample, Unix milliseconds.
    pub max_ms: i64,
    /// Series.
    pub n_series: u32,
    /// Samples.
    pub n_samples: u64,
    /// Bytes of the file.
    pub n_bytes: u64,
    /// By label name: how many values it has and how many series have it.
    pub labels: Vec<(String, u32, u32)>,
    /// What of it is lost, a sentence each; empty unless it was asked to look.
    pub damage: Vec<String>,
}

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Read what the blocks say of themselves.
    Summary,
    /// Read every byte and compare it with its checksum.
    EveryByte,
}

/// Looks at every block of a data directory, in the order of names, and hands each to `report` as
/// soon as it is read. A block that cannot be opened has nothing but its name and its damage.
///
/// # Errors
/// The directory cannot be read.
pub fn inspect_blocks(
    dir: &Path,
    env: &Env,
    look: Look,
    report: &mut dyn FnMut(&BlockSummary),
) -> Result<(), OpenError> {
    let folder = dir.join("blk");
    let paths = env.disk.list(&folder).map_err(|cause| OpenError::Disk {
        action: "list",
        path: folder,
        cause,
    })?;
    for path in paths.iter().filter(|path| is_block_name(path)) {
        let cache = Arc::new(PageCache::new(PAGE_CACHE_BYTES));
        let summary = match Block::open(Arc::clone(&env.disk), path, cache) {
            Ok(block) => summary(&block, look),
            Err(error) => unreadable(path, &error),
        };
        report(&summary);
    }
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn unreadable(path: &Path, error: &BlockError) -> BlockSummary {
    BlockSummary {
        name: file_name(path),
        tier_ms: None,
        level: 0,
        min_ms: 0,
        max_ms: 0,
        n_series: 0,
        n_samples: 0,
        n_bytes: 0,
        labels: Vec::new(),
        damage: vec![error.to_string()],
    }
}

fn summary(block: &Block, look: Look) -> BlockSummary {
    let info = block.info();
    let mut damage = Vec::new();
    if look == Look::EveryByte
        && let Err(error) = block.verify(&mut |found| damage.push(sentence(&found)))
    {
        damage.push(error.to_string());
    }
    let labels = block.cardinality().into_iter();
    BlockSummary {
        name: file_name(block.path()),
        tier_ms: info.tier.map(|tier| tier.width_ms),
        level: info.meta.level,
        min_ms: info.min_ms,
        max_ms: info.max_ms,
        n_series: info.n_series,
        n_samples: info.n_samples,
        n_bytes: info.file_bytes,
        labels: labels.map(|label| (label.name, label.n_values, label.n_series)).collect(),
        damage,
    }
}

fn sentence(damage: &Damage) -> String {
    let mut text = format!("{} on page {} is damaged", damage.section, damage.page);
    if let Some(labels) = &damage.series {
        text.push_str(&format!("; series {labels}"));
    }
    if let Some((from_ms, to_ms)) = damage.times {
        let (from, to) = (model::time::format_rfc3339(from_ms), model::time::format_rfc3339(to_ms));
        text.push_str(&format!(" from {from} to {to}"));
    }
    text
}
