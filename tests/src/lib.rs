//! Harness: what the tests of the whole binary share. They start the real `pharos`, talk to it over
//! loopback, stop or kill it, and look at what it wrote. Nothing of the product is linked in.
//!
//! The bans of `clippy.toml` keep the product behind its doors; a test stands outside and opens
//! files and reads clocks as any other program does.
#![allow(clippy::disallowed_methods, reason = "tests are outside of the product's doors")]
#![allow(clippy::unwrap_used, reason = "a harness that fails should say so at once")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "tests print what failed")]

mod client;
mod command;
mod keeper;
mod page;
mod peers;
mod place;
mod server;
mod wait;

pub use client::{Answer, Client, Request};
pub use command::{Finished, pharos, pharos_reads};
pub use page::{Page, Series};
pub use peers::{Peer, compile_c, moto, opentelemetry, peer, schemathesis, senders};
pub use place::{binary, free_port, root};
pub use server::{Server, Starting};
pub use wait::{eventually, eventually_some};
