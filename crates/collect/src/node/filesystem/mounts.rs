//! The mounts worth asking: those that hold data, each once.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The kernel's own file systems and those that only show another's room.
const TYPES_LEFT_OUT: [&str; 24] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
];

/// Left out with everything below them.
const POINTS_LEFT_OUT: [&str; 4] = ["/dev", "/proc", "/run", "/sys"];
/// Left out below them: one mount per container, all showing the room of the same disk.
const CONTAINERS: [&str; 2] = ["/var/lib/docker/", "/var/lib/containers/storage/"];

/// The bound on mounts asked in one collection; a busy container host has some hundreds.
const MOUNTS_MAX: usize = 4096;

/// A mounted file system.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) device: String,
    pub(super) fstype: String,
    /// Where the host sees it.
    pub(super) point: String,
    /// Where we see it.
    pub(super) path: PathBuf,
    pub(super) readonly: bool,
}

/// Lines of `device mountpoint type options 0 0`.
pub(super) fn parse(text: &str, root: &Path) -> Vec<Mount> {
    let mut seen = HashSet::new();
    text.lines()
        .filter_map(|line| parse_line(line, root))
        .filter(|mount| {
            let identity = (mount.device.clone(), mount.point.clone(), mount.fstype.clone());
            seen.insert(identity)
        })
        .take(MOUNTS_MAX)
        .collect()
}

fn parse_line(line: &str, root: &Path) -> Option<Mount> {
    let mut fields = line.split(' ');
    let (device, point, fstype) = (fields.next()?, fields.next()?, fields.next()?);
    let options = fields.next().unwrap_or_default();
    let point = unescape(point);
    let point = point_on_host(&point, root);
    if fstype.is_empty() || TYPES_LEFT_OUT.contains(&fstype) || is_left_out(&point) {
        return None;
    }
    Some(Mount {
        device: unescape(device).into_owned(),
        fstype: fstype.to_owned(),
        path: root.join(point.trim_start_matches('/')),
        point,
        readonly: options.split(',').any(|option| option == "ro"),
    })
}

/// A container that mounts its host at `/host` sees `/host/data` where the host has `/data`.
fn point_on_host(point: &str, root: &Path) -> String {
    let stripped = root.to_str().and_then(|root| point.strip_prefix(root));
    match stripped {
        Some(rest) if root == Path::new("/") => format!("/{rest}"),
        Some("") => "/".to_owned(),
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        _ => point.to_owned(),
    }
}

fn is_left_out(point: &str) -> bool {
    // `/run` and `/run/user`, but not `/runner`.
    let at_or_below = |dir: &&str| {
        let rest = point.strip_prefix(*dir);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let below = |dir: &&str| point.len() > dir.len() && point.starts_with(*dir);
    !point.starts_with('/')
        || POINTS_LEFT_OUT.iter().any(at_or_below)
        || CONTAINERS.iter().any(below)
}

/// Blanks and backslashes are written as octal numbers: `/my\040disk`.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = tail;
            }
            _ => bytes.push(*first),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}
