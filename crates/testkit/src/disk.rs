//! A disk that keeps only what it promised to keep.
//!
//! It holds two truths: what a running process sees, and what is left after the power fails. An
//! append reaches the second with a sync of the file, a name with a sync of its folder. In
//! [`SimDisk::crash`] the seed decides which of the rest survives: any prefix of the unsynced
//! bytes, with zeroed blocks and a garbled end, and any of the unsynced names.

mod folders;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use stdx::{Disk, DiskFile};

use crate::Rng;

/// A crash loses unsynced bytes in pieces of this size, in any order.
const BLOCK_BYTES: usize = 512;

/// How often operations fail, each in so many cases out of a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// An append writes a part and fails.
    pub append: u32,
    /// A sync fails; what it should have saved will be lost, whatever later syncs say.
    pub sync: u32,
    /// Creating, renaming or removing a file, or syncing a folder, fails.
    pub names: u32,
    /// Reading a file, or a part of one, fails.
    pub read: u32,
}

/// See the head of this file. A clone of the handle is the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug, Clone)]
struct State {
    rng: Rng,
    files: BTreeMap<FileId, SimFile>,
    dirs: BTreeMap<PathBuf, Dir>,
    /// Folders that were renamed, and whose new names are not durable.
    renamed_dirs: Vec<(PathBuf, PathBuf)>,
    locks: BTreeSet<PathBuf>,
    next_file: FileId,
    /// Counts starts: what was open before is dead after.
    boot: u64,
    faults: Faults,
    n_writes: u64,
    stops_at: Option<u64>,
    n_failing_syncs: u32,
    free_bytes: Option<u64>,
}

type FileId = u64;

#[derive(Debug, Clone, Default)]
struct SimFile {
    /// What a running process reads.
    seen: Vec<u8>,
    /// So many bytes are durable, ...
    n_durable: usize,
    /// ... but these: a sync failed, and the system forgot that they were not written.
    forgotten: Vec<Range<usize>>,
}

#[derive(Debug, Clone, Default)]
struct Dir {
    seen: BTreeMap<PathBuf, FileId>,
    durable: BTreeMap<PathBuf, FileId>,
    unsynced: Vec<NameChange>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Add(PathBuf, FileId),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, FileId),
}

