//! Write: the history of a series as OpenMetrics lines, each with its time and without a type, as
//! other tools for backfilling read and write it. The page of a scrape is written by
//! [`crate::exposition`].

use std::io::Write as _;

use model::{Labels, METRIC_NAME, Sample, is_stale_marker};

use super::ORDINARY_NAN_BITS;

const TAKES_ALL: &str = "a Vec takes any bytes";

/// What the format could not carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lost {
    /// Samples of series without a name, left out.
    pub nameless_samples: u64,
    /// Markers of ended series, left out.
    pub stale_markers: u64,
    /// NaNs with other bits than the ordinary one's, written as that one.
    pub nan_bits: u64,
    /// Samples whose start time was left out.
    pub start_times: u64,
}

/// Appends the samples of a series. After the last series stands `# EOF`, which the caller writes.
pub fn write_series(labels: &Labels, samples: &[Sample], lost: &mut Lost, out: &mut Vec<u8>) {
    if labels.metric_name().is_empty() {
        lost.nameless_samples += samples.len() as u64;
        return;
    }
    let mut series = Vec::new();
    write_labels(labels, &mut series);
    for sample in samples {
        if is_stale_marker(sample.value) {
            lost.stale_markers += 1;
            continue;
        }
        lost.start_times += u64::from(sample.start_ms != 0);
        out.extend_from_slice(&series);
        out.push(b' ');
        write_value(sample.value, lost, out);
        out.push(b' ');
        write_seconds(sample.t_ms, out);
        out.push(b'\n');
    }
}

fn write_labels(labels: &Labels, out: &mut Vec<u8>) {
    let name = labels.metric_name();
    let is_plain = is_plain(name, true);
    if is_plain {
        out.extend_from_slice(name.as_bytes());
    }
    let mut opening = b'{';
    let mut next = |out: &mut Vec<u8>| out.push(std::mem::replace(&mut opening, b','));
    if !is_plain {
        next(out);
        write_quoted(name, out);
    }
    for label in labels.iter().filter(|label| label.name != METRIC_NAME) {
        next(out);
        if self::is_plain(&label.name, false) {
            out.extend_from_slice(label.name.as_bytes());
        } else {
            write_quoted(&label.name, out);
        }
        out.push(b'=');
        write_quoted(&label.value, out);
    }
    if opening == b',' {
        out.push(b'}');
    }
}

/// Whether a name may stand without quotes.
fn is_plain(name: &str, is_metric: bool) -> bool {
    let is_part =
        |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (is_metric && byte == b':');
    name.bytes().all(is_part) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn write_quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}

fn write_value(value: f64, lost: &mut Lost, out: &mut Vec<u8>) {
    if value.is_nan() {
        lost.nan_bits += u64::from(value.to_bits() != ORDINARY_NAN_BITS);
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        // The shortest digits that read back the same, -0.0 with its sign.
        write!(out, "{value:?}").expect(TAKES_ALL);
    }
}

/// Milliseconds as seconds, exactly.
fn write_seconds(t_ms: i64, out: &mut Vec<u8>) {
    let (seconds, ms) = (t_ms.unsigned_abs() / 1000, t_ms.unsigned_abs() % 1000);
    let sign = if t_ms < 0 { "-" } else { "" };
    let written = match ms {
        0 => write!(out, "{sign}{seconds}"),
        ms => write!(out, "{sign}{seconds}.{ms:03}"),
    };
    written.expect(TAKES_ALL);
}

#[cfg(test)]
mod tests {
    use model::{Labels, STALE_MARKER_BITS, Sample};
    use proptest::prelude::*;

    use super::{Lost, write_series};
    use crate::openmetrics::{Dialect, Line, ORDINARY_NAN_BITS, Page};

    fn written(labels: &Labels, samples: &[Sample]) -> (String, Lost) {
        let (mut out, mut lost) = (Vec::new(), Lost::default());
        write_series(labels, samples, &mut lost, &mut out);
        out.extend(b"# EOF\n");
        (String::from_utf8(out).unwrap(), lost)
    }

    fn read(text: &str) -> Vec<(Labels, Sample)> {
        let mut page = Page::new(text.as_bytes(), Dialect::OpenMetrics);
        let mut all = Vec::new();
        while let Some(line) = page.next().unwrap() {
            if let Line::Sample(line) = line {
                let labels = Labels::of_metric(line.name, line.labels.iter()).unwrap();
                all.push((labels, Sample::new(line.t_ms.unwrap(), line.value)));
            }
        }
        all
    }

    #[test]
    fn what_the_format_cannot_carry_is_counted() {
        let labels = Labels::of_metric("up", [("a.b", "x\"\\\n")]).unwrap();
        let samples = [
            Sample { start_ms: 5, ..Sample::new(-1500, -0.0) },
            Sample::new(0, f64::from_bits(STALE_MARKER_BITS)),
            Sample::new(1, f64::from_bits(0x7ff8_0000_0000_0000)),
            Sample::new(2000, f64::NEG_INFINITY),
        ];
        let (text, lost) = written(&labels, &samples);
        let expected = concat!(
            "up{\"a.b\"=\"x\\\"\\\\\\n\"} -0.0 -1.500\n",
            "up{\"a.b\"=\"x\\\"\\\\\\n\"} NaN 0.001\n",
            "up{\"a.b\"=\"x\\\"\\\\\\n\"} -Inf 2\n",
            "# EOF\n"
        );
        assert_eq!(text, expected);
        let counts = Lost { nameless_samples: 0, stale_markers: 1, nan_bits: 1, start_times: 1 };
        assert_eq!(lost, counts);
        let (text, lost) = written(&Labels::default(), &samples);
        assert_eq!((text.as_str(), lost.nameless_samples), ("# EOF\n", 4));
    }

    proptest! {
        #[test]
        fn the_reader_reads_what_is_written(
            name in "[a-z:]{1,3}|\\PC{1,4}",
            pairs in prop::collection::btree_map("[a-z]|\\PC{1,3}", "\\PC{1,4}|[\"\\\\\n]{1,3}", 0..3),
            samples in prop::collection::vec((any::<i64>(), any::<f64>()), 0..8),
        ) {
            let labels = Labels::of_metric(&name, pairs).unwrap();
            let samples: Vec<Sample> =
                samples.into_iter().map(|(t_ms, value)| Sample::new(t_ms, value)).collect();
            let (text, _) = written(&labels, &samples);
            let back = read(&text);
            let kept = samples.iter().filter(|s| s.value.to_bits() != STALE_MARKER_BITS);
            let kept: Vec<&Sample> = kept.collect();
            prop_assert_eq!(back.len(), kept.len());
            for ((of, back), sent) in back.iter().zip(kept) {
                prop_assert_eq!(of, &labels);
                let is_nan = sent.value.is_nan() && back.value.to_bits() == ORDINARY_NAN_BITS;
                prop_assert!(back.t_ms == sent.t_ms, "{} is not {}", back.t_ms, sent.t_ms);
                prop_assert!(is_nan || back.same_bits(sent), "{:?} is not {:?}", back, sent);
            }
        }
    }
}
