//! Frame: the unit of the log. A header says what comes and how long it is; header and payload
//! have a checksum each, so damage in one is not mistaken for damage in the other.
//!
//! Checksums begin with the id of the segment: a block that an older file left on the disk never
//! validates in a newer one. They are put in by [`seal`] when the segment is known.

use super::SegmentId;

/// How a frame begins. Neither 0xF5 nor 0xFF occurs in UTF-8, so no label text looks like it.
pub(super) const FRAME_MAGIC: [u8; 4] = [0xF5, b'P', b'W', 0xFF];
/// Bytes before the payload.
pub(super) const FRAME_HEADER_BYTES: usize = 24;
/// Bytes after the payload: its checksum.
pub(super) const FRAME_TRAILER_BYTES: usize = 4;
/// A header that announces more is damaged.
pub(crate) const FRAME_PAYLOAD_BYTES_MAX: usize = 16 << 20;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Bytes of the payload.
    pub(super) payload_bytes: usize,
    /// What the payload is, see [`super::FrameKind`].
    pub(super) kind: u16,
    /// How the payload is written; none is defined yet.
    pub(super) flags: u16,
    /// The frame's place in the log: 1 for the first ever, one more for each.
    pub(super) lsn: u64,
}

impl FrameHeader {
    /// Bytes of the whole frame.
    pub(super) fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.payload_bytes + FRAME_TRAILER_BYTES
    }
}

/// Appends a frame whose checksums are still zero.
pub(super) fn push_frame(buf: &mut Vec<u8>, kind: u16, lsn: u64, payload: &[u8]) {
    assert!(
        payload.len() <= FRAME_PAYLOAD_BYTES_MAX,
        "a frame of {} bytes was made, which no reader would take",
        payload.len()
    );
    buf.extend_from_slice(&FRAME_MAGIC);
    buf.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    buf.extend_from_slice(&kind.to_le_bytes());
    buf.extend_from_slice(&0_u16.to_le_bytes());
    buf.extend_from_slice(&lsn.to_le_bytes());
    buf.extend_from_slice(&[0; 4]);
    buf.extend_from_slice(payload);
    buf.extend_from_slice(&[0; FRAME_TRAILER_BYTES]);
}

/// Puts the checksums for this segment into a row of whole frames, over those of another one.
pub(super) fn seal(mut frames: &mut [u8], segment: SegmentId) {
    while !frames.is_empty() {
        let (header, rest) = frames.split_at_mut(FRAME_HEADER_BYTES);
        let payload_bytes = le_u32(header, 4) as usize;
        let sum = checksum(segment, &header[..20]);
        header[20..].copy_from_slice(&sum.to_le_bytes());
        let (payload, rest) = rest.split_at_mut(payload_bytes);
        let (trailer, rest) = rest.split_at_mut(FRAME_TRAILER_BYTES);
        trailer.copy_from_slice(&checksum(segment, payload).to_le_bytes());
        frames = rest;
    }
}

/// The header at the front of these bytes; `None` when they do not begin with a valid one.
pub(super) fn parse_header(bytes: &[u8], segment: SegmentId) -> Option<FrameHeader> {
    let header = bytes.get(..FRAME_HEADER_BYTES)?;
    let payload_bytes = le_u32(header, 4) as usize;
    let valid = header.starts_with(&FRAME_MAGIC)
        && le_u32(header, 20) == checksum(segment, &header[..20])
        && payload_bytes <= FRAME_PAYLOAD_BYTES_MAX;
    valid.then(|| FrameHeader {
        payload_bytes,
        kind: u16::from_le_bytes([header[8], header[9]]),
        flags: u16::from_le_bytes([header[10], header[11]]),
        lsn: u64::from(le_u32(header, 12)) | u64::from(le_u32(header, 16)) << 32,
    })
}

/// Whether the payload and its checksum, which are these bytes, belong together.
pub(super) fn payload_is_whole(payload_and_sum: &[u8], segment: SegmentId) -> bool {
    let at = payload_and_sum.len() - FRAME_TRAILER_BYTES;
    let (payload, _) = payload_and_sum.split_at(at);
    le_u32(payload_and_sum, at) == checksum(segment, payload)
}

/// CRC-32 (IEEE) over the segment's id and the bytes.
pub(super) fn checksum(segment: SegmentId, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&segment.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// Four bytes at an offset that the caller knows to be there.
pub(super) fn le_u32(bytes: &[u8], at: usize) -> u32 {
    let word = bytes[at..].first_chunk::<4>();
    u32::from_le_bytes(*word.expect("the caller checked the length"))
}
