//! Negotiation: which format a scraper gets, decided by the `Accept` header of its request.
//!
//! The clause with the highest `q` that names a format we write wins, the first among equals. A
//! header that names none, or is not worth reading, gets text 0.0.4: a scrape never fails on 406.

use super::{Escaping, Format, Syntax};

/// Longer `Accept` headers are not read.
pub const ACCEPT_BYTES_MAX: usize = 4096;
/// Clauses of an `Accept` header after these are not read.
pub const ACCEPT_CLAUSES_MAX: usize = 16;

/// The format to answer in.
pub fn negotiate(accept: Option<&str>) -> Format {
    let accept = match accept {
        Some(accept) if accept.len() <= ACCEPT_BYTES_MAX => accept,
        _ => return Format::DEFAULT,
    };
    let mut best = (0, Format::DEFAULT);
    for clause in split_unquoted(accept, b',').take(ACCEPT_CLAUSES_MAX) {
        match read_clause(clause) {
            Some((q, format)) if q > best.0 => best = (q, format),
            _ => {}
        }
    }
    best.1
}

/// The weight in thousandths and the format of one clause; `None` when we do not write it.
fn read_clause(clause: &str) -> Option<(u16, Format)> {
    let mut parts = split_unquoted(clause, b';').map(str::trim);
    let media_type = parts.next()?.to_ascii_lowercase();
    let mut asked = Asked::default();
    for part in parts {
        let (key, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        match key.trim().to_ascii_lowercase().as_str() {
            "q" => asked.q = read_q(value)?,
            "version" => asked.version = Some(value),
            "proto" => asked.proto = Some(value),
            "encoding" => asked.encoding = Some(value),
            "escaping" => asked.escaping = read_escaping(value),
            _ => {}
        }
    }
    let format = Format { syntax: asked.syntax(&media_type)?, escaping: asked.escaping };
    Some((asked.q, format))
}

/// The parameters of a clause that matter to us.
struct Asked<'a> {
    q: u16,
    version: Option<&'a str>,
    proto: Option<&'a str>,
    encoding: Option<&'a str>,
    escaping: Escaping,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self {
            q: 1000,
            version: None,
            proto: None,
            encoding: None,
            escaping: Escaping::Underscores,
        }
    }
}

impl Asked<'_> {
    fn syntax(&self, media_type: &str) -> Option<Syntax> {
        let version_is = |known: &str| self.version.is_none_or(|version| version == known);
        match media_type {
            "*/*" | "text/*" => Some(Syntax::Text),
            "text/plain" if version_is("0.0.4") => Some(Syntax::Text),
            "application/openmetrics-text" if version_is("1.0.0") => Some(Syntax::OpenMetrics),
            "application/vnd.google.protobuf"
                if self.proto == Some("io.prometheus.client.MetricFamily")
                    && self.encoding == Some("delimited") =>
            {
                Some(Syntax::Protobuf)
            }
            _ => None,
        }
    }
}

/// An unknown scheme is not an error: the reader then gets what everybody can read.
fn read_escaping(value: &str) -> Escaping {
    match value {
        "allow-utf-8" => Escaping::AllowUtf8,
        "dots" => Escaping::Dots,
        "values" => Escaping::Values,
        _ => Escaping::Underscores,
    }
}

/// `0`, `1`, `0.5`, `0.125` as thousandths; `None` for anything that is no weight.
fn read_q(value: &str) -> Option<u16> {
    let plain = value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let q: f64 = if plain { value.parse().ok()? } else { return None };
    (q <= 1.0).then_some((q * 1000.0).round() as u16)
}

/// Splits at a separator that does not stand inside double quotes.
fn split_unquoted(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let mut quoted = false;
        let end = current.bytes().position(|b| {
            quoted ^= b == b'"';
            b == separator && !quoted
        });
        let (piece, after) = match end {
            Some(at) => (&current[..at], Some(&current[at + 1..])),
            None => (current, None),
        };
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests;
