//! Block: the snappy block that a message travels in, opened only if its claim can be true.

/// A copy of 64 bytes takes 3 bytes in a block, so none holds more than 64/3 times its size.
const EXPANSION_MAX: usize = 22;

/// How a block of the streaming format begins, which is another format.
const STREAM_START: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// Why a block is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// It claims to be more than is taken.
    #[error("the message has {claimed} bytes, at most {max} are taken")]
    TooLarge {
        /// What its header says.
        claimed: usize,
        /// The bound.
        max: usize,
    },
    /// Its header claims what its size cannot hold.
    #[error("a snappy block of {given} bytes cannot hold the {claimed} bytes that it claims")]
    Implausible {
        /// Bytes of the block.
        given: usize,
        /// What its header says.
        claimed: usize,
    },
    /// The streaming format of snappy.
    #[error("the body is a snappy stream; remote write takes the block format")]
    Stream,
    /// Anything else.
    #[error("the body is no snappy block: {reason}")]
    Corrupt {
        /// What is wrong with it.
        reason: String,
    },
}

/// How many bytes a block holds. An honest answer or an error: the claim is checked against the
/// size of the block, and against `bytes_max`.
///
/// # Errors
/// See [`BlockError`]; [`BlockError::Corrupt`] here means the header alone.
pub fn decompressed_len(block: &[u8], bytes_max: usize) -> Result<usize, BlockError> {
    if block.starts_with(STREAM_START) {
        return Err(BlockError::Stream);
    }
    let claimed = snap::raw::decompress_len(block).map_err(|error| corrupt(&error))?;
    if claimed > block.len().saturating_mul(EXPANSION_MAX) {
        return Err(BlockError::Implausible { given: block.len(), claimed });
    }
    if claimed > bytes_max {
        return Err(BlockError::TooLarge { claimed, max: bytes_max });
    }
    Ok(claimed)
}

/// Opens blocks, one after the other in the same memory: that of a fresh buffer would cost more than
/// to fill it.
#[derive(Debug, Default)]
pub struct Opener {
    /// As long as the longest message so far; what is behind the last message is of older ones.
    buffer: Vec<u8>,
}

impl Opener {
    /// The bytes that a block holds, at most `bytes_max`. Nothing is reserved for a claim that
    /// cannot be true.
    ///
    /// # Errors
    /// See [`BlockError`].
    pub fn open(&mut self, block: &[u8], bytes_max: usize) -> Result<&[u8], BlockError> {
        let n_bytes = decompressed_len(block, bytes_max)?;
        if self.buffer.len() < n_bytes {
            // Not `resize`, which would copy the old bytes when it moves.
            self.buffer = vec![0; n_bytes];
        }
        let n_bytes = snap::raw::Decoder::new()
            .decompress(block, &mut self.buffer)
            .map_err(|error| corrupt(&error))?;
        Ok(&self.buffer[..n_bytes])
    }

    /// Gives back the memory if it has more than `bytes_max`.
    pub fn shrink_to(&mut self, bytes_max: usize) {
        if self.buffer.capacity() > bytes_max {
            self.buffer = Vec::new();
        }
    }
}

fn corrupt(error: &snap::Error) -> BlockError {
    // The library names itself first.
    let reason = error.to_string();
    let reason = reason.strip_prefix("snappy: ").unwrap_or(&reason).to_owned();
    BlockError::Corrupt { reason }
}
