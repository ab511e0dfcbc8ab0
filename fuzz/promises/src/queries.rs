//! PromQL: a query has a tree or an error with a place, and a tree prints as the same tree.

use promql::{parse, parse_selector, pretty, to_json};

/// Any text as a query.
///
/// # Panics
/// When a promise is broken.
pub fn promql(bytes: &[u8]) {
    let Ok(query) = std::str::from_utf8(bytes) else { return };
    let _either = parse_selector(query);
    match parse(query) {
        Ok(expr) => {
            assert!(expr.span().end <= query.len(), "a place behind the end");
            assert!(to_json(&expr).starts_with('{') && !pretty(&expr).is_empty());
            // Fractions of a millisecond print as nothing, which no range may be.
            if let Err(error) = parse(&expr.to_string()) {
                assert!(
                    error.message.contains("greater than 0"),
                    "printed, it is refused: {error}"
                );
            }
        }
        Err(error) => assert!(error.span.start <= error.span.end && error.span.end <= query.len()),
    }
}
