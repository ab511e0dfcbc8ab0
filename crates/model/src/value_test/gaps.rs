//! Gaps: expressions such as `.*`, `api-.*`, `.*-9100` and `.*timeout.*`, which are texts in order
//! with anything between them.

use memchr::memmem::Finder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// Begins with one text, ends with another, perhaps with a third between them.
#[derive(Debug, Clone)]
pub(super) struct Gaps {
    prefix: String,
    /// What stands between two gaps.
    middle: Option<Finder<'static>>,
    suffix: String,
    /// The shortest text that a lone gap takes, bytes: one for `.+`.
    gap_bytes_min: usize,
}

impl Gaps {
    /// Recognises one or two gaps with texts around them.
    pub(super) fn of(hir: &Hir) -> Option<Self> {
        let parts = match hir.kind() {
            HirKind::Concat(parts) => parts.as_slice(),
            _ => std::slice::from_ref(hir),
        };
        let mut parts = parts.iter().peekable();
        let mut text = || parts.next_if(|part| literal(part).is_some()).and_then(literal);
        let prefix = text().unwrap_or_default();
        let first_min = gap(parts.next()?)?;
        let mut text = || parts.next_if(|part| literal(part).is_some()).and_then(literal);
        let after = text().unwrap_or_default();
        let Some(second) = parts.next() else {
            return Some(Self { prefix, middle: None, suffix: after, gap_bytes_min: first_min });
        };
        let second_min = gap(second)?;
        let suffix = parts.next().map_or(Some(String::new()), literal)?;
        // With `.+` beside a text in the middle, the first place where it stands may not do.
        if parts.next().is_some() || first_min + second_min > 0 {
            return None;
        }
        let middle = Some(Finder::new(&after).into_owned());
        Some(Self { prefix, middle, suffix, gap_bytes_min: 0 })
    }

    /// Whether this is `.*` or `.+`.
    pub(super) fn is_any(&self) -> bool {
        let texts = [self.prefix.as_str(), self.suffix.as_str()];
        texts.iter().all(|text| text.is_empty()) && self.middle.is_none()
    }

    /// Whether the value is of this form.
    pub(super) fn matches(&self, value: &str) -> bool {
        // Taken off one after the other, so that the two ends cannot overlap.
        let inner = value.strip_prefix(self.prefix.as_str());
        let Some(inner) = inner.and_then(|rest| rest.strip_suffix(self.suffix.as_str())) else {
            return false;
        };
        match &self.middle {
            Some(middle) => middle.find(inner.as_bytes()).is_some(),
            None => inner.len() >= self.gap_bytes_min,
        }
    }
}

fn literal(part: &Hir) -> Option<String> {
    match part.kind() {
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok(),
        _ => None,
    }
}

/// The fewest characters of `.*` or `.+`: any number of any character.
fn gap(part: &Hir) -> Option<usize> {
    let HirKind::Repetition(repetition) = part.kind() else {
        return None;
    };
    let HirKind::Class(Class::Unicode(class)) = repetition.sub.kind() else {
        return None;
    };
    let any = matches!(class.ranges(), [all] if all.start() == '\0' && all.end() == char::MAX);
    (any && repetition.max.is_none() && repetition.min <= 1).then_some(repetition.min as usize)
}
