//! Reset hints: nearly always the same for a whole run, so each change is written and how long it
//! lasts.

use model::ResetHint;

use super::super::cursor::{Cursor, put_varint};
use super::super::{CodecError, Flaw};

/// The hints in the order of their numbers, which are frozen.
const HINTS: [ResetHint; 4] =
    [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge];
/// Bits of a hint's number.
pub(super) const HINT_BITS: u32 = 2;

/// The number of a hint.
pub(super) fn number(hint: ResetHint) -> u8 {
    match hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    }
}

/// The hint whose number the lowest two bits are.
pub(super) fn of_number(bits: u64) -> ResetHint {
    HINTS[(bits & 3) as usize]
}

/// Appends the hints of a run.
pub(super) fn encode(hints: impl Iterator<Item = ResetHint>, out: &mut Vec<u8>) {
    let mut put = |hint: ResetHint, n: u64| {
        put_varint(out, n << HINT_BITS | u64::from(number(hint)));
    };
    let mut now: Option<(ResetHint, u64)> = None;
    for hint in hints {
        now = match now {
            Some((same, n)) if same == hint => Some((same, n + 1)),
            other => {
                if let Some((before, n)) = other {
                    put(before, n);
                }
                Some((hint, 1))
            }
        };
    }
    if let Some((last, n)) = now {
        put(last, n);
    }
}

/// Takes `n` hints.
pub(super) fn decode(cursor: &mut Cursor<'_>, n: usize) -> Result<Vec<ResetHint>, CodecError> {
    let mut hints = Vec::new();
    while hints.len() < n {
        let word = cursor.varint()?;
        let n_same = word >> HINT_BITS;
        if n_same == 0 || n_same > (n - hints.len()) as u64 {
            return Err(cursor.error(Flaw::Position(n_same)));
        }
        hints.resize(hints.len() + n_same as usize, of_number(word));
    }
    Ok(hints)
}
