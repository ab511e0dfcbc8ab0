//! Every parser keeps its promises on inputs that were right once: each text of `fuzz/corpus/` and each
//! message made here is cut, doubled, flipped and spliced, so many times, by a seed.
//!
//! `FUZZ_CASES=1000000 cargo test -p promises` is a longer run. A failure prints the case's seed and its
//! input; what broke then belongs into the corpus.

#![expect(clippy::disallowed_methods, reason = "a test takes its size from the environment")]

mod messages;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use testkit::Rng;

/// Cases of one parser, if `FUZZ_CASES` names no other number.
const CASES: u64 = 20_000;
/// Longer inputs are as easily reached by fewer bytes.
const INPUT_BYTES_MAX: usize = 4096;
/// Bytes at which lengths, signs, quotes and depths turn over.
const SHARP: &[u8] =
    &[0, 1, 0x7f, 0x80, 0xff, b'"', b'\\', b'\n', b'{', b'[', b'(', b'-', b'.', b'e', b'9'];

#[test]
fn queries_keep_their_promises() {
    try_all(&texts("promql"), promises::promql);
}

#[test]
fn pushes_keep_their_promises() {
    try_all(&texts("push"), promises::push);
}

#[test]
fn pages_and_histories_keep_their_promises() {
    let mut inputs = texts("transfer");
    inputs.extend(messages::read_answers());
    try_all(&inputs, promises::transfer);
}

#[test]
fn accept_headers_keep_their_promises() {
    try_all(&texts("negotiate"), promises::negotiate);
}

#[test]
fn remote_write_keeps_its_promises() {
    try_all(&messages::writes(), promises::remote_write);
}

#[test]
fn senders_keep_their_promises() {
    let mut inputs = texts("senders");
    inputs.push(messages::telemetry());
    try_all(&inputs, promises::senders);
}

/// Each file of the corpus of this name.
fn texts(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(&dir)
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let read = |path| fs::read(path).expect("a file of the corpus");
    let inputs: Vec<Vec<u8>> = paths.into_iter().map(read).collect();
    assert!(!inputs.is_empty(), "no corpus at {}", dir.display());
    inputs
}

/// First the inputs as they are, then their mutations.
fn try_all(inputs: &[Vec<u8>], promise: fn(&[u8])) {
    for input in inputs {
        try_one(0, input, promise);
    }
    let n_cases =
        std::env::var("FUZZ_CASES").map_or(CASES, |n| n.parse().expect("a number of cases"));
    for seed in 1..=n_cases {
        let input = mutated(&mut Rng::new(seed), inputs);
        try_one(seed, &input, promise);
    }
}

fn try_one(seed: u64, input: &[u8], promise: fn(&[u8])) {
    if catch_unwind(|| promise(input)).is_err() {
        panic!("seed {seed} broke a promise: b\"{}\"", input.escape_ascii());
    }
}

/// One of the inputs after one to six changes.
fn mutated(rng: &mut Rng, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut input = rng.pick(inputs).clone();
    for _ in 0..=rng.below(6) {
        change(rng, &mut input, inputs);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn change(rng: &mut Rng, input: &mut Vec<u8>, inputs: &[Vec<u8>]) {
    let at = rng.index(input.len() + 1);
    let end = (at + 1 + rng.index(16)).min(input.len());
    match rng.below(8) {
        0 => input.truncate(at),
        1 => drop(input.drain(at.min(end)..end)),
        2 if at < input.len() => input[at] ^= 1 << rng.below(8),
        3 if at < input.len() => input[at] = *rng.pick(SHARP),
        4 => input.insert(at, *rng.pick(SHARP)),
        // The same piece again, up to many times: depths and lengths.
        5 => {
            let piece = input[at.min(end)..end].repeat(1 + rng.index(40));
            input.splice(at..at, piece);
        }
        // A piece of another input.
        _ => {
            let other = rng.pick(inputs);
            let from = rng.index(other.len() + 1);
            let to = (from + 1 + rng.index(32)).min(other.len());
            input.splice(at..at, other[from.min(to)..to].iter().copied());
        }
    }
}
