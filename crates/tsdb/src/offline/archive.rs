//! Archive: a data directory that is only read: one whose server is stopped, a snapshot, a copy.
//!
//! What is in blocks and what is still in the log come out as from the running store. Nothing on
//! the disk changes, not even where something is damaged, so a read-only medium will do.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Matcher, Metadata};
use stdx::{Disk, DiskFile, Env};
use storage::{Querier, Scan, Select, SelectError, SeriesExemplars, SeriesSet, SeriesVisitor};

use crate::db::{Core, Found};
use crate::dir::manifest::{self, Manifest};
use crate::dir::{DataDir, LockGuard};
use crate::query::view::View;
use crate::wal::segment_path;
use crate::{Config, Meter, OpenError};

/// See the head of this file.
pub struct Archive {
    core: Core,
    _lock: Option<LockGuard>,
}

/// A file that belongs to a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveFile {
    /// Where it is below the directory, such as `blk/0-1-2-3-3.blk`.
    pub place: PathBuf,
    /// Its length, bytes.
    pub n_bytes: u64,
    /// Whether it is a block, which never changes under its name and number.
    pub block: Option<u64>,
}

impl Archive {
    /// Opens a directory.
    ///
    /// # Errors
    /// A process has it open, the disk cannot be read, or a later version wrote it.
    pub fn open(dir: &Path, env: &Env) -> Result<Self, OpenError> {
        let lock = lock_if_there(dir, env.disk.as_ref())?;
        let root = dir;
        let dir = DataDir::unlocked(root);
        let meter = Arc::new(Meter::default());
        let disk: Arc<dyn Disk> =
            Arc::new(ReadOnly { disk: Arc::clone(&env.disk), log: dir.wal() });
        let env = Env { disk, ..env.clone() };
        let config = Config::new(root);
        let found = Found::look(&config, &env, &dir, &meter)?;
        let core = Core::new(config, &env, dir, meter, found);
        core.warm(&mut core.upkeep.lock())?;
        Ok(Self { core, _lock: lock })
    }

    /// What was found when it was opened, and what could not be read since.
    pub fn meter(&self) -> &Meter {
        &self.core.meter
    }

    /// The files that make up the directory: what a copy needs, the manifest last. Left-overs of
    /// interrupted work are none of them.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn files(&self) -> Result<Vec<ArchiveFile>, OpenError> {
        let dir = &self.core.dir;
        let disk = self.core.env.disk.as_ref();
        let mut files = Vec::new();
        let mut blocks = self.core.blocks.read().clone();
        blocks.extend(self.core.tiers.blocks());
        for block in &blocks {
            let info = block.info();
            let place = Path::new("blk").join(manifest::block_name(block));
            files.push(ArchiveFile { place, n_bytes: info.file_bytes, block: Some(info.meta.id) });
        }
        let live = Manifest::read(dir, disk).ok();
        let is_live = |id: &u64| live.as_ref().is_none_or(|manifest| manifest.is_live(*id));
        let segments = dir.segments(disk)?;
        let logs = segments.into_iter().filter(is_live).map(|id| segment_path(&dir.wal(), id));
        for path in logs.chain(self.beside()?) {
            let n_bytes = disk.len(&path).map_err(|cause| OpenError::Disk {
                action: "read the length of",
                path: path.clone(),
                cause,
            })?;
            let place = path.strip_prefix(dir.root()).unwrap_or(&path).to_owned();
            files.push(ArchiveFile { place, n_bytes, block: None });
        }
        Ok(files)
    }

    /// The files of the folder itself, the manifest last: without it a copy is not whole.
    fn beside(&self) -> Result<Vec<PathBuf>, OpenError> {
        let root = self.core.dir.root();
        let found = self.core.env.disk.list(root);
        let mut found = found.map_err(|cause| OpenError::Disk {
            action: "list",
            path: root.to_owned(),
            cause,
        })?;
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_owned();
        let is_left_over = |path: &PathBuf| path.extension().is_some_and(|end| end == "tmp");
        found.retain(|path| name(path) != "LOCK" && !is_left_over(path));
        found.sort_by_key(|path| name(path) == "MANIFEST");
        Ok(found)
    }
}

impl Querier for Archive {
    fn select(&self, select: &Select) -> Result<SeriesSet, SelectError> {
        Ok(Box::new(View::take(&self.core, select)))
    }

    fn scan(&self, scan: &Scan, visitor: &mut dyn SeriesVisitor) -> Result<(), SelectError> {
        self.core.scan(scan, visitor);
        Ok(())
    }

    fn exemplars(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<SeriesExemplars>, SelectError> {
        Ok(self.core.exemplars(matchers, (start_ms, end_ms)))
    }

    fn metadata(&self, metric: Option<&str>) -> Result<Vec<(String, Metadata)>, SelectError> {
        Ok(self.core.notes.lock().metadata(metric))
    }

    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(self.core.label_names(matchers))
    }

    fn label_values(&self, name: &str, matchers: &[Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(self.core.label_values(name, matchers))
    }
}

/// Keeps a server out while we read. A snapshot has no such file, and is not given one.
fn lock_if_there(root: &Path, disk: &dyn Disk) -> Result<Option<LockGuard>, OpenError> {
    let path = root.join("LOCK");
    if disk.len(&path).is_err() {
        return Ok(None);
    }
    match disk.lock(&path) {
        Ok(guard) => Ok(Some(guard)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(OpenError::Locked { path }),
        // A medium that takes no writes has no server either.
        Err(error) if is_read_only(&error) => Ok(None),
        Err(cause) => Err(OpenError::Disk { action: "lock", path, cause }),
    }
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

/// A disk that takes no writes.
struct ReadOnly {
    disk: Arc<dyn Disk>,
    /// The folder of the log, which a snapshot may lack.
    log: PathBuf,
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "it is only read")
}

impl Disk for ReadOnly {
    fn create_dir_all(&self, _dir: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn create(&self, _path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Err(refused())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.disk.read(path)
    }

    fn read_at(&self, path: &Path, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.disk.read_at(path, offset, buf)
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        self.disk.len(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        match self.disk.list(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && dir == self.log => {
                Ok(Vec::new())
            }
            listed => listed,
        }
    }

    fn list_dirs(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.list_dirs(dir)
    }

    fn hard_link(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn remove_dir_all(&self, _dir: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn sync_file(&self, _path: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        Err(refused())
    }
}
