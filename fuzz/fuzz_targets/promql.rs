//! Any text as a query: no panic, and what is read prints as something that is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use promql::{parse, parse_selector, pretty, to_json};

fuzz_target!(|query: &str| {
    let _ = parse_selector(query);
    match parse(query) {
        Ok(expr) => {
            assert!(expr.span().end <= query.len());
            assert!(to_json(&expr).starts_with('{') && !pretty(&expr).is_empty());
            // Fractions of a millisecond print as nothing, which no range may be.
            if let Err(error) = parse(&expr.to_string()) {
                assert!(error.message.contains("greater than 0"), "{error}");
            }
        }
        Err(error) => assert!(error.span.start <= error.span.end && error.span.end <= query.len()),
    }
});