impl SimDisk {
    /// An empty disk without faults.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            rng: Rng::new(seed),
            files: BTreeMap::new(),
            dirs: BTreeMap::new(),
            renamed_dirs: Vec::new(),
            locks: BTreeSet::new(),
            next_file: 0,
            boot: 0,
            faults: Faults::default(),
            n_writes: 0,
            stops_at: None,
            n_failing_syncs: 0,
            free_bytes: None,
        })))
    }

    /// From now on operations fail this often.
    pub fn set_faults(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }

    /// Limits what can still be written; `None` lifts the limit.
    pub fn set_free_bytes(&self, free_bytes: Option<u64>) {
        self.0.lock().free_bytes = free_bytes;
    }

    /// Lets the next syncs of files fail, then no more than [`Faults`] says.
    pub fn fail_next_syncs(&self, n_syncs: u32) {
        self.0.lock().n_failing_syncs = n_syncs;
    }

    /// Stops the process after this many further changes: everything fails until
    /// [`SimDisk::crash`] or [`SimDisk::restart`] says what stopped it.
    pub fn stop_after(&self, n_writes: u64) {
        let mut state = self.0.lock();
        state.stops_at = Some(state.n_writes + n_writes);
    }

    /// Takes back [`SimDisk::stop_after`], if it has not come true.
    pub fn never_stop(&self) {
        let mut state = self.0.lock();
        if !state.is_stopped() {
            state.stops_at = None;
        }
    }

    /// Whether the process was stopped.
    pub fn is_stopped(&self) -> bool {
        self.0.lock().is_stopped()
    }

    /// Only the process died: everything it wrote is still seen, though no more durable than it
    /// was. Files that were open are dead.
    pub fn restart(&self) {
        self.0.lock().restart();
    }

    /// Cuts the power, loses what was not durable as the seed says, and starts again without
    /// faults. Files that were open are dead.
    pub fn crash(&self) {
        self.0.lock().crash();
    }

    /// Another disk with the same files, as a new process finds them, without faults.
    pub fn fork(&self) -> Self {
        let mut state = self.0.lock().clone();
        state.restart();
        state.faults = Faults::default();
        state.n_failing_syncs = 0;
        state.free_bytes = None;
        Self(Arc::new(Mutex::new(state)))
    }

    /// Replaces a file's content, durably: the hand that damages.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.0.lock();
        let id = state.new_file_id();
        let file = SimFile { seen: bytes.to_vec(), n_durable: bytes.len(), forgotten: Vec::new() };
        state.files.insert(id, file);
        let dir = state.dirs.entry(parent(path)).or_default();
        dir.seen.insert(path.to_owned(), id);
        dir.durable.insert(path.to_owned(), id);
    }

    /// Every file's path, sorted.
    pub fn paths(&self) -> Vec<PathBuf> {
        let state = self.0.lock();
        let dirs = state.dirs.values();
        dirs.flat_map(|dir| dir.seen.keys().cloned()).collect()
    }

    /// A number that differs when any name or byte differs.
    pub fn fingerprint(&self) -> u64 {
        let state = self.0.lock();
        let mut hash = Fnv::default();
        for (path, id) in state.dirs.values().flat_map(|dir| &dir.seen) {
            hash.write(path.as_os_str().as_encoded_bytes());
            hash.write(&state.files[id].seen);
        }
        hash.finish()
    }
}

