//! filesystem: size and room of each mounted file system.
//!
//! Asking a dead network mount blocks for good, so the asking is done by [`pool`]'s threads; this
//! file decides which mounts are asked and what is said about them.

mod mounts;
mod pool;

use std::sync::Arc;
use std::time::Duration;

use model::{Family, Labels};

use self::mounts::Mount;
use self::pool::{Answer, Room, StatPool};
use super::table::labels;
use crate::{CollectError, Collector, Moment, Roots, roots};

/// How long a collection waits for its mounts.
const DEADLINE: Duration = Duration::from_secs(5);

pub(super) struct Filesystem {
    roots: Arc<Roots>,
    pool: StatPool,
}

impl Filesystem {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots), pool: StatPool::new(DEADLINE, Room::of) }
    }

    /// The host's mounts are those of its first process; a container may see only its own.
    fn read_mounts(&self) -> Result<String, CollectError> {
        self.roots.read_proc("1/mounts").or_else(|_| roots::read(&self.roots.proc.join("mounts")))
    }
}

impl Collector for Filesystem {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = self.read_mounts()?;
        let mounts = mounts::parse(&text, &self.roots.root);
        let paths = mounts.iter().map(|mount| mount.path.clone()).collect();
        let answers = self.pool.ask(paths);
        let mut families = Families::new();
        for (mount, answer) in mounts.iter().zip(answers) {
            families.push(mount, &answer);
        }
        families.finish(out);
        Ok(())
    }
}

struct Families {
    device_error: Family,
    readonly: Family,
    size: Family,
    free: Family,
    avail: Family,
    files: Family,
    files_free: Family,
}

impl Families {
    fn new() -> Self {
        Self {
            device_error: Family::gauge(
                "node_filesystem_device_error",
                "1 when the file system did not answer; it then shows nothing else.",
            ),
            readonly: Family::gauge("node_filesystem_readonly", "1 when mounted read-only."),
            size: Family::gauge("node_filesystem_size_bytes", "Size."),
            free: Family::gauge(
                "node_filesystem_free_bytes",
                "Room left, root's reserve included.",
            ),
            avail: Family::gauge("node_filesystem_avail_bytes", "Room left for ordinary users."),
            files: Family::gauge("node_filesystem_files", "Files it can hold."),
            files_free: Family::gauge("node_filesystem_files_free", "Files it can still take."),
        }
    }

    fn push(&mut self, mount: &Mount, answer: &Answer) {
        let labels: Labels = labels([
            ("device", &mount.device),
            ("fstype", &mount.fstype),
            ("mountpoint", &mount.point),
        ]);
        let Answer::Room(room) = answer else {
            self.device_error.push(labels, 1.0);
            return;
        };
        let readonly = if mount.readonly { 1.0 } else { 0.0 };
        self.device_error.push(labels.clone(), 0.0);
        self.readonly.push(labels.clone(), readonly);
        self.size.push(labels.clone(), room.size_bytes);
        self.free.push(labels.clone(), room.free_bytes);
        self.avail.push(labels.clone(), room.avail_bytes);
        self.files.push(labels.clone(), room.files);
        self.files_free.push(labels, room.files_free);
    }

    fn finish(self, out: &mut Vec<Family>) {
        let families = [
            self.device_error,
            self.readonly,
            self.size,
            self.free,
            self.avail,
            self.files,
            self.files_free,
        ];
        let filled = |family: &Family| !family.points.is_empty();
        out.extend(families.into_iter().filter(filled));
    }
}

#[cfg(test)]
mod tests;
