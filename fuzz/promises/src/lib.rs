//! What every parser keeps on any input, however broken: no panic, no more memory than allowed, and
//! what is taken keeps the promises of its type.
//!
//! Each function takes the bytes a stranger sent and panics where a promise is broken. The targets of
//! `fuzz/` call them for as long as they are left alone, with a nightly compiler; `tests/mutations.rs`
//! calls them in every run of the tests, with inputs made from `fuzz/corpus/`.

mod formats;
mod push;
mod queries;
mod remote_write;
mod senders;

pub use formats::{negotiate, transfer};
pub use push::push;
pub use queries::promql;
pub use remote_write::remote_write;
pub use senders::senders;
