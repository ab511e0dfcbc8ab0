//! Labels: what the label fields of a series say, read when somebody asks.
//!
//! `Label{name=1, value=2}`. A series that is known is never asked, so this is the way of new ones.

use super::LABELS_MAX;
use super::faults::SeriesErrorKind;
use super::fields::{FieldError, Fields, Value};

/// Reads fields, all of which are labels but those that are skipped, into `labels`, which is empty:
/// sorted by name, each name once, nothing empty.
pub(super) fn read<'a>(
    mut fields: Fields<'a>,
    labels: &mut Vec<(&'a str, &'a str)>,
) -> Result<(), SeriesErrorKind> {
    let mut n_labels = 0;
    let mut is_sorted = true;
    let mut usual = UsualLabels::of(&fields);
    while let Some(label) = usual.next() {
        n_labels += 1;
        is_sorted &= push(label, labels)?;
    }
    fields.skip(usual.at);
    while let Some((number, value)) = fields.next()? {
        let (1, Value::Bytes(span)) = (number, value) else { continue };
        let label = read_label(fields.within(span))?;
        let label = label.ok_or(SeriesErrorKind::NotUtf8 { n_label: n_labels })?;
        n_labels += 1;
        is_sorted &= push(label, labels)?;
    }
    match is_sorted {
        true => Ok(()),
        false => sort(labels),
    }
}

/// Keeps a label; says whether its name stands behind that of the one before it.
#[inline]
fn push<'a>(
    label: (&'a str, &'a str),
    labels: &mut Vec<(&'a str, &'a str)>,
) -> Result<bool, SeriesErrorKind> {
    if label.0.is_empty() {
        return Err(SeriesErrorKind::EmptyName);
    }
    if label.1.is_empty() {
        // The label is absent: that is what an empty value means everywhere.
        return Ok(true);
    }
    if labels.len() == LABELS_MAX {
        return Err(SeriesErrorKind::TooManyLabels);
    }
    let is_behind = labels.last().is_none_or(|before| before.0 < label.0);
    labels.push(label);
    Ok(is_behind)
}

/// Sorts labels that were sent in another order: Prometheus takes them too.
fn sort(labels: &mut [(&str, &str)]) -> Result<(), SeriesErrorKind> {
    labels.sort_unstable();
    match labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        None => Ok(()),
        Some(pair) => {
            let name = pair[0].0.chars().take(64).collect();
            Err(SeriesErrorKind::DuplicateName { name })
        }
    }
}

/// Name and value of a label; `None` if one of them is no text.
pub(super) fn read_label(mut fields: Fields<'_>) -> Result<Option<(&str, &str)>, FieldError> {
    let (mut name, mut value) = (Some(""), Some(""));
    let mut offset = fields.offset();
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Value::Bytes(span)) => name = str::from_utf8(fields.bytes(span)).ok(),
            (2, Value::Bytes(span)) => value = str::from_utf8(fields.bytes(span)).ok(),
            (1 | 2, _) => return Err(Fields::wrong_type(offset, number)),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok(name.zip(value))
}

/// The labels that a series begins with, as long as they have the form that every sender gives them:
/// name before value, and neither of 128 bytes or more. All bytes between the texts are ASCII then,
/// so one check that all of it is text does for all labels, at half the time of one check each.
struct UsualLabels<'a> {
    text: &'a str,
    at: usize,
}

/// Field 1, length-delimited: a label in a series, and a name in a label.
const TAG_1: u8 = 0x0a;
/// Field 2, length-delimited: a value in a label.
const TAG_2: u8 = 0x12;

impl<'a> UsualLabels<'a> {
    #[inline]
    fn of(fields: &Fields<'a>) -> Self {
        let rest = fields.rest();
        let mut end = 0;
        while let Some(&[TAG_1, length]) = rest.get(end..end + 2) {
            end += 2 + usize::from(length);
        }
        let text = rest.get(..end).and_then(|labels| str::from_utf8(labels).ok());
        Self { text: text.unwrap_or_default(), at: 0 }
    }

    /// The next label; `None` at the end of what has the usual form.
    #[inline]
    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let bytes = self.text.as_bytes();
        let &[TAG_1, length, TAG_1, n_name] = bytes.get(self.at..self.at + 4)? else {
            return None;
        };
        let name_end = self.at + 4 + usize::from(n_name);
        let &[TAG_2, n_value] = bytes.get(name_end..name_end + 2)? else { return None };
        let value_end = name_end + 2 + usize::from(n_value);
        if value_end != self.at + 2 + usize::from(length) {
            return None;
        }
        let name = self.text.get(self.at + 4..name_end)?;
        let value = self.text.get(name_end + 2..value_end)?;
        self.at = value_end;
        Some((name, value))
    }
}