/// FNV-1a, 64 bits: good enough to tell two runs apart.
#[derive(Debug, Clone)]
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub(crate) fn finish(&self) -> u64 {
        self.0
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

fn input_output_error() -> io::Error {
    io::Error::other("simulated input/output error")
}

impl State {
    fn new_file_id(&mut self) -> FileId {
        self.next_file += 1;
        self.next_file
    }

    fn is_stopped(&self) -> bool {
        self.stops_at.is_some_and(|at| self.n_writes >= at)
    }

    fn need_process(&self) -> io::Result<()> {
        if self.is_stopped() {
            return Err(io::Error::other("the simulated process is stopped"));
        }
        Ok(())
    }

    /// Counts a change; it fails when the process is stopped at it, or by chance.
    fn change(&mut self, fails_per_mille: u32) -> io::Result<()> {
        self.need_process()?;
        self.n_writes += 1;
        self.need_process()?;
        if self.rng.per_mille(fails_per_mille) {
            return Err(input_output_error());
        }
        Ok(())
    }

    /// Fails a read by chance.
    fn look(&mut self) -> io::Result<()> {
        self.need_process()?;
        let fails_per_mille = self.faults.read;
        // Without faults no number is drawn: reads do not change what else happens.
        if fails_per_mille > 0 && self.rng.per_mille(fails_per_mille) {
            return Err(input_output_error());
        }
        Ok(())
    }

    fn dir_of(&mut self, path: &Path) -> io::Result<&mut Dir> {
        self.dirs.get_mut(&parent(path)).ok_or_else(not_found)
    }

    fn file_at(&self, path: &Path) -> io::Result<&SimFile> {
        self.need_process()?;
        let dir = self.dirs.get(&parent(path)).ok_or_else(not_found)?;
        let id = dir.seen.get(path).ok_or_else(not_found)?;
        Ok(&self.files[id])
    }

    fn append(&mut self, id: FileId, bytes: &[u8]) -> io::Result<()> {
        self.need_process()?;
        let mut result = self.change(self.faults.append);
        let mut n_written = bytes.len();
        if result.is_err() {
            n_written = self.rng.index(bytes.len() + 1);
        }
        if let Some(free) = &mut self.free_bytes {
            if *free < n_written as u64 {
                n_written = *free as usize;
                result = Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            *free -= n_written as u64;
        }
        let file = self.files.get_mut(&id).ok_or_else(not_found)?;
        file.seen.extend_from_slice(&bytes[..n_written]);
        result
    }

    fn sync(&mut self, id: FileId) -> io::Result<()> {
        self.need_process()?;
        let mut result = self.change(self.faults.sync);
        if self.is_stopped() {
            // Stopped in the middle of it: a crash decides what has reached the disk.
            return result;
        }
        if self.n_failing_syncs > 0 {
            self.n_failing_syncs -= 1;
            result = Err(input_output_error());
        }
        let file = self.files.get_mut(&id).ok_or_else(not_found)?;
        if result.is_err() {
            let n_unsynced = file.seen.len() - file.n_durable;
            let n_saved = self.rng.index(n_unsynced + 1) * self.rng.index(2);
            let lost = file.n_durable + n_saved..file.seen.len();
            file.forgotten.push(lost);
        }
        file.n_durable = file.seen.len();
        result
    }

    fn restart(&mut self) {
        self.boot += 1;
        self.locks.clear();
        self.stops_at = None;
    }

    fn crash(&mut self) {
        self.restart();
        self.faults = Faults::default();
        self.n_failing_syncs = 0;
        self.free_bytes = None;
        for file in self.files.values_mut() {
            file.crash(&mut self.rng);
        }
        for dir in self.dirs.values_mut() {
            dir.crash(&mut self.rng);
        }
        for (from, to) in std::mem::take(&mut self.renamed_dirs).into_iter().rev() {
            if self.rng.per_mille(500) {
                self.move_dir(&to, &from);
            }
        }
        let named = self.dirs.values().flat_map(|dir| dir.durable.values());
        let named: BTreeSet<FileId> = named.copied().collect();
        self.files.retain(|id, _| named.contains(id));
    }
}

impl SimFile {
    fn crash(&mut self, rng: &mut Rng) {
        for range in self.forgotten.drain(..) {
            self.seen[range].fill(0);
        }
        let n_unsynced = self.seen.len() - self.n_durable;
        let n_kept = match rng.below(3) {
            0 => 0,
            1 => n_unsynced,
            _ => rng.index(n_unsynced + 1),
        };
        self.seen.truncate(self.n_durable + n_kept);
        let tail = &mut self.seen[self.n_durable..];
        if rng.per_mille(300) {
            let n_garbled = rng.index(16).min(tail.len());
            let end = tail.len();
            tail[end - n_garbled..].fill_with(|| rng.next_u64() as u8);
        }
        if rng.per_mille(300) {
            for block in tail.chunks_mut(BLOCK_BYTES) {
                if rng.per_mille(300) {
                    block.fill(0);
                }
            }
        }
        self.n_durable = self.seen.len();
    }
}

impl Dir {
    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }

    fn crash(&mut self, rng: &mut Rng) {
        for change in self.unsynced.drain(..) {
            if rng.per_mille(500) {
                change.apply(&mut self.durable);
            }
        }
        self.seen = self.durable.clone();
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, FileId>) {
        match self {
            Self::Add(path, id) => {
                names.insert(path.clone(), *id);
            }
            Self::Remove(path) => {
                names.remove(path);
            }
            Self::Rename(from, to, id) => {
                names.remove(from);
                names.insert(to.clone(), *id);
            }
        }
    }
}

struct OpenFile {
    state: Arc<Mutex<State>>,
    id: FileId,
    boot: u64,
}

impl OpenFile {
    fn alive(&self, state: &State) -> io::Result<()> {
        if state.boot == self.boot {
            return Ok(());
        }
        Err(io::Error::other("the file was open before the crash"))
    }
}

impl DiskFile for OpenFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        self.alive(&state)?;
        state.append(self.id, bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut state = self.state.lock();
        self.alive(&state)?;
        state.sync(self.id)
    }
}

