//! Path: the labels of a group, as they stand in an address.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Labels;

/// The label that every group has.
const JOB: &str = "job";
/// Follows the name of a label whose value is written in base64.
const BASE64_SUFFIX: &str = "@base64";

/// A path names no group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It does not begin with a job, or with an empty one.
    #[error("a path begins with job/NAME, where NAME is not empty")]
    NoJob,
    /// A label without a value.
    #[error("label {name:?} has no value behind it")]
    NoValue {
        /// The label.
        name: String,
    },
    /// What is not written as it says.
    #[error("{part:?} is not {what}")]
    Encoding {
        /// The part between two slashes.
        part: String,
        /// What it should be.
        what: &'static str,
    },
    /// A name that no label may have.
    #[error("label {name:?} cannot be that of a group")]
    Name {
        /// The label.
        name: String,
    },
    /// A label twice.
    #[error("{0}")]
    Labels(String),
}

/// Reads the path behind `/metrics/`, as sent: not decoded. A label with an empty value is absent.
///
/// # Errors
/// See [`PathFault`].
pub fn read_path(path: &str) -> Result<Labels, PathFault> {
    let mut parts = path.split('/');
    let (Some(name), Some(job)) = (parts.next(), parts.next()) else {
        return Err(PathFault::NoJob);
    };
    let (name, job) = pair(name, job)?;
    if name != JOB || job.is_empty() {
        return Err(PathFault::NoJob);
    }
    let mut pairs = vec![(name, job)];
    while let Some(name) = parts.next() {
        let value = parts.next();
        if name.is_empty() && value.is_none() {
            break; // a slash at the end
        }
        let value = value.ok_or_else(|| PathFault::NoValue { name: name.to_owned() })?;
        let (name, value) = pair(name, value)?;
        if name.is_empty() || name.starts_with("__") {
            return Err(PathFault::Name { name });
        }
        pairs.push((name, value));
    }
    if let Some((name, _)) = pairs[1..].iter().find(|(name, _)| name == JOB) {
        return Err(PathFault::Labels(format!("label {name:?} is given twice")));
    }
    Labels::new(pairs).map_err(|error| PathFault::Labels(error.to_string()))
}

fn pair(name: &str, value: &str) -> Result<(String, String), PathFault> {
    let name = percent_decoded(name)?;
    let value = percent_decoded(value)?;
    match name.strip_suffix(BASE64_SUFFIX) {
        None => Ok((name, value)),
        Some(plain) => Ok((plain.to_owned(), base64_decoded(&value)?)),
    }
}

/// Padding may be left out, and alone it stands for nothing, as no part of a path may.
fn base64_decoded(text: &str) -> Result<String, PathFault> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| PathFault::Encoding {
        part: text.to_owned(),
        what: "a text in base64 for addresses",
    })
}

fn percent_decoded(part: &str) -> Result<String, PathFault> {
    let what = "a text with percent signs before two digits";
    let fault = || PathFault::Encoding { part: part.to_owned(), what };
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, behind) = behind.split_at_checked(2).ok_or_else(fault)?;
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(fault);
        bytes.push((digit(digits[0])? * 16 + digit(digits[1])?) as u8);
        rest = behind;
    }
    String::from_utf8(bytes).map_err(|_| fault())
}
