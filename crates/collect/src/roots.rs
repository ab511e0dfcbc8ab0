//! Roots: where /proc, /sys and / are. Settings, so that a container sees its host and a test sees
//! a fixture tree.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::CollectError;

/// The bound on any file read from these trees; the largest real ones stay below 1 MiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The files of `/proc` that several collectors want in one collection.
const SHARED: [&str; 6] = ["stat", "meminfo", "vmstat", "loadavg", "net/snmp", "net/sockstat"];

thread_local! {
    /// What was read of the shared files during the collection that runs on this thread.
    static READ: RefCell<Option<HashMap<PathBuf, String>>> = const { RefCell::new(None) };
}

/// The three trees a host shows itself in.
#[derive(Debug, Clone)]
pub struct Roots {
    /// Usually `/proc`.
    pub proc: PathBuf,
    /// Usually `/sys`.
    pub sys: PathBuf,
    /// Usually `/`.
    pub root: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into(), root: "/".into() }
    }
}

impl Roots {
    /// The text of a file below `/proc`. During one collection the files that several collectors
    /// want are read once, so that all families speak of the same moment and the kernel composes
    /// them once.
    ///
    /// # Errors
    /// [`CollectError::Absent`] when there is no such file, [`CollectError::Read`] otherwise.
    pub fn read_proc(&self, path: &str) -> Result<String, CollectError> {
        let file = self.proc.join(path);
        if SHARED.contains(&path) { read_shared(file) } else { read(&file) }
    }

    /// The text of a file below `/sys`.
    ///
    /// # Errors
    /// As [`Roots::read_proc`].
    pub fn read_sys(&self, path: &str) -> Result<String, CollectError> {
        read(&self.sys.join(path))
    }
}

/// Runs one collection, in which this thread reads each shared file at most once.
pub(crate) fn sharing_files<T>(collection: impl FnOnce() -> T) -> T {
    struct Forget;
    impl Drop for Forget {
        fn drop(&mut self) {
            READ.with_borrow_mut(|files| *files = None);
        }
    }
    READ.with_borrow_mut(|files| *files = Some(HashMap::new()));
    let _forget = Forget;
    collection()
}

fn read_shared(path: PathBuf) -> Result<String, CollectError> {
    let known = READ.with_borrow(|files| files.as_ref()?.get(&path).cloned());
    if let Some(text) = known {
        return Ok(text);
    }
    let text = read(&path)?;
    READ.with_borrow_mut(|files| {
        if let Some(files) = files {
            files.insert(path, text.clone());
        }
    });
    Ok(text)
}

/// The text of a file; bytes that are not UTF-8 are replaced.
///
/// # Errors
/// [`CollectError::Absent`] when there is no such file, [`CollectError::Read`] otherwise.
pub(crate) fn read(path: &Path) -> Result<String, CollectError> {
    let read_bytes = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read_bytes() {
        Ok(bytes) => Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(CollectError::Absent),
        Err(cause) => Err(CollectError::Read { path: path.to_owned(), cause }),
    }
}

#[cfg(test)]
mod tests {
    use stdx::{Disk, LocalDisk};

    use super::{Roots, sharing_files};

    #[test]
    fn a_shared_file_is_read_once_per_collection() {
        let dir = std::env::temp_dir().join(format!("pharos-roots-{}", std::process::id()));
        LocalDisk.create_dir_all(&dir).unwrap();
        let write = |name: &str, text: &str| {
            let draft = dir.join("draft");
            LocalDisk.create(&draft).unwrap().append(text.as_bytes()).unwrap();
            LocalDisk.rename(&draft, &dir.join(name)).unwrap();
        };
        let roots = Roots { proc: dir.clone(), ..Roots::default() };
        let read = |name: &str| roots.read_proc(name).unwrap();
        write("stat", "1");
        write("other", "1");
        let inside = sharing_files(|| {
            let first = read("stat") + &read("other");
            write("stat", "2");
            write("other", "2");
            first + &read("stat") + &read("other")
        });
        assert_eq!(inside, "1112", "stat is shared, other is not");
        assert_eq!(read("stat"), "2", "outside of a collection every read is fresh");
        assert_eq!(sharing_files(|| read("stat")), "2");
        for name in ["stat", "other"] {
            LocalDisk.remove(&dir.join(name)).unwrap();
        }
        std::fs::remove_dir(dir).unwrap();
    }
}
