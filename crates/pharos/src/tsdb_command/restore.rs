//! `pharos tsdb restore`: a data directory out of a snapshot or a backup.
//!
//! Everything is written under another name beside the target and gets the target's name at the
//! end, so the target is whole or absent. Left-overs of an attempt that was cut off are used up by
//! the next one.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use stdx::{Disk, DiskFile, Env};
use tsdb::{Archive, Look, inspect_blocks};

use super::args::RestoreArgs;
use super::{backup, opened, progress};

/// Bytes copied at a time.
const COPY_BYTES: usize = 1 << 20;
/// The file that says that a folder is a target of ours which is not finished.
const MARK: &str = "RESTORING";
/// The folders of a data directory that hold files.
const FOLDERS: [&str; 2] = ["blk", "wal"];

/// Restores and says what.
///
/// # Errors
/// The source is damaged or cannot be read, the target is not empty or cannot be written.
pub(super) fn run(args: &RestoreArgs) -> anyhow::Result<()> {
    let env = Env::system();
    let target = Target::begin(&args.data_dir, &env)?;
    let (n_files, n_bytes) = if args.from.contains("://") {
        backup::fetch(args, &target)?
    } else {
        copy(args, &target, &env)?
    };
    target.finish()?;
    let dir = args.data_dir.display();
    writeln!(io::stderr(), "{n_files} files, {n_bytes} bytes restored to {dir}")?;
    Ok(())
}

/// Copies a directory after a look at every byte of its blocks.
fn copy(args: &RestoreArgs, target: &Target<'_>, env: &Env) -> anyhow::Result<(u64, u64)> {
    let from = Path::new(&args.from);
    let archive = Archive::open(from, env).map_err(|error| opened(error, from))?;
    let files = archive.files()?;
    verify(from, env, args.keep_damaged)?;
    let n_bytes = files.iter().map(|file| file.n_bytes).sum();
    let bar = progress::bytes("restore", Some(n_bytes));
    for file in &files {
        let mut copy = target.create(&file.place)?;
        let source = from.join(&file.place);
        let mut copied = 0;
        while copied < file.n_bytes {
            let part = read_part(env.disk.as_ref(), &source, copied, COPY_BYTES)?;
            copied += part.len() as u64;
            copy.append(&part).with_context(|| target.shown(&file.place))?;
            bar.advance(part.len() as u64);
        }
        copy.sync_data().with_context(|| target.shown(&file.place))?;
    }
    Ok((files.len() as u64, n_bytes))
}

/// The next bytes of a file, at least one.
pub(super) fn read_part(
    disk: &dyn Disk,
    path: &Path,
    offset: u64,
    bytes_max: usize,
) -> anyhow::Result<Vec<u8>> {
    let mut part = vec![0; bytes_max];
    let n = disk.read_at(path, offset, &mut part);
    let n = n.with_context(|| format!("cannot read {}", path.display()))?;
    if n == 0 {
        bail!("{} became shorter while it was read", path.display());
    }
    part.truncate(n);
    Ok(part)
}

/// Reads every byte of every block of a directory. Damage is said, and accepted if that is asked
/// for.
///
/// # Errors
/// Something is damaged, or cannot be read.
pub(super) fn verify(dir: &Path, env: &Env, keep_damaged: bool) -> anyhow::Result<()> {
    let mut damage = Vec::new();
    let bar = progress::bytes("verify", None);
    inspect_blocks(dir, env, Look::EveryByte, &mut |block| {
        bar.advance(block.n_bytes);
        damage.extend(block.damage.iter().map(|what| format!("{}: {what}", block.name)));
    })?;
    drop(bar);
    let Some(first) = damage.first() else { return Ok(()) };
    let (shown, n) = (dir.display(), damage.len());
    if keep_damaged {
        writeln!(io::stderr(), "pharos: {shown} is damaged in {n} places, the first: {first}")?;
        return Ok(());
    }
    bail!(
        "{shown} is damaged in {n} places, the first: {first}; see pharos tsdb verify, and \
         --keep-damaged"
    )
}

/// A data directory that is being made.
pub(super) struct Target<'e> {
    dir: PathBuf,
    unfinished: PathBuf,
    env: &'e Env,
}

impl<'e> Target<'e> {
    /// Checks that nothing is there and makes the folders, under another name.
    fn begin(dir: &Path, env: &'e Env) -> anyhow::Result<Self> {
        refuse_content(dir, env.disk.as_ref())?;
        let mut name = dir.file_name().context("--data-dir has no name")?.to_owned();
        name.push(".restoring");
        let unfinished = dir.with_file_name(name);
        if env.disk.len(&unfinished.join(MARK)).is_err() {
            // Somebody else's is not ours to clear.
            refuse_content(&unfinished, env.disk.as_ref())?;
        }
        let target = Self { dir: dir.to_owned(), unfinished, env };
        target.make_folders().with_context(|| {
            format!("cannot make {} (see --data-dir)", target.unfinished.display())
        })?;
        Ok(target)
    }

