//! Re2: the dialect of expressions that Prometheus knows, in the words of ours.
//!
//! Both are close: linear time, no look-around. Where they differ the text is rewritten, so that an
//! expression from a Prometheus rule or dashboard means the same here: `\d`, `\w`, `\s` and `\b` are
//! ASCII there, `\Q...\E` quotes, a brace that counts nothing stands for itself, and so do `[`, `&&`
//! and `~~` within brackets.
//!
//! Source: <https://github.com/google/re2/wiki/Syntax> and Go's `regexp/syntax`.

/// The same expression in our dialect. A mistake in it stays one.
pub(super) fn translated(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 16);
    let mut rest = source;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        let used = match c {
            '\\' => escape(rest, &mut out),
            '[' if !in_class => {
                in_class = true;
                open_class(rest, &mut out)
            }
            '[' => bracket_in_class(rest, &mut out),
            ']' => {
                in_class = false;
                copy(rest, 1, &mut out)
            }
            '&' | '~' if in_class => {
                out.push('\\');
                copy(rest, 1, &mut out)
            }
            '{' if !in_class && !counts(rest) => {
                out.push('\\');
                copy(rest, 1, &mut out)
            }
            c => copy(rest, c.len_utf8(), &mut out),
        };
        rest = &rest[used..];
    }
    out
}

fn copy(rest: &str, n_bytes: usize, out: &mut String) -> usize {
    out.push_str(&rest[..n_bytes]);
    n_bytes
}

/// A backslash and what belongs to it; returns how many bytes they are.
fn escape(rest: &str, out: &mut String) -> usize {
    let Some(c) = rest[1..].chars().next() else { return copy(rest, 1, out) };
    let class = match c {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        's' => r"[\t\n\f\r ]",
        'S' => r"[^\t\n\f\r ]",
        'b' => r"(?-u:\b)",
        'Q' => return quote(rest, out),
        c => return copy(rest, 1 + c.len_utf8(), out),
    };
    out.push_str(class);
    2
}

/// `\Q...\E`, or to the end.
fn quote(rest: &str, out: &mut String) -> usize {
    let quoted = &rest[2..];
    let (text, n_end) = match quoted.find(r"\E") {
        Some(end) => (&quoted[..end], 2),
        None => (quoted, 0),
    };
    out.push_str(&regex_syntax::escape(text));
    2 + text.len() + n_end
}

/// A bracket that begins a class, with the characters that stand for themselves right behind it.
fn open_class(rest: &str, out: &mut String) -> usize {
    let n = if rest[1..].starts_with('^') { 2 } else { 1 };
    out.push_str(&rest[..n]);
    if rest[n..].starts_with(']') {
        out.push_str(r"\]");
        return n + 1;
    }
    n
}

/// A bracket within a class: one of the names in colons, or itself.
fn bracket_in_class(rest: &str, out: &mut String) -> usize {
    let named = rest.strip_prefix("[:").and_then(|name| name.find(":]"));
    match named {
        Some(end) => copy(rest, end + 4, out),
        None => {
            out.push('\\');
            copy(rest, 1, out)
        }
    }
}

/// Whether a brace says how often: `{n}`, `{n,}` or `{n,m}`.
fn counts(rest: &str) -> bool {
    let Some((inside, _)) = rest[1..].split_once('}') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match inside.split_once(',') {
        None => is_number(inside),
        Some((min, max)) => is_number(min) && (max.is_empty() || is_number(max)),
    }
}

#[cfg(test)]
mod tests {
    use super::translated;
    use crate::ValueTest;

    fn matches(source: &str, value: &str) -> bool {
        ValueTest::regex(source).unwrap().matches(value)
    }

    #[test]
    fn what_both_know_stays() {
        for source in
            ["a.*b", "(a|b)+?", r"\.\*", "[a-z0-9_]", "x{2}y{3,}z{4,5}", "[[:alpha:]]", "é*"]
        {
            assert_eq!(translated(source), source);
        }
    }

    #[test]
    fn classes_are_ascii() {
        assert!(matches(r"\d+", "123") && !matches(r"\d+", "\u{661}"));
        assert!(matches(r"\w+", "aZ_9") && !matches(r"\w+", "é"));
        assert!(matches(r"[\w.]+", "a.b") && matches(r"[^\d]", "é") && matches(r"\D", "é"));
        assert!(matches(r"a\sb", "a b") && !matches(r"a\sb", "a\u{a0}b"));
        assert!(matches(r"é\bx.*", "éxy"), "no letter ends before an x");
    }

    #[test]
    fn what_stands_for_itself_there_does_here() {
        assert!(matches(r"\Qa.b*\E+", "a.b**") && matches(r"\Qa.b", "a.b"));
        assert!(matches("a{", "a{") && matches("a{,2}", "a{,2}") && matches("{x}", "{x}"));
        assert!(matches("[[a]", "[") && matches("[]a]", "]") && matches("[^]a]", "b"));
        assert!(matches("[a&&b]+", "&a") && matches("[a~~b]+", "~"));
    }

    #[test]
    fn mistakes_stay_mistakes() {
        for source in ["(", "[a", "a**b(", r"\", "x{3,2}", "a)(", ")|("] {
            assert!(ValueTest::regex(source).is_err(), "{source}");
        }
    }
}
