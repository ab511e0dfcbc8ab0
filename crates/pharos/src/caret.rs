//! Caret: a mistake shown where it is, below the line that has it.

use promql::{ParseError, Place};

/// Characters of a line that are shown; of a longer one, those around the mistake.
const SHOWN_CHARS_MAX: usize = 100;
/// Characters that are shown before a mistake far to the right.
const BEFORE_CHARS: usize = 40;

/// What is wrong with an expression, on several lines.
pub(crate) fn show(query: &str, error: &ParseError) -> String {
    let Some(Place { line, column }) = error.place else { return format!("{error}\n") };
    let text = query.split('\n').nth(line - 1).unwrap_or_default();
    // A place counts bytes; a person counts characters.
    let start = text.get(..column - 1).map_or(0, |before| before.chars().count());
    let n_bytes = error.span.end.saturating_sub(error.span.start);
    let wrong = text.get(column - 1..).unwrap_or_default();
    let n_chars = wrong.char_indices().take_while(|(at, _)| *at < n_bytes).count();
    let skipped = if start >= SHOWN_CHARS_MAX { start - BEFORE_CHARS } else { 0 };
    let shown: String = text.chars().skip(skipped).take(SHOWN_CHARS_MAX).map(visible).collect();
    let room = (skipped + SHOWN_CHARS_MAX).saturating_sub(start).max(1);
    let carets = "^".repeat(n_chars.clamp(1, room));
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let indent = " ".repeat(start - skipped);
    format!("{error}\n{margin} |\n{number} | {shown}\n{margin} | {indent}{carets}\n")
}

/// Every character takes one column: the caret stands below the right one.
fn visible(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::show;

    fn check(query: &str, expected: &Expect) {
        expected.assert_eq(&show(query, &promql::parse(query).unwrap_err()));
    }

    #[test]
    fn a_mistake_is_shown_where_it_is() {
        check(
            "sum(rate(x[5m])",
            &expect![[r#"
            1:16: parse error: unclosed left parenthesis
              |
            1 | sum(rate(x[5m])
              |                ^
        "#]],
        );
        check(
            "up +\n  * 2",
            &expect![[r#"
            2:3: parse error: unexpected <op:*>
              |
            2 |   * 2
              |   ^
        "#]],
        );
        check(
            "",
            &expect![[r#"
            unknown position: parse error: no expression found in input
        "#]],
        );
        check(
            "up{ä=\"ö\"} ++ )",
            &expect![[r#"
            1:4: parse error: unexpected character inside braces: 'ä'
              |
            1 | up{ä="ö"} ++ )
              |    ^^^^^^^^^^^
        "#]],
        );
    }

    #[test]
    fn of_a_long_line_a_part_is_shown() {
        let query = format!("{} + )", "x + ".repeat(60) + "x");
        check(
            &query,
            &expect![[r#"
            1:246: parse error: unexpected right parenthesis ')'
              |
            1 |  + x + x + x + x + x + x + x + x + x + )
              |                                         ^
        "#]],
        );
    }
}
