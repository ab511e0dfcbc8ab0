//! Frames: an answer that comes in parts, cut where the sender cut it.
//!
//! `uvarint length | crc32c of the data (4 bytes, the highest first) | data`.

use super::message::{put_varint, take_varint};

/// Bytes of a frame's data.
pub const FRAME_BYTES_MAX: usize = 64 << 20;
/// Bytes of the longest length.
const LENGTH_BYTES_MAX: usize = 10;
const CHECKSUM_BYTES: usize = 4;

/// Why frames cannot be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No length stands where one should.
    #[error("frame {index} has no length")]
    Length {
        /// Which one, from 0.
        index: u64,
    },
    /// A frame that is larger than anyone sends.
    #[error("frame {index} has {given} bytes, at most {FRAME_BYTES_MAX} are taken")]
    TooLarge {
        /// Which one, from 0.
        index: u64,
        /// Its length.
        given: u64,
    },
    /// The data is not what was sent.
    #[error("frame {index} is damaged: its checksum does not fit")]
    Checksum {
        /// Which one, from 0.
        index: u64,
    },
    /// The answer ends too early.
    #[error("the answer ends within frame {index}")]
    Truncated {
        /// Which one, from 0.
        index: u64,
    },
}

/// Collects the bytes of an answer and cuts them into frames. Holds one frame and what came with
/// it.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    at: usize,
    index: u64,
}

impl Frames {
    /// Adds bytes as they come. Take all frames that are whole before more is added.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The data of the next frame, if all of it is there.
    ///
    /// # Errors
    /// See [`FrameError`]. No later frame can be found then.
    #[expect(clippy::should_implement_trait, reason = "a frame is lent, which no iterator can do")]
    pub fn next(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let index = self.index;
        let held = &self.bytes[self.at..];
        let mut rest = held;
        let length = match take_varint(&mut rest) {
            Ok(length) => length,
            Err(_) if held.len() < LENGTH_BYTES_MAX => return Ok(None),
            Err(_) => return Err(FrameError::Length { index }),
        };
        let fits = usize::try_from(length).ok().filter(|length| *length <= FRAME_BYTES_MAX);
        let n_bytes = fits.ok_or(FrameError::TooLarge { index, given: length })?;
        let Some((sum, rest)) = rest.split_first_chunk::<CHECKSUM_BYTES>() else {
            return Ok(None);
        };
        let Some(data) = rest.get(..n_bytes) else {
            return Ok(None);
        };
        if crc32c(data) != u32::from_be_bytes(*sum) {
            return Err(FrameError::Checksum { index });
        }
        let n_length = held.len() - rest.len();
        let start = self.at + n_length;
        self.at = start + n_bytes;
        self.index += 1;
        Ok(Some(&self.bytes[start..self.at]))
    }

    /// Says that the answer is over.
    ///
    /// # Errors
    /// A frame is not whole.
    pub fn finish(self) -> Result<(), FrameError> {
        match self.at == self.bytes.len() {
            true => Ok(()),
            false => Err(FrameError::Truncated { index: self.index }),
        }
    }
}

/// Appends data as a frame.
pub(super) fn put_frame(out: &mut Vec<u8>, data: &[u8]) {
    put_varint(out, data.len() as u64);
    out.extend_from_slice(&crc32c(data).to_be_bytes());
    out.extend_from_slice(data);
}

/// The checksum of Castagnoli, by a table of the remainders of all bytes.
fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |sum, byte| (sum >> 8) ^ TABLE[usize::from(sum as u8 ^ byte)])
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::{FrameError, Frames, crc32c, put_frame};
    use crate::remote_read::message::put_varint;

    fn framed(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_frame(&mut out, data);
        out
    }

    #[test]
    fn the_checksum_is_castagnoli() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
    }

    #[test]
    fn frames_come_whole_however_the_bytes_come() {
        let all: Vec<Vec<u8>> = vec![b"one".to_vec(), Vec::new(), vec![7; 300]];
        let bytes: Vec<u8> = all.iter().flat_map(|data| framed(data)).collect();
        for n_at_once in [1, 2, 7, 1000] {
            let (mut frames, mut found) = (Frames::default(), Vec::new());
            for part in bytes.chunks(n_at_once) {
                frames.push(part);
                while let Some(data) = frames.next().unwrap() {
                    found.push(data.to_vec());
                }
            }
            assert_eq!(found, all, "{n_at_once} at once");
            frames.finish().unwrap();
        }
    }

    #[test]
    fn a_bad_frame_is_refused() {
        let mut damaged = framed(b"data");
        damaged[6] ^= 1;
        let mut huge = Vec::new();
        put_varint(&mut huge, 1 << 40);
        for (bytes, expected) in [
            (damaged, FrameError::Checksum { index: 0 }),
            (huge, FrameError::TooLarge { index: 0, given: 1 << 40 }),
            (vec![0xff; 11], FrameError::Length { index: 0 }),
        ] {
            let mut frames = Frames::default();
            frames.push(&bytes);
            assert_eq!(frames.next().unwrap_err(), expected);
        }
        let mut frames = Frames::default();
        frames.push(&framed(b"data")[..6]);
        assert_eq!(frames.next().unwrap(), None);
        assert_eq!(frames.finish(), Err(FrameError::Truncated { index: 0 }));
    }
}
