//! Roots: where /proc, /sys and / are. Settings, so that a container sees its host and a test sees
//! a fixture tree.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::CollectError;

/// The bound on any file read from these trees; the largest real ones stay below 1 MiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

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
        Self {
            proc: "/proc".into(),
            sys: "/sys".into(),
            root: "/".into(),
        }
    }
}

impl Roots {
    /// The text of a file below `/proc`.
    ///
    /// # Errors
    /// [`CollectError::Absent`] when there is no such file, [`CollectError::Read`] otherwise.
    pub fn read_proc(&self, path: &str) -> Result<String, CollectError> {
        read(&self.proc.join(path))
    }

    /// The text of a file below `/sys`.
    ///
    /// # Errors
    /// As [`Roots::read_proc`].
    pub fn read_sys(&self, path: &str) -> Result<String, CollectError> {
        read(&self.sys.join(path))
    }
}

/// The text of a file; bytes that are not UTF-8 are replaced.
///
/// # Errors
/// [`CollectError::Absent`] when there is no such file, [`CollectError::Read`] otherwise.
pub(crate) fn read(path: &Path) -> Result<String, CollectError> {
    let read_bytes = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(path)?
            .take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read_bytes() {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(CollectError::Absent),
        Err(cause) => Err(CollectError::Read {
            path: path.to_owned(),
            cause,
        }),
    }
}
