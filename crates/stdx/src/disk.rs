//! Disk: the few file operations a database needs, each with its durability spelled out.
//!
//! What is written is durable only after [`DiskFile::sync_data`]; a created, renamed or removed
//! name only after [`Disk::sync_dir`] of its folder. The simulator's disk takes both literally.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A file open for appending.
pub trait DiskFile: Send {
    /// Appends all bytes, or fails having appended a prefix of them.
    ///
    /// # Errors
    /// The disk's own, a full disk among them.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything appended so far durable. After an error nothing may be assumed about what
    /// was appended since the last success, and the call must not be repeated on this file.
    ///
    /// # Errors
    /// The disk's own.
    fn sync_data(&mut self) -> io::Result<()>;
}

/// A tree of files.
pub trait Disk: Send + Sync {
    /// Creates a folder and its parents, readable by the owner alone.
    ///
    /// # Errors
    /// The disk's own.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Creates a new file for appending; it is an error if it exists.
    ///
    /// # Errors
    /// The disk's own.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// The whole content of a file.
    ///
    /// # Errors
    /// The disk's own, `NotFound` among them.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Fills `buf` from a byte offset on and says how much was there.
    ///
    /// # Errors
    /// The disk's own, `NotFound` among them.
    fn read_at(&self, path: &Path, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// How many bytes a file has.
    ///
    /// # Errors
    /// The disk's own, `NotFound` among them.
    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(self.read(path)?.len() as u64)
    }

    /// The names of the files in a folder, sorted.
    ///
    /// # Errors
    /// The disk's own, `NotFound` among them.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// The folders in a folder, sorted.
    ///
    /// # Errors
    /// The disk's own, `NotFound` among them.
    fn list_dirs(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// Renames a file, replacing the target, or a folder to a name that is not taken.
    ///
    /// # Errors
    /// The disk's own.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name, which must not be taken; its bytes go with its last name.
    ///
    /// # Errors
    /// The disk's own, for instance when it has no such names or `to` is on another disk.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a folder with everything in it.
    ///
    /// # Errors
    /// The disk's own; a part may be gone.
    fn remove_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The disk's own.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the content of a file durable, whoever wrote it. As with [`DiskFile::sync_data`], an
    /// error means that what was not durable may be lost, and the next success says nothing of it.
    ///
    /// # Errors
    /// The disk's own, `NotFound` among them.
    fn sync_file(&self, path: &Path) -> io::Result<()>;

    /// Makes the names of a folder durable.
    ///
    /// # Errors
    /// The disk's own.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes an exclusive lock on a file (made if absent), held until the guard is dropped.
    ///
    /// # Errors
    /// `WouldBlock` when another process holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;
}

/// The machine's file system. Files are 0600, folders 0700.
#[derive(Debug)]
pub struct LocalDisk;

struct LocalFile(File);

impl DiskFile for LocalFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl Disk for LocalDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let file = options.append(true).create_new(true).mode(0o600).open(path)?;
        Ok(Box::new(LocalFile(file)))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn read_at(&self, path: &Path, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let file = File::open(path)?;
        let mut filled = 0;
        while filled < buf.len() {
            match file.read_at(&mut buf[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        list_entries(dir, fs::FileType::is_file)
    }

    fn list_dirs(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        list_entries(dir, fs::FileType::is_dir)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir_all(dir)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_data()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(file))
    }
}

/// The entries of a folder that are of this type, sorted.
fn list_entries(dir: &Path, is_wanted: fn(&fs::FileType) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if is_wanted(&entry.file_type()?) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}
