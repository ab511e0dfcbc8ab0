//! Folders that get another name.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{Dir, FileId, NameChange, State};

impl State {
    /// Renames a folder; the new name is durable once the folder above is synced.
    pub(super) fn rename_dir(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if self.dirs.contains_key(to) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        self.move_dir(from, to);
        self.renamed_dirs.push((from.to_owned(), to.to_owned()));
        Ok(())
    }

    /// Gives a folder and everything below it another path.
    pub(super) fn move_dir(&mut self, from: &Path, to: &Path) {
        let below: Vec<PathBuf> =
            self.dirs.keys().filter(|dir| dir.starts_with(from)).cloned().collect();
        for old in below {
            let dir = self.dirs.remove(&old).expect("it is one of the keys");
            self.dirs.insert(moved(&old, from, to), dir.moved(from, to));
        }
    }
}

impl Dir {
    /// The same below another path.
    fn moved(self, from: &Path, to: &Path) -> Self {
        let names = |names: BTreeMap<PathBuf, FileId>| {
            names.into_iter().map(|(path, id)| (moved(&path, from, to), id)).collect()
        };
        let change = |change| match change {
            NameChange::Add(path, id) => NameChange::Add(moved(&path, from, to), id),
            NameChange::Remove(path) => NameChange::Remove(moved(&path, from, to)),
            NameChange::Rename(old, new, id) => {
                NameChange::Rename(moved(&old, from, to), moved(&new, from, to), id)
            }
        };
        Self {
            seen: names(self.seen),
            durable: names(self.durable),
            unsynced: self.unsynced.into_iter().map(change).collect(),
        }
    }
}

/// The path that a file or folder at or below `from` has once that is called `to`.
fn moved(path: &Path, from: &Path, to: &Path) -> PathBuf {
    match path.strip_prefix(from) {
        Ok(rest) if rest.as_os_str().is_empty() => to.to_owned(),
        Ok(rest) => to.join(rest),
        Err(_) => path.to_owned(),
    }
}
