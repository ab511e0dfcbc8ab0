//! `pharos tsdb backup`: a snapshot in an object store, and back.
//!
//! ```text
//! PREFIX/blk/<id>-<file name>       a block; it never changes, so it is sent once
//! PREFIX/files/<sha256>             any other file, by its content
//! PREFIX/backups/<time>.json        what a backup consists of, written last
//! ```
//!
//! A backup is there when its list is. What an earlier one lists, and what the store still has at
//! its length, is not sent again.

mod list;
mod store;

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path as FilePath;

use anyhow::{Context as _, bail};
use model::time::format_rfc3339;
use stdx::{Disk, Env};
use tsdb::{Archive, ArchiveFile};

use self::list::{BackupFile, BackupList};
use self::store::Store;
use super::args::{BackupArgs, RestoreArgs};
use super::restore::{self, Target};
use super::{opened, progress};
use crate::web_client;

/// Copies what is new and says what.
///
/// # Errors
/// The source is damaged or cannot be read, or the store does not take it.
pub(super) fn run(args: &BackupArgs) -> anyhow::Result<()> {
    let env = Env::system();
    let archive = Archive::open(&args.from, &env).map_err(|error| opened(error, &args.from))?;
    restore::verify(&args.from, &env, args.keep_damaged)?;
    let store = Store::of_url(&args.to)?;
    let name = name_of(env.clock.now_ms());
    let source = Source { dir: &args.from, disk: env.disk.as_ref(), files: archive.files()? };
    let work = backup(&store, &source, &name, args.read_back);
    let sent = web_client::runtime()?.block_on(work);
    let sent = sent.with_context(|| format!("no backup in {}", args.to))?;
    let Sent { n_sent, n_known, bytes_sent } = sent;
    writeln!(
        std::io::stderr(),
        "backup {name}: {n_sent} files sent ({bytes_sent} bytes), {n_known} were there"
    )?;
    Ok(())
}

/// `20260131T120000Z`
fn name_of(now_ms: i64) -> String {
    let time = format_rfc3339(now_ms);
    let digits: String = time.chars().take(19).filter(|c| !"-:".contains(*c)).collect();
    format!("{digits}Z")
}

/// What is to be copied.
struct Source<'s> {
    dir: &'s FilePath,
    disk: &'s dyn Disk,
    files: Vec<ArchiveFile>,
}

/// What was done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sent {
    n_sent: u64,
    n_known: u64,
    bytes_sent: u64,
}

async fn backup(
    store: &Store,
    source: &Source<'_>,
    name: &str,
    read_back: bool,
) -> anyhow::Result<Sent> {
    let known = known_files(store).await?;
    let there = store.lengths().await?;
    let is_there = |key: &str, n_bytes: u64| there.get(key) == Some(&n_bytes);
    let bar = progress::bytes("backup", Some(source.files.iter().map(|f| f.n_bytes).sum()));
    let (mut sent, mut files) = (Sent::default(), Vec::new());
    for file in &source.files {
        let listed = known.get(&key_of_block(file).unwrap_or_default());
        if let Some(listed) = listed.filter(|listed| is_there(&listed.key, file.n_bytes)) {
            sent.n_known += 1;
            bar.advance(file.n_bytes);
            files.push(BackupFile { place: place_text(&file.place)?, ..listed.clone() });
            continue;
        }
        let path = source.dir.join(&file.place);
        let sha256 = list::hash_file(source.disk, &path, file.n_bytes)?;
        let key = key_of_block(file).unwrap_or_else(|| format!("files/{sha256}"));
        let entry =
            BackupFile { place: place_text(&file.place)?, key, n_bytes: file.n_bytes, sha256 };
        // What has its content's hash as its name needs no list to be known.
        if file.block.is_none() && is_there(&entry.key, file.n_bytes) {
            sent.n_known += 1;
        } else {
            store.send(source.disk, &path, &entry).await?;
            if read_back {
                store.compare(&entry).await?;
            }
            sent.n_sent += 1;
            sent.bytes_sent += file.n_bytes;
        }
        bar.advance(file.n_bytes);
        files.push(entry);
    }
    check_lengths(store, &files).await?;
    store.put_list(&BackupList::new(name, files)).await?;
    Ok(sent)
}

/// The key of a block; other files go by their content.
fn key_of_block(file: &ArchiveFile) -> Option<String> {
    let name = file.place.file_name()?.to_str()?;
    file.block.map(|id| format!("blk/{id:016x}-{name}"))
}

fn place_text(place: &FilePath) -> anyhow::Result<String> {
    let text = place.to_str().with_context(|| format!("{} is no UTF-8", place.display()))?;
    Ok(text.to_owned())
}

/// The files of the newest backup, by key.
async fn known_files(store: &Store) -> anyhow::Result<HashMap<String, BackupFile>> {
    let Some(newest) = store.names().await?.pop() else { return Ok(HashMap::new()) };
    let files = store.list(&newest).await?.files;
    Ok(files.into_iter().map(|file| (file.key.clone(), file)).collect())
}

/// What the store says it has is what we mean to list.
async fn check_lengths(store: &Store, files: &[BackupFile]) -> anyhow::Result<()> {
    let there = store.lengths().await?;
    for file in files {
        match there.get(&file.key) {
            Some(n) if *n == file.n_bytes => {}
            Some(n) => bail!("{} has {n} bytes in the store, not {}", file.key, file.n_bytes),
            None => bail!("{} is not in the store after it was sent", file.key),
        }
    }
    Ok(())
}

/// Fetches a backup into a directory that is being made, compares every byte, and says how many
/// files and bytes there were.
///
/// # Errors
/// The backup is not there or not what was sent.
pub(super) fn fetch(args: &RestoreArgs, target: &Target<'_>) -> anyhow::Result<(u64, u64)> {
    let store = Store::of_url(&args.from)?;
    let work = fetch_from(&store, args.backup.as_deref(), target);
    let fetched = web_client::runtime()?.block_on(work);
    let fetched = fetched.with_context(|| format!("cannot restore from {}", args.from))?;
    target.verify(args.keep_damaged)?;
    Ok(fetched)
}

async fn fetch_from(
    store: &Store,
    name: Option<&str>,
    target: &Target<'_>,
) -> anyhow::Result<(u64, u64)> {
    let mut names = store.names().await?;
    let name = match name {
        Some(name) if names.iter().any(|known| known == name) => name.to_owned(),
        Some(name) => bail!("there is no backup {name}; there are {}", names.join(", ")),
        None => names.pop().context("there is no backup (see --from)")?,
    };
    let list = store.list(&name).await?;
    let n_bytes = list.files.iter().map(|file| file.n_bytes).sum();
    let bar = progress::bytes("restore", Some(n_bytes));
    for file in &list.files {
        store.fetch(file, target, &bar).await?;
    }
    Ok((list.files.len() as u64, n_bytes))
}

#[cfg(test)]
mod tests;
