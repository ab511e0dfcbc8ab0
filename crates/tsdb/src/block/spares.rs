//! Spares: second copies of what many series need, so that the page of the first does not take all
//! of them with it. They are read only when the first copy cannot be.
//!
//! Timestamp columns that many chunks use stand twice in the data; here is where. The values of
//! tags that many series have stand here a second time. The guide, which is kept twice, holds it.

use std::collections::HashMap;

use super::bytes::{Cursor, put_varint};
use super::dictionary::Tag;

/// The value of a tag that so many series have is spared.
pub(super) const SPARED_SERIES_MIN: usize = 64;

/// See the head of this file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spares {
    /// Where the second copy of a column stands.
    pub(super) columns: HashMap<u64, u64>,
    /// The values of tags.
    pub(super) values: HashMap<Tag, String>,
}

/// Writes both lists, each in rising order.
pub(super) fn encode<'v>(
    columns: &[(u64, u64)],
    values: impl ExactSizeIterator<Item = (Tag, &'v str)>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_varint(&mut bytes, columns.len() as u64);
    let mut before = 0;
    for (column, copy) in columns {
        put_varint(&mut bytes, column - before);
        put_varint(&mut bytes, copy - column);
        before = *column;
    }
    put_varint(&mut bytes, values.len() as u64);
    let mut before = 0;
    for (tag, value) in values {
        put_varint(&mut bytes, u64::from(tag - before));
        put_varint(&mut bytes, value.len() as u64);
        bytes.extend_from_slice(value.as_bytes());
        before = tag;
    }
    bytes
}

impl Spares {
    /// Reads what [`encode`] wrote.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let mut spares = Self::default();
        let mut column = 0_u64;
        for _ in 0..cursor.at_most(cursor.len())? {
            column = column.checked_add(cursor.varint()?)?;
            let copy = column.checked_add(cursor.varint()?)?;
            spares.columns.insert(column, copy);
        }
        let mut tag: Tag = 0;
        for _ in 0..cursor.at_most(cursor.len())? {
            tag = tag.checked_add(cursor.varint_u32()?)?;
            let n_bytes = cursor.at_most(cursor.len())?;
            let value = std::str::from_utf8(cursor.take(n_bytes)?).ok()?;
            spares.values.insert(tag, value.to_owned());
        }
        (cursor.len() == 0).then_some(spares)
    }
}
