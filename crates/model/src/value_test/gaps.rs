//! Gaps: expressions such as `.*`, `api-.*`, `.*-9100` and `.*timeout.*`, which are texts in order
//! with anything between them.

use memchr::memmem::Finder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// Begins with one text, ends with another, perhaps with others in order between them.
#[derive(Debug, Clone)]
pub(super) struct Gaps {
    prefix: String,
    /// Each gap that a text follows: the fewest bytes that it takes, one for `.+`, and the text.
    middles: Vec<(usize, Finder<'static>)>,
    /// The fewest bytes of the last gap.
    last_bytes_min: usize,
    suffix: String,
}

impl Gaps {
    /// Recognises gaps with texts around them.
    pub(super) fn of(hir: &Hir) -> Option<Self> {
        let parts = match hir.kind() {
            HirKind::Concat(parts) => parts.as_slice(),
            _ => std::slice::from_ref(hir),
        };
        let mut parts = parts.iter().peekable();
        let prefix = parts.next_if(|part| is_literal(part)).map_or(Some(String::new()), literal)?;
        let mut last_bytes_min = gap(parts.next()?)?;
        let (mut middles, mut suffix) = (Vec::new(), String::new());
        while let Some(part) = parts.next() {
            // Two gaps in a row are one, unless it takes two characters: they may be two bytes or more.
            if let Some(bytes_min) = gap(part) {
                last_bytes_min += bytes_min;
                if last_bytes_min > 1 {
                    return None;
                }
                continue;
            }
            let text = literal(part)?;
            let Some(next) = parts.next() else {
                suffix = text;
                break;
            };
            middles.push((last_bytes_min, Finder::new(&text).into_owned()));
            last_bytes_min = gap(next)?;
        }
        Some(Self { prefix, middles, last_bytes_min, suffix })
    }

    /// Whether this is `.*` or `.+`.
    pub(super) fn is_any(&self) -> bool {
        let texts = [self.prefix.as_str(), self.suffix.as_str()];
        texts.iter().all(|text| text.is_empty()) && self.middles.is_empty()
    }

    /// Whether the value is of this form.
    pub(super) fn matches(&self, value: &str) -> bool {
        let Some(inner) = self.between(value) else { return false };
        // The first place of each text leaves the most to those behind it.
        let mut rest = inner.as_bytes();
        for (bytes_min, text) in &self.middles {
            let Some(at) = rest.get(*bytes_min..).and_then(|from| text.find(from)) else {
                return false;
            };
            rest = &rest[bytes_min + at + text.needle().len()..];
        }
        rest.len() >= self.last_bytes_min
    }

    /// What stands between the two ends, which are taken off one after the other, so that they cannot
    /// overlap. An empty end is not compared: an empty text lies at no address, and on processors with
    /// AVX-512 the C library's comparison stumbles over that, for nothing, value by value.
    fn between<'v>(&self, value: &'v str) -> Option<&'v str> {
        let rest = match self.prefix.as_str() {
            "" => value,
            prefix => value.strip_prefix(prefix)?,
        };
        match self.suffix.as_str() {
            "" => Some(rest),
            suffix => rest.strip_suffix(suffix),
        }
    }
}

fn is_literal(part: &Hir) -> bool {
    matches!(part.kind(), HirKind::Literal(_))
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
