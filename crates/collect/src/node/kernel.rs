//! The kernel's small files: attribute directories, numbered directories, numbers in text.
//!
//! What cannot be read or understood is `None`: attributes come and go with drivers and with the
//! device's state, and one of them must not cost its neighbours.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};

use crate::CollectError;

/// The kernel hands out an attribute in one read of at most a page.
const ATTRIBUTE_BYTES_MAX: usize = 4096;

/// The bound on the entries taken from one directory, above any machine's number of CPUs or disks.
const ENTRIES_MAX: usize = 16_384;

/// Clock ticks per second in /proc, whatever the kernel's own tick is.
pub(super) const USER_HZ: f64 = 100.0;

/// An open directory of attribute files: open, read and close each, with no path to build.
pub(super) struct Attributes {
    dir: OwnedFd,
}

impl Attributes {
    pub(super) fn open(dir: &Path) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(CWD, dir, flags, Mode::empty()).ok()?;
        Some(Self { dir })
    }

    /// The attribute without its line end.
    pub(super) fn line(&self, name: &str) -> Option<String> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.dir, name, flags, Mode::empty()).ok()?;
        let mut page = [0; ATTRIBUTE_BYTES_MAX];
        let n = rustix::io::read(&file, &mut page[..]).ok()?;
        let text = String::from_utf8_lossy(&page[..n]);
        Some(text.trim_matches('\n').to_owned())
    }

    /// The attribute without surrounding blanks; `None` when it is empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let line = self.line(name)?;
        let text = line.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The attribute as a number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        number(self.line(name)?.trim())
    }
}

/// A decimal or `0x` number. Infinities and NaN are no numbers of the kernel's.
pub(super) fn number(text: &str) -> Option<f64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return Some(u64::from_str_radix(digits, 16).ok()? as f64);
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// The names in a directory, sorted.
///
/// # Errors
/// [`CollectError::Absent`] when there is no such directory.
pub(super) fn entries(dir: &Path) -> Result<Vec<String>, CollectError> {
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => CollectError::Absent,
        _ => CollectError::Read { path: dir.to_owned(), cause },
    };
    let mut names: Vec<String> = fs::read_dir(dir)
        .map_err(failed)?
        .flatten()
        .take(ENTRIES_MAX)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// The entries `prefix<number>` of a directory by number; none when there is no such directory.
pub(super) fn numbered(dir: &Path, prefix: &str) -> Vec<(u32, PathBuf)> {
    let mut found: Vec<(u32, PathBuf)> = entries(dir)
        .unwrap_or_default()
        .iter()
        .filter_map(|name| {
            let index = name.strip_prefix(prefix)?.parse().ok()?;
            Some((index, dir.join(name)))
        })
        .collect();
    found.sort_unstable();
    found
}

/// A word of the kernel's as part of a metric name: anything but letters, digits and `_` is `_`.
pub(super) fn metric_word(word: &str) -> Cow<'_, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if word.chars().all(fits) {
        return Cow::Borrowed(word);
    }
    let replaced = word.chars().map(|c| if fits(c) { c } else { '_' });
    Cow::Owned(replaced.collect())
}

#[cfg(test)]
mod tests {
    use super::{metric_word, number};

    #[test]
    fn numbers_are_decimal_or_hexadecimal_and_finite() {
        let cases = [
            ("1500", Some(1500.0)),
            ("-1", Some(-1.0)),
            ("0x1003", Some(4099.0)),
            ("0.25", Some(0.25)),
            ("", None),
            ("0x", None),
            ("nan", None),
            ("inf", None),
            ("N/A (no PMA)", None),
        ];
        for (text, expected) in cases {
            assert_eq!(number(text), expected, "{text:?}");
        }
    }

    #[test]
    fn metric_words_keep_only_name_characters() {
        assert_eq!(metric_word("TCP6"), "TCP6");
        assert_eq!(metric_word("package-0-die-1 ü"), "package_0_die_1__");
    }
}