/// Holds a lock file until it is dropped or the process dies.
struct LockGuard {
    state: Arc<Mutex<State>>,
    path: PathBuf,
    boot: u64,
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        if state.boot == self.boot {
            state.locks.remove(&self.path);
        }
    }
}

/// Folders are durable once they are made and gone once they are removed; the names in them, and a
/// folder's new name, are not.
impl Disk for SimDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.need_process()?;
        for dir in dir.ancestors() {
            state.dirs.entry(dir.to_owned()).or_default();
        }
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock();
        let fails = state.faults.names;
        state.change(fails)?;
        let id = state.new_file_id();
        let dir = state.dir_of(path)?;
        if dir.seen.contains_key(path) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        dir.change(NameChange::Add(path.to_owned(), id));
        state.files.insert(id, SimFile::default());
        Ok(Box::new(OpenFile { state: Arc::clone(&self.0), id, boot: state.boot }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.0.lock();
        state.look()?;
        Ok(state.file_at(path)?.seen.clone())
    }

    fn read_at(&self, path: &Path, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        state.look()?;
        let seen = &state.file_at(path)?.seen;
        let start = usize::try_from(offset).map_or(seen.len(), |at| at.min(seen.len()));
        let n_read = buf.len().min(seen.len() - start);
        buf[..n_read].copy_from_slice(&seen[start..start + n_read]);
        Ok(n_read)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.0.lock();
        state.need_process()?;
        let dir = state.dirs.get(dir).ok_or_else(not_found)?;
        Ok(dir.seen.keys().cloned().collect())
    }

    fn list_dirs(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.0.lock();
        state.need_process()?;
        if !state.dirs.contains_key(dir) {
            return Err(not_found());
        }
        let below = state.dirs.keys().filter(|path| path.parent() == Some(dir));
        Ok(below.cloned().collect())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        let fails = state.faults.names;
        state.change(fails)?;
        let id = *state.dir_of(from)?.seen.get(from).ok_or_else(not_found)?;
        let dir = state.dir_of(to)?;
        if dir.seen.contains_key(to) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        dir.change(NameChange::Add(to.to_owned(), id));
        Ok(())
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        let fails = state.faults.names;
        state.change(fails)?;
        if !state.dirs.contains_key(dir) {
            return Err(not_found());
        }
        state.dirs.retain(|path, _| !path.starts_with(dir));
        state.renamed_dirs.retain(|(_, to)| !to.starts_with(dir));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        assert_eq!(parent(from), parent(to), "files are renamed in place");
        let mut state = self.0.lock();
        let fails = state.faults.names;
        state.change(fails)?;
        if state.dirs.contains_key(from) {
            return state.rename_dir(from, to);
        }
        let dir = state.dir_of(from)?;
        let id = *dir.seen.get(from).ok_or_else(not_found)?;
        dir.change(NameChange::Rename(from.to_owned(), to.to_owned(), id));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        let fails = state.faults.names;
        state.change(fails)?;
        let dir = state.dir_of(path)?;
        if !dir.seen.contains_key(path) {
            return Err(not_found());
        }
        dir.change(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        let id = *state.dir_of(path)?.seen.get(path).ok_or_else(not_found)?;
        state.sync(id)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        let fails = state.faults.names;
        state.change(fails)?;
        let names = state.dirs.get_mut(dir).ok_or_else(not_found)?;
        names.durable = names.seen.clone();
        names.unsynced.clear();
        state.renamed_dirs.retain(|(_, to)| parent(to) != dir);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut state = self.0.lock();
        state.need_process()?;
        if !state.locks.insert(path.to_owned()) {
            return Err(io::Error::from(io::ErrorKind::WouldBlock));
        }
        Ok(Box::new(LockGuard {
            state: Arc::clone(&self.0),
            path: path.to_owned(),
            boot: state.boot,
        }))
    }
}
