//! Texts: the values of tags, one after the other in large pieces, so that a value costs its bytes
//! and no allocation. What is forgotten leaves a hole; the owner moves all texts to new pieces when
//! more is holes than text.

/// A piece of memory for texts, bytes; a longer text has one of its own.
const CHUNK_BYTES: usize = 64 << 10;

/// Where a text is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TextRef {
    chunk: u32,
    at: u32,
    n_bytes: u32,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Texts {
    chunks: Vec<String>,
    /// What was not forgotten, bytes.
    used_bytes: usize,
    /// What the pieces hold, bytes.
    bytes: usize,
}

impl Texts {
    /// Keeps a text.
    pub(super) fn add(&mut self, text: &str) -> TextRef {
        let has_room = |chunk: &String| chunk.capacity() - chunk.len() >= text.len();
        if !self.chunks.last().is_some_and(has_room) {
            let chunk = String::with_capacity(text.len().max(CHUNK_BYTES));
            self.bytes += chunk.capacity();
            self.chunks.push(chunk);
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let at = chunk.len();
        chunk.push_str(text);
        self.used_bytes += text.len();
        let small = |n: usize| u32::try_from(n).expect("labels are limited to far fewer bytes");
        TextRef { chunk: small(number), at: small(at), n_bytes: small(text.len()) }
    }

    /// A text that was kept.
    pub(super) fn get(&self, text: TextRef) -> &str {
        let at = text.at as usize;
        &self.chunks[text.chunk as usize][at..at + text.n_bytes as usize]
    }

    /// The bytes of a text that was kept.
    pub(super) fn get_bytes(&self, text: TextRef) -> &[u8] {
        let at = text.at as usize;
        &self.chunks[text.chunk as usize].as_bytes()[at..at + text.n_bytes as usize]
    }

    /// Leaves a hole.
    pub(super) fn forget(&mut self, text: TextRef) {
        self.used_bytes -= text.n_bytes as usize;
    }

    /// Whether more is holes than text.
    pub(super) fn is_wasteful(&self) -> bool {
        self.bytes > 2 * (self.used_bytes + CHUNK_BYTES)
    }

    /// Memory held, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.chunks.capacity() * size_of::<String>()
    }
}

impl TextRef {
    /// The length of the text, bytes.
    pub(super) fn n_bytes(self) -> usize {
        self.n_bytes as usize
    }
}

#[cfg(test)]
impl Texts {
    /// What was not forgotten, bytes.
    pub(super) fn used_bytes(&self) -> usize {
        self.used_bytes
    }
}
