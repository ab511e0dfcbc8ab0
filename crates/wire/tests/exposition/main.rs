//! Exposition pages read back by readers that share no code with the writers.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod golden;
mod properties;
mod protobuf_reader;
mod read_back;
mod text_reader;
