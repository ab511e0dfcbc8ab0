//! Whole: a few frames as one file that is written at once, in the form of a segment with the
//! number 0, which no segment of the log has.

use std::path::PathBuf;

use stdx::Disk;

use super::frame::{push_frame, seal};
use super::segment::encode_header;
use super::{FrameKind, SegmentError, SegmentReader};

/// The number that such a file has.
const WHOLE_ID: u64 = 0;

/// The bytes of a file with these payloads.
pub(crate) fn encode_whole(payloads: &[(FrameKind, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = encode_header(WHOLE_ID, 0).to_vec();
    let n_header = bytes.len();
    for ((kind, payload), lsn) in payloads.iter().zip(1..) {
        push_frame(&mut bytes, *kind as u16, lsn, payload);
    }
    seal(&mut bytes[n_header..], WHOLE_ID);
    bytes
}

/// Opens such a file.
pub(crate) fn open_whole(
    disk: &dyn Disk,
    path: PathBuf,
) -> Result<SegmentReader<'_>, SegmentError> {
    SegmentReader::open_file(disk, path, WHOLE_ID)
}
