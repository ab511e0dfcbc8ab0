//! The codec of sealed chunks: a column of times, values or start times becomes few bytes, and
//! those bytes become the same column again, bit for bit.
//!
//! [`values`], [`times`] and [`starts`] each cut their column into sub-blocks of at most 1,024 and
//! write each the cheapest way they know. Most ways end in [`ints`]: whole numbers as distances
//! from a base, a step or a line, packed to one width, with the few that are too wide patched in
//! (after ALP, Afroozeh et al., SIGMOD 2024), their highest bits by an entropy coder where that is
//! worth it. The number of samples is not in the bytes: the owner
//! of the chunk knows it.
//!
//! Reading is for any bytes: wrong ones end in a [`CodecError`] or in wrong numbers, never in a
//! panic or in more memory than the samples asked for. Every byte is drawn in
//! `docs/formats/chunk.md`.

mod ans;
mod blocks;
mod cursor;
mod decimal;
mod exceptions;
pub(crate) mod histograms;
mod ints;
mod long;
mod pack;
pub(crate) mod rollups;
pub(crate) mod starts;
pub(crate) mod times;
pub(crate) mod values;
mod xor;

/// Bytes that no encoder wrote: what is wrong, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{flaw} at byte {at} of the column")]
pub(crate) struct CodecError {
    /// What is wrong.
    pub(crate) flaw: Flaw,
    /// Offset in the bytes that were given.
    pub(crate) at: usize,
}

/// What can be wrong with the bytes of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    /// A tag of a later version, or of none.
    #[error("unknown tag {0:#04x}")]
    Tag(u8),
    /// A form of integers of a later version, or of none.
    #[error("unknown form of integers {0:#04x}")]
    Form(u8),
    /// More bits than a number has.
    #[error("number of {0} bits")]
    Width(u32),
    /// An exception or a patch for a sample that is not there.
    #[error("position {0} behind the last sample")]
    Position(u64),
    /// A varint of more than 64 bits.
    #[error("varint of more than 64 bits")]
    Varint,
    /// The entropy coder cannot read its part, or reads another number of samples.
    #[error("damaged entropy code")]
    Entropy,
    /// A layout of histograms that is none, or has too many buckets for so many of them.
    #[error("no layout of histograms")]
    Layout,
    /// The bytes are over before the samples are.
    #[error("missing bytes")]
    Missing,
    /// The samples are over before the bytes are.
    #[error("surplus bytes")]
    Surplus,
}

#[cfg(test)]
mod tests;