    fn make_folders(&self) -> io::Result<()> {
        let disk = self.env.disk.as_ref();
        disk.create_dir_all(&self.unfinished)?;
        if disk.len(&self.unfinished.join(MARK)).is_err() {
            disk.create(&self.unfinished.join(MARK))?.sync_data()?;
            disk.sync_dir(&self.unfinished)?;
        }
        for folder in FOLDERS.map(|folder| self.unfinished.join(folder)) {
            disk.create_dir_all(&folder)?;
        }
        self.remove_files()
    }

    /// Removes what is in it, but for the mark.
    fn remove_files(&self) -> io::Result<()> {
        let disk = self.env.disk.as_ref();
        let mut files = disk.list(&self.unfinished)?;
        files.retain(|path| !path.ends_with(MARK));
        for folder in FOLDERS {
            files.extend(disk.list(&self.unfinished.join(folder))?);
        }
        files.iter().try_for_each(|path| disk.remove(path))
    }

    /// A new file at its place, which is one of a data directory.
    ///
    /// # Errors
    /// It is not, or the disk takes no writes.
    pub(super) fn create(&self, place: &Path) -> anyhow::Result<Box<dyn DiskFile>> {
        if !is_place(place) {
            bail!("{} has no place in a data directory", place.display());
        }
        let file = self.env.disk.create(&self.unfinished.join(place));
        file.with_context(|| self.shown(place))
    }

    /// The context of an error about a file.
    pub(super) fn shown(&self, place: &Path) -> String {
        format!("cannot write {}", self.unfinished.join(place).display())
    }

    /// Reads back every byte of every block.
    ///
    /// # Errors
    /// Something is damaged.
    pub(super) fn verify(&self, keep_damaged: bool) -> anyhow::Result<()> {
        verify(&self.unfinished, self.env, keep_damaged)
    }

    /// Gives the directory its name, durably.
    fn finish(self) -> anyhow::Result<()> {
        let disk = self.env.disk.as_ref();
        let named = || -> io::Result<()> {
            for folder in FOLDERS {
                disk.sync_dir(&self.unfinished.join(folder))?;
            }
            disk.remove(&self.unfinished.join(MARK))?;
            disk.sync_dir(&self.unfinished)?;
            disk.rename(&self.unfinished, &self.dir)?;
            let parent = self.dir.parent().filter(|parent| !parent.as_os_str().is_empty());
            disk.sync_dir(parent.unwrap_or(Path::new(".")))
        };
        named().with_context(|| format!("cannot make {}", self.dir.display()))
    }
}

impl Drop for Target<'_> {
    /// Clears away what was not finished; after the renaming nothing is there any more.
    fn drop(&mut self) {
        if self.env.disk.len(&self.unfinished.join(MARK)).is_ok() && self.remove_files().is_ok() {
            // What stays, the next attempt uses.
            let _stays = self.env.disk.remove(&self.unfinished.join(MARK));
            for folder in FOLDERS.map(|folder| self.unfinished.join(folder)) {
                let _stays = std::fs::remove_dir(folder);
            }
            let _stays = std::fs::remove_dir(&self.unfinished);
        }
    }
}

/// Whether a file belongs there: in the directory itself or in one of its folders, by a plain name.
fn is_place(place: &Path) -> bool {
    let parts: Option<Vec<&str>> = place
        .components()
        .map(|part| match part {
            std::path::Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    match parts.as_deref() {
        Some([name]) => !FOLDERS.contains(name) && *name != MARK,
        Some([folder, _]) => FOLDERS.contains(folder),
        _ => false,
    }
}

/// A directory that holds anything at all is not overwritten.
fn refuse_content(dir: &Path, disk: &dyn Disk) -> anyhow::Result<()> {
    if disk.len(dir).is_err() {
        return Ok(());
    }
    let mut entries = std::fs::read_dir(dir)
        .with_context(|| format!("{} is no directory (see --data-dir)", dir.display()))?;
    if entries.next().is_some() {
        bail!("{} is not empty: move it away, or choose another --data-dir", dir.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::is_place;

    #[test]
    fn a_file_has_a_place_or_is_refused() {
        for place in ["MANIFEST", "records.db", "blk/a.blk", "wal/1.wal"] {
            assert!(is_place(Path::new(place)), "{place}");
        }
        for place in ["", "blk", "/etc/passwd", "../x", "blk/../x", "blk/a/b", "x/y", "."] {
            assert!(!is_place(Path::new(place)), "{place}");
        }
    }
}
