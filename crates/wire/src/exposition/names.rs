//! Names: which names the formats take as they are, and what the others become.
//!
//! The schemes are those of the Prometheus escaping proposal, as its Go library
//! (`model.EscapeName`) writes them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;

use model::{Label, Labels, Point};

use super::Escaping;

/// Where a name stands; label names have no colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameOf {
    Metric,
    Label,
}

impl NameOf {
    fn allows(self, c: char, first: bool) -> bool {
        match c {
            'a'..='z' | 'A'..='Z' | '_' => true,
            '0'..='9' => !first,
            ':' => self == Self::Metric,
            _ => false,
        }
    }

    /// Whether every reader takes the name without quotes.
    pub(super) fn is_plain(self, name: &str) -> bool {
        let mut bytes = name.bytes();
        let allows = |b: u8, first| self.allows(char::from(b), first);
        bytes.next().is_some_and(|b| allows(b, true)) && bytes.all(|b| allows(b, false))
    }

    /// The name as it is written under a scheme, without quotes.
    pub(super) fn escape(self, name: &str, escaping: Escaping) -> Cow<'_, str> {
        match escaping {
            Escaping::AllowUtf8 => Cow::Borrowed(name),
            Escaping::Underscores | Escaping::Values if self.is_plain(name) => Cow::Borrowed(name),
            Escaping::Underscores => {
                Cow::Owned(self.rewrite(name, String::new(), |out, _| out.push('_')))
            }
            Escaping::Dots => Cow::Owned(self.rewrite(name, String::new(), |out, c| {
                out.push_str(if c == '.' { "_dot_" } else { "__" });
            })),
            Escaping::Values => Cow::Owned(self.rewrite(name, "U__".to_owned(), |out, c| {
                if c == '_' {
                    out.push_str("__");
                } else {
                    write!(out, "_{:x}_", u32::from(c)).expect("a String takes any text");
                }
            })),
        }
    }

    /// Copies the plain characters and lets `other` write underscores and bad ones.
    fn rewrite(self, name: &str, prefix: String, other: impl Fn(&mut String, char)) -> String {
        let mut out = prefix;
        out.reserve(name.len() + 8);
        for (at, c) in name.char_indices() {
            if c != '_' && self.allows(c, at == 0) {
                out.push(c);
            } else {
                other(&mut out, c);
            }
        }
        out
    }
}

/// A family's points with their label names escaped, and how many are lost because escaping makes
/// two labels of a point, or two points, the same.
pub(super) fn escape_labels(points: &[Point], escaping: Escaping) -> (Cow<'_, [Point]>, usize) {
    let stays = |label: &Label| match escaping {
        Escaping::AllowUtf8 => true,
        Escaping::Underscores | Escaping::Values => NameOf::Label.is_plain(&label.name),
        Escaping::Dots => NameOf::Label.is_plain(&label.name) && !label.name.contains('_'),
    };
    if points.iter().flat_map(|point| &point.labels).all(stays) {
        return (Cow::Borrowed(points), 0);
    }
    let mut seen = HashSet::new();
    let escaped = points.iter().filter_map(|point| {
        let pairs = point.labels.iter().map(|label| {
            let name = NameOf::Label.escape(&label.name, escaping);
            (name, label.value.as_str())
        });
        let labels = Labels::new(pairs).ok()?;
        seen.insert((point.suffix, labels.clone())).then_some(Point { labels, ..*point })
    });
    let escaped: Vec<Point> = escaped.collect();
    let n_lost = points.len() - escaped.len();
    (Cow::Owned(escaped), n_lost)
}

#[cfg(test)]
mod tests {
    use super::NameOf::{Label, Metric};
    use crate::exposition::Escaping::{AllowUtf8, Dots, Underscores, Values};

    #[test]
    fn each_scheme_writes_its_own_form() {
        for (name, underscores, dots, values) in [
            ("up", "up", "up", "up"),
            ("a_b", "a_b", "a__b", "a_b"),
            ("a.b", "a_b", "a_dot_b", "U__a_2e_b"),
            ("a.b_c", "a_b_c", "a_dot_b__c", "U__a_2e_b__c"),
            ("9lives", "_lives", "__lives", "U___39_lives"),
            ("naïve", "na_ve", "na__ve", "U__na_ef_ve"),
            ("花火", "__", "____", "U___82b1__706b_"),
            ("http:ok", "http:ok", "http:ok", "http:ok"),
        ] {
            assert_eq!(Metric.escape(name, Underscores), underscores);
            assert_eq!(Metric.escape(name, Dots), dots);
            assert_eq!(Metric.escape(name, Values), values);
            assert_eq!(Metric.escape(name, AllowUtf8), name);
        }
    }

    #[test]
    fn a_colon_is_plain_in_metric_names_only() {
        assert!(Metric.is_plain("http:ok"));
        assert!(!Label.is_plain("http:ok"));
        assert_eq!(Label.escape("http:ok", Underscores), "http_ok");
        assert!(!Metric.is_plain(""));
        assert!(!Metric.is_plain("9a"));
    }
}
