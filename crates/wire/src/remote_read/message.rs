//! Message: the few parts of protobuf that these messages need, without a copy and without
//! recursion.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

/// Bytes that are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no protobuf: {0}")]
pub struct MessageError(pub(super) &'static str);

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

impl<'a> Value<'a> {
    /// A text, bytes or a message.
    pub(super) fn bytes(self) -> Result<&'a [u8], MessageError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(MessageError("a field has another type than it should")),
        }
    }

    /// A text.
    pub(super) fn text(self) -> Result<&'a str, MessageError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| MessageError("a text is not UTF-8"))
    }

    /// A whole number.
    pub(super) fn number(self) -> Result<u64, MessageError> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(MessageError("a field has another type than it should")),
        }
    }

    /// The bits of a double.
    pub(super) fn bits(self) -> Result<u64, MessageError> {
        match self {
            Self::Fixed64(bits) => Ok(bits),
            _ => Err(MessageError("a field has another type than it should")),
        }
    }
}

/// The fields of a message, in their order.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next field with its number.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, MessageError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = take_varint(&mut self.0)?;
        let value = match tag & 7 {
            0 => Value::Varint(take_varint(&mut self.0)?),
            1 => Value::Fixed64(u64::from_le_bytes(self.take_array()?)),
            2 => {
                let n_bytes = take_varint(&mut self.0)?;
                Value::Bytes(self.take(usize::try_from(n_bytes).unwrap_or(usize::MAX))?)
            }
            5 => {
                let _skipped: [u8; 4] = self.take_array()?;
                Value::Fixed32
            }
            _ => return Err(MessageError("a field has a type that nobody uses")),
        };
        Ok(Some((tag >> 3, value)))
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], MessageError> {
        let split = self.0.split_at_checked(n).ok_or(MessageError("it ends within a field"))?;
        self.0 = split.1;
        Ok(split.0)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], MessageError> {
        let split = self.0.split_first_chunk().ok_or(MessageError("it ends within a field"))?;
        self.0 = split.1;
        Ok(*split.0)
    }
}

/// Takes a number of seven bits in each byte, the lowest first.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Result<u64, MessageError> {
    let mut number = 0;
    for at in 0..10 {
        let Some((byte, rest)) = bytes.split_first() else {
            return Err(MessageError("it ends within a number"));
        };
        *bytes = rest;
        if at == 9 && *byte > 1 {
            break;
        }
        number |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Ok(number);
        }
    }
    Err(MessageError("a number has more than 64 bits"))
}

/// Appends a number.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a field with a number; 0 is what an absent one means.
pub(super) fn put_number(out: &mut Vec<u8>, field: u64, number: u64) {
    if number != 0 {
        put_varint(out, field << 3);
        put_varint(out, number);
    }
}

/// Appends a field with a double.
pub(crate) fn put_double(out: &mut Vec<u8>, field: u64, value: f64) {
    put_varint(out, field << 3 | 1);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Appends a field with bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
