//! Any text as an `Accept` header: no panic, and always an answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::exposition::negotiate;

fuzz_target!(|accept: &str| {
    assert!(!negotiate(Some(accept)).content_type().is_empty());
});
