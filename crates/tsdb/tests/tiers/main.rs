//! Tiers: what is rolled up is what a plain calculation over the same samples gives, once, however
//! the files came about; and it stays when the samples are gone.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod both;
mod files;
mod going;
mod lives;
mod queries;
mod rolling;
