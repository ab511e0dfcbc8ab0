//! The kernel's socket tables, `/proc/net/tcp` and its siblings: one line per socket.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::CollectError;

/// The states by the kernel's number; 0 is no state, so what was not read stands there.
pub(super) const STATES: [&str; 13] = [
    "unknown",
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
    "new_syn_recv",
];
pub(super) const OTHER: usize = 0;

/// Sockets by the place of their state in [`STATES`].
pub(super) type States = [u64; STATES.len()];

/// The kernel answers with at most a page of whole lines at a time.
const PAGE_BYTES: usize = 4096;

/// Longer than any line of these tables.
const LINE_BYTES_MAX: usize = 512;

/// A table that grew beyond this since it was asked for is cut.
const TABLE_BYTES_MAX: usize = 4 << 20;

/// Adds the sockets of a table to `states`.
pub(super) fn read(path: &Path, states: &mut States) -> Result<(), CollectError> {
    let mut file = File::open(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => CollectError::Absent,
        _ => failed(path, cause),
    })?;
    let text = read_text(&mut file).map_err(|cause| failed(path, cause))?;
    count(&text, states);
    Ok(())
}

fn failed(path: &Path, cause: io::Error) -> CollectError {
    CollectError::Read { path: path.to_owned(), cause }
}

/// Reads until an answer leaves room for another line. Asking once more, for the empty answer
/// that ends a file, would make the kernel walk its whole table again: 2 ms for nothing.
pub(super) fn read_text(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(PAGE_BYTES);
    let mut buf = [0; 4 * PAGE_BYTES];
    loop {
        let n = file.read(&mut buf)?;
        text.extend_from_slice(&buf[..n]);
        if n < PAGE_BYTES - LINE_BYTES_MAX || text.len() > TABLE_BYTES_MAX {
            return Ok(text);
        }
    }
}

/// The state is the fourth column of every line but the first, in hexadecimal.
pub(super) fn count(table: &[u8], states: &mut States) {
    for line in table.split(|b| *b == b'\n').skip(1) {
        let mut columns = line.split(u8::is_ascii_whitespace).filter(|column| !column.is_empty());
        let Some(column) = columns.nth(3) else {
            continue;
        };
        let state = str::from_utf8(column).ok();
        let state = state.and_then(|hex| usize::from_str_radix(hex, 16).ok());
        states[state.filter(|state| *state < STATES.len()).unwrap_or(OTHER)] += 1;
    }
}
