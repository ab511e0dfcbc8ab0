//! Dir: the data directory, its folders and its lock. Which of its files count, `manifest` says.

pub(crate) mod manifest;

use std::io;
use std::path::{Path, PathBuf};

use stdx::Disk;

use crate::OpenError;
use crate::wal::{SegmentId, parse_segment_name, segment_path};

/// Where things are below the data directory.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    root: PathBuf,
}

/// Keeps other processes out while it lives.
pub(crate) type LockGuard = Box<dyn Send + Sync>;

impl DataDir {
    /// Makes the folders, durably, and takes the lock.
    pub(crate) fn open(root: &Path, disk: &dyn Disk) -> Result<(Self, LockGuard), OpenError> {
        let dir = Self { root: root.to_owned() };
        for folder in [dir.wal(), dir.blocks()] {
            create_durably(disk, &folder).map_err(|cause| OpenError::Disk {
                action: "create",
                path: folder,
                cause,
            })?;
        }
        let path = root.join("LOCK");
        match disk.lock(&path) {
            Ok(guard) => Ok((dir, guard)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(OpenError::Locked { path })
            }
            Err(cause) => Err(OpenError::Disk { action: "lock", path, cause }),
        }
    }

    /// A folder that nobody has open, to write a copy into.
    pub(crate) fn unlocked(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the log segments.
    pub(crate) fn wal(&self) -> PathBuf {
        self.root.join("wal")
    }

    /// The folder of the blocks.
    pub(crate) fn blocks(&self) -> PathBuf {
        self.root.join("blk")
    }

    /// The folder of the snapshots.
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// The log segments that are there, the oldest first.
    pub(crate) fn segments(&self, disk: &dyn Disk) -> Result<Vec<SegmentId>, OpenError> {
        let paths = disk.list(&self.wal()).map_err(|cause| OpenError::Disk {
            action: "list",
            path: self.wal(),
            cause,
        })?;
        let mut ids: Vec<SegmentId> = paths.iter().filter_map(|p| parse_segment_name(p)).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Removes files that the manifest does not list.
    pub(crate) fn remove_files(&self, dead: &[PathBuf], disk: &dyn Disk) {
        for path in dead {
            // As with segments.
            let _stays = disk.remove(path);
        }
    }

    /// Removes log segments that the manifest does not list.
    pub(crate) fn remove_segments(&self, dead: &[SegmentId], disk: &dyn Disk) {
        for id in dead {
            // A file that stays is still not listed; the next start tries again.
            let _stays = disk.remove(&segment_path(&self.wal(), *id));
        }
    }
}

/// Creates a folder; the names of all that had to be made survive a power cut.
pub(crate) fn create_durably(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    let is_missing = |dir: &&Path| {
        let listed = disk.list(dir);
        listed.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    let named = dir.ancestors().filter(|dir| !dir.as_os_str().is_empty());
    let missing: Vec<&Path> = named.take_while(is_missing).collect();
    disk.create_dir_all(dir)?;
    for made in missing {
        if let Some(parent) = made.parent() {
            let here = Path::new(".");
            disk.sync_dir(if parent.as_os_str().is_empty() { here } else { parent })?;
        }
    }
    Ok(())
}
