//! Input: a file or standard input, to its end, within bounds.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, bail};

/// Reads a file; standard input for `-`.
///
/// # Errors
/// It cannot be read, or has more than `bytes_max` bytes.
pub(crate) fn read(path: &Path, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        return read_from(io::stdin().lock(), bytes_max).context("standard input");
    }
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    read_from(file, bytes_max).with_context(|| path.display().to_string())
}

fn read_from(source: impl Read, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        bail!("more than {bytes_max} bytes");
    }
    Ok(bytes)
}

/// Reads an expression: the argument itself, or standard input for `-`, as UTF-8.
///
/// # Errors
/// Standard input cannot be read, is too long, or is no text.
pub(crate) fn expression(argument: &str) -> anyhow::Result<String> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let bytes = read(Path::new("-"), promql::QUERY_BYTES_MAX as u64)?;
    let text = String::from_utf8(bytes).context("standard input is not UTF-8")?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}
