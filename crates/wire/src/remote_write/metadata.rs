//! Metadata: what the metrics of a message are, which senders say about once a minute.
//!
//! `MetricMetadata{type=1, metric_family_name=2, help=4, unit=5}`; in version 2, where it stands in
//! a series, `Metadata{type=1, help_ref=3, unit_ref=4}`.

use model::{Metadata, MetadataKind};

use super::fields::{FieldError, Fields, Value};

/// Bytes of a metric's name.
pub const METRIC_BYTES_MAX: usize = 256;
/// Bytes of a metric's description.
pub const HELP_BYTES_MAX: usize = 4096;
/// Bytes of a metric's unit.
pub const UNIT_BYTES_MAX: usize = 256;

/// Why the metadata of a metric are left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMetadata {
    /// Its bytes are no message.
    #[error("no protobuf of a MetricMetadata: {0}")]
    Malformed(#[from] FieldError),
    /// A text that is none.
    #[error("the {what} of a metric's metadata is not UTF-8")]
    NotUtf8 {
        /// Which text.
        what: &'static str,
    },
    /// A text that is too long.
    #[error("the {what} of a metric's metadata has more than {bytes_max} bytes")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// How many bytes it may have.
        bytes_max: usize,
    },
    /// A text that is none of the symbols of version 2.
    #[error("the {what} of a metric's metadata is none of the symbols")]
    Reference {
        /// Which text.
        what: &'static str,
    },
    /// It is not said what the metadata are of.
    #[error("metadata without a metric's name")]
    NoName,
}

/// What a message says of metrics: their names and what they are, in the order in which they were
/// sent. Reads no further than to a fault in the message's outline.
pub fn metadata(message: &[u8]) -> impl Iterator<Item = Result<(&str, Metadata), BadMetadata>> {
    let mut fields = Fields::new(message);
    let spans = std::iter::from_fn(move || {
        loop {
            if let (3, Value::Bytes(span)) = fields.next().ok()?? {
                return Some(span);
            }
        }
    });
    spans.map(|span| read_metadata(Fields::new(message).within(span)))
}

fn read_metadata(mut fields: Fields<'_>) -> Result<(&str, Metadata), BadMetadata> {
    let mut metric = "";
    let mut metadata = Metadata::default();
    let mut offset = fields.offset();
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Value::Varint(kind)) => metadata.kind = kind_of(kind),
            (2, Value::Bytes(span)) => {
                metric = text(fields.bytes(span), "name", METRIC_BYTES_MAX)?;
            }
            (4, Value::Bytes(span)) => {
                let help = text(fields.bytes(span), "help", HELP_BYTES_MAX)?;
                help.clone_into(&mut metadata.help);
            }
            (5, Value::Bytes(span)) => {
                let unit = text(fields.bytes(span), "unit", UNIT_BYTES_MAX)?;
                unit.clone_into(&mut metadata.unit);
            }
            (1 | 2 | 4 | 5, _) => return Err(Fields::wrong_type(offset, number).into()),
            _ => {}
        }
        offset = fields.offset();
    }
    if metric.is_empty() { Err(BadMetadata::NoName) } else { Ok((metric, metadata)) }
}

/// What a series of version 2 says of its metric: the family's name and what it is. `is_of_samples`
/// tells the series of a classic histogram, whose names have a suffix, from a native one.
pub(super) fn metadata_v2<'m>(
    (name, is_of_samples): (&'m [u8], bool),
    message: &[u8],
    symbol: impl Fn(u32) -> Option<&'m [u8]>,
) -> Result<(&'m str, Metadata), BadMetadata> {
    let mut metadata = Metadata::default();
    let mut fields = Fields::new(message);
    let mut offset = fields.offset();
    let text_of = |reference: u64, what, bytes_max| {
        let found = u32::try_from(reference).ok().and_then(&symbol);
        text(found.ok_or(BadMetadata::Reference { what })?, what, bytes_max)
    };
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Value::Varint(kind)) => metadata.kind = kind_of(kind),
            (3, Value::Varint(reference)) => {
                text_of(reference, "help", HELP_BYTES_MAX)?.clone_into(&mut metadata.help);
            }
            (4, Value::Varint(reference)) => {
                text_of(reference, "unit", UNIT_BYTES_MAX)?.clone_into(&mut metadata.unit);
            }
            (1 | 3 | 4, _) => return Err(Fields::wrong_type(offset, number).into()),
            _ => {}
        }
        offset = fields.offset();
    }
    let name = text(name, "name", METRIC_BYTES_MAX)?;
    match name.is_empty() {
        true => Err(BadMetadata::NoName),
        false if is_of_samples => Ok((family(name, metadata.kind), metadata)),
        false => Ok((name, metadata)),
    }
}

