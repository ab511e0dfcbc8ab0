//! Snapshot: the whole store at one moment, beside it on the same disk, for almost nothing.
//!
//! Blocks never change, so a second name for each is a copy. A snapshot is a data directory like
//! the one it was taken of: blocks, a manifest that lists them, tombstones; it has no log, because
//! what is in memory is flushed first. It is made under a temporary name, so a crash leaves either
//! a whole one or a folder that the next start removes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use stdx::Disk;

use crate::SnapshotError;
use crate::db::{Core, Db};
use crate::dir::manifest::{self, Manifest};
use crate::dir::{DataDir, create_durably};
use crate::keep::tombstones;
use crate::notes;

/// What an unfinished snapshot's name ends with; a finished one's has no dot.
const UNFINISHED: &str = ".tmp";
/// The longest name.
const NAME_BYTES_MAX: usize = 64;

impl Db {
    /// Makes a snapshot of everything that was appended before the call, and says where it is. It
    /// is kept until somebody removes it. Without a name it is called by time and chance.
    ///
    /// # Errors
    /// There is no snapshot.
    pub fn snapshot(&self, name: Option<&str>) -> Result<PathBuf, SnapshotError> {
        self.core.snapshot(name)
    }
}

impl Core {
    /// See [`Db::snapshot`].
    pub(crate) fn snapshot(&self, name: Option<&str>) -> Result<PathBuf, SnapshotError> {
        let name = match name {
            Some(name) if is_name(name) => name.to_owned(),
            Some(name) => return Err(SnapshotError::BadName { name: name.to_owned() }),
            None => self.new_name(),
        };
        self.flush_all().map_err(SnapshotError::Flush)?;
        // Nothing is merged, deleted or dropped meanwhile.
        let upkeep = self.upkeep.lock();
        let made = self.make_snapshot(&name);
        drop(upkeep);
        made.inspect(|_| self.meter.snapshots.inc())
    }

    fn new_name(&self) -> String {
        let time = model::time::format_rfc3339(self.env.clock.now_ms());
        let seconds: String = time.chars().take(19).filter(|c| !"-:".contains(*c)).collect();
        format!("{seconds}Z-{:016x}", self.env.randomness.next_u64())
    }

    fn make_snapshot(&self, name: &str) -> Result<PathBuf, SnapshotError> {
        let disk = self.env.disk.as_ref();
        let folder = self.dir.snapshots();
        let at = |action, path: &Path| {
            let path = path.to_owned();
            move |cause| SnapshotError::Disk { action, path, cause }
        };
        create_durably(disk, &folder).map_err(at("create", &folder))?;
        let whole = folder.join(name);
        let others = disk.list_dirs(&folder).map_err(at("list", &folder))?;
        if others.contains(&whole) {
            return Err(SnapshotError::Exists { name: name.to_owned() });
        }
        let unfinished = folder.join(format!("{name}{UNFINISHED}"));
        // Of an attempt that failed.
        let _absent = disk.remove_dir_all(&unfinished);
        let filled = self.fill(&unfinished).map_err(at("write", &unfinished)).and_then(|()| {
            disk.rename(&unfinished, &whole).map_err(at("name", &whole))?;
            disk.sync_dir(&folder).map_err(at("sync", &folder))
        });
        if filled.is_err() {
            // If it stays, the next start removes it.
            let _stays = disk.remove_dir_all(&unfinished);
        }
        filled.map(|()| whole)
    }

    /// Makes a data directory with everything that is in blocks, durably.
    fn fill(&self, root: &Path) -> io::Result<()> {
        let disk = self.env.disk.as_ref();
        let dir = DataDir::unlocked(root);
        create_durably(disk, &dir.wal())?;
        create_durably(disk, &dir.blocks())?;
        let mut blocks = self.blocks.read().clone();
        blocks.extend(self.tiers.blocks());
        let names: Vec<String> = blocks.iter().map(|block| manifest::block_name(block)).collect();
        for (block, name) in blocks.iter().zip(&names) {
            disk.hard_link(block.path(), &dir.blocks().join(name))?;
        }
        disk.sync_dir(&dir.blocks())?;
        tombstones::write(&self.hiding.tombstones(), &dir, disk)?;
        let payloads = self.notes.lock().encode();
        notes::write(&payloads, &dir, disk)?;
        let manifest = Manifest {
            live_epoch: self.live_epoch(),
            next_segment: 1,
            segments: Vec::new(),
            epoch: u64::from(self.flushed_epoch.load(Ordering::Acquire)),
            blocks: names,
            raw_from_ms: self.tiers.raw_from_ms(),
        };
        manifest.write(&dir, disk)
    }
}

/// Whether a name is one folder's on every file system, and not that of an unfinished snapshot.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(is_plain)
}

/// Removes what interrupted snapshots have left.
pub(crate) fn remove_unfinished(dir: &DataDir, disk: &dyn Disk) {
    let is_unfinished = |path: &&PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|n| n.ends_with(UNFINISHED))
    };
    let found = disk.list_dirs(&dir.snapshots()).unwrap_or_default();
    for path in found.iter().filter(is_unfinished) {
        // If it stays, the next start tries again.
        let _stays = disk.remove_dir_all(path);
    }
}
