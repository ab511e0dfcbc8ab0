//! Fields: the outline of a protobuf message, one field after the other, borrowed.
//!
//! A message within a message is read in place, so every offset counts from the outermost one.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use super::SYMBOLS_MAX;

/// Groups within groups that are skipped; nobody has sent one since proto3.
const GROUP_DEPTH_MAX: usize = 16;

/// Where a text, bytes or a message lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Varint(u64),
    Fixed64(u64),
    /// A text, bytes or a message.
    Bytes(Span),
    Fixed32,
    /// A group, skipped.
    Group,
}

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {kind}")]
pub struct FieldError {
    /// Where the field begins, from 0, in the outermost message.
    pub offset: usize,
    /// What is wrong there.
    pub kind: FieldErrorKind,
}

/// What can be wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldErrorKind {
    /// The message ends within the field.
    #[error("the message ends within a field")]
    Truncated,
    /// A number of more than 64 bits.
    #[error("a varint has more than 64 bits")]
    LongVarint,
    /// The wire types 6 and 7, or the end of a group that never began.
    #[error("no field has wire type {0}")]
    WireType(u8),
    /// Field 0, or one above the 29 bits that a number may have.
    #[error("a field has no valid number")]
    Number,
    /// Groups in groups in groups.
    #[error("groups are nested deeper than {GROUP_DEPTH_MAX}")]
    Depth,
    /// A message that is longer than can be noted.
    #[error("the message has 4 GiB or more")]
    TooLong,
    /// More texts in the table of version 2 than are taken.
    #[error("the message has more than {SYMBOLS_MAX} symbols")]
    TooManySymbols,
    /// Series where the other version of remote write has them, and none where this one has.
    #[error("field {field} holds series of version {version}, for which {said} in Content-Type")]
    OtherVersion {
        /// The field's number.
        field: u32,
        /// The version that has series there.
        version: &'static str,
        /// What would tell it.
        said: &'static str,
    },
    /// A known field with another type.
    #[error("field {0} has another type than remote write gives it")]
    Type(u32),
}

/// The fields of one message.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The fields of a message within this one.
    #[inline]
    pub(crate) fn within(&self, span: Span) -> Self {
        Self { bytes: &self.bytes[..span.end], at: span.start }
    }

    /// What is not read yet.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Leaves out bytes of [`Fields::rest`] that were read otherwise.
    #[inline]
    pub(crate) fn skip(&mut self, n: usize) {
        self.at += n;
    }

    /// What lies in a span of this message.
    #[inline]
    pub(crate) fn bytes(&self, span: Span) -> &'a [u8] {
        &self.bytes[span.start..span.end]
    }

    /// The error that the field which begins at `offset` has a type that it cannot have.
    pub(crate) fn wrong_type(offset: usize, number: u32) -> FieldError {
        FieldError { offset, kind: FieldErrorKind::Type(number) }
    }

    /// Where the next field begins.
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// The next field with its number, or `None` at the end. After an error there is no next.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Value)>, FieldError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let offset = self.at;
        self.field().map(Some).map_err(|kind| FieldError { offset, kind })
    }

    /// The next number of a packed row of varints, which is all that is left.
    pub(crate) fn packed_varint(&mut self) -> Result<Option<u64>, FieldError> {
        self.packed(Self::varint)
    }

    /// The next number of a packed row of eight bytes each, which is all that is left.
    pub(crate) fn packed_fixed64(&mut self) -> Result<Option<u64>, FieldError> {
        self.packed(Self::fixed64)
    }

    fn packed(
        &mut self,
        take: fn(&mut Self) -> Result<u64, FieldErrorKind>,
    ) -> Result<Option<u64>, FieldError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let offset = self.at;
        take(self).map(Some).map_err(|kind| FieldError { offset, kind })
    }

    #[inline]
    fn field(&mut self) -> Result<(u32, Value), FieldErrorKind> {
        let (number, wire_type) = self.tag()?;
        let value = match wire_type {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.fixed64()?),
            2 => Value::Bytes(self.length_delimited()?),
            5 => {
                self.take(4)?;
                Value::Fixed32
            }
            3 => {
                self.skip_group(number)?;
                Value::Group
            }
            other => return Err(FieldErrorKind::WireType(other)),
        };
        Ok((number, value))
    }

    #[inline]
    fn tag(&mut self) -> Result<(u32, u8), FieldErrorKind> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| FieldErrorKind::Number)?;
        if number == 0 || number >> 29 != 0 {
            return Err(FieldErrorKind::Number);
        }
        Ok((number, (tag & 7) as u8))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, FieldErrorKind> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, FieldErrorKind> {
        let mut value = 0;
        for (i, &byte) in self.bytes[self.at..].iter().take(10).enumerate() {
            if i == 9 && byte > 1 {
                return Err(FieldErrorKind::LongVarint);
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.at += i + 1;
                return Ok(value);
            }
        }
        Err(FieldErrorKind::Truncated)
    }

    #[inline]
    fn fixed64(&mut self) -> Result<u64, FieldErrorKind> {
        let (bytes, _) = self.take(8)?.as_chunks::<8>();
        bytes.first().map(|bytes| u64::from_le_bytes(*bytes)).ok_or(FieldErrorKind::Truncated)
    }

    #[inline]
    fn length_delimited(&mut self) -> Result<Span, FieldErrorKind> {
        let length = self.varint()?;
        self.take(usize::try_from(length).map_err(|_| FieldErrorKind::Truncated)?)?;
        Ok(Span { start: self.at - length as usize, end: self.at })
    }

    #[inline]
    fn take(&mut self, n: usize) -> Result<&'a [u8], FieldErrorKind> {
        let (taken, _) =
            self.bytes[self.at..].split_at_checked(n).ok_or(FieldErrorKind::Truncated)?;
        self.at += n;
        Ok(taken)
    }

    /// Skips to behind the end of a group whose start was read, without recursion.
    fn skip_group(&mut self, number: u32) -> Result<(), FieldErrorKind> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            let (number, wire_type) = self.tag()?;
            match wire_type {
                0 => _ = self.varint()?,
                1 => _ = self.take(8)?,
                2 => _ = self.length_delimited()?,
                5 => _ = self.take(4)?,
                3 if open.len() == GROUP_DEPTH_MAX => return Err(FieldErrorKind::Depth),
                3 => open.push(number),
                4 if number == innermost => _ = open.pop(),
                other => return Err(FieldErrorKind::WireType(other)),
            }
        }
        Ok(())
    }
}