/// The name of the family that a series of samples belongs to.
fn family(name: &str, kind: MetadataKind) -> &str {
    let suffixes: &[&str] = match kind {
        MetadataKind::Histogram => &["_bucket", "_count", "_sum"],
        MetadataKind::GaugeHistogram => &["_bucket", "_gcount", "_gsum", "_count", "_sum"],
        MetadataKind::Summary => &["_count", "_sum"],
        _ => &[],
    };
    let bare = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
    bare.filter(|bare| !bare.is_empty()).unwrap_or(name)
}

fn text<'a>(bytes: &'a [u8], what: &'static str, bytes_max: usize) -> Result<&'a str, BadMetadata> {
    if bytes.len() > bytes_max {
        return Err(BadMetadata::TooLong { what, bytes_max });
    }
    str::from_utf8(bytes).map_err(|_| BadMetadata::NotUtf8 { what })
}

/// A kind that a later version may name is unknown to us.
fn kind_of(number: u64) -> MetadataKind {
    match number {
        1 => MetadataKind::Counter,
        2 => MetadataKind::Gauge,
        3 => MetadataKind::Histogram,
        4 => MetadataKind::GaugeHistogram,
        5 => MetadataKind::Summary,
        6 => MetadataKind::Info,
        7 => MetadataKind::StateSet,
        _ => MetadataKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoder::{bytes, number};
    use super::*;

    fn entry(kind: u64, [name, help, unit]: [&[u8]; 3]) -> Vec<u8> {
        let mut out = Vec::new();
        number(&mut out, 1, kind);
        bytes(&mut out, 2, name);
        bytes(&mut out, 4, help);
        bytes(&mut out, 5, unit);
        out
    }

    fn message(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        for entry in entries {
            bytes(&mut out, 1, b"a series, which is not looked at");
            bytes(&mut out, 3, entry);
        }
        out
    }

    fn told(message: &[u8]) -> Vec<String> {
        let one = |entry: Result<(&str, Metadata), BadMetadata>| match entry {
            Ok((name, Metadata { kind, help, unit })) => {
                format!("{name} {} {help:?} {unit:?}", kind.as_str())
            }
            Err(error) => error.to_string(),
        };
        metadata(message).map(one).collect()
    }

    #[test]
    fn every_kind_is_read() {
        let entries: Vec<Vec<u8>> = (0..9).map(|kind| entry(kind, [b"m", b"", b""])).collect();
        let kinds = [
            "unknown",
            "counter",
            "gauge",
            "histogram",
            "gaugehistogram",
            "summary",
            "info",
            "stateset",
            "unknown",
        ];
        let expected: Vec<String> = kinds.map(|kind| format!("m {kind} \"\" \"\"")).to_vec();
        assert_eq!(told(&message(&entries)), expected);
    }

    #[test]
    fn a_bad_one_is_refused_alone() {
        let long = [b'x'; 5000];
        let message = message(&[
            entry(1, [b"a", b"Help.", b"seconds"]),
            entry(1, [b"", b"", b""]),
            entry(1, [&long[..257], b"", b""]),
            entry(1, [b"a", &long, b""]),
            entry(1, [b"a", b"", &long[..257]]),
            entry(1, [b"a", b"\xff", b""]),
            vec![0x0d, 0, 0, 0, 0],
            vec![0x08],
            entry(2, [b"b", &long[..4096], b""]),
        ]);
        let told = told(&message);
        assert_eq!(
            told[..6],
            [
                "a counter \"Help.\" \"seconds\"",
                "metadata without a metric's name",
                "the name of a metric's metadata has more than 256 bytes",
                "the help of a metric's metadata has more than 4096 bytes",
                "the unit of a metric's metadata has more than 256 bytes",
                "the help of a metric's metadata is not UTF-8",
            ]
        );
        assert!(told[6].ends_with("field 1 has another type than remote write gives it"));
        assert!(told[7].ends_with("the message ends within a field"));
        assert!(told[8].starts_with("b gauge"));
        assert_eq!(told.len(), 9);
    }

    #[test]
    fn a_broken_outline_ends_it() {
        let mut message = message(&[entry(1, [b"a", b"", b""])]);
        message.push(0x1a);
        assert_eq!(told(&message), ["a counter \"\" \"\""]);
    }
}
