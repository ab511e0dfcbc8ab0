//! The text page: Prometheus text 0.0.4 and OpenMetrics 1.0, which differ in a few words.
//!
//! Written byte by byte into one buffer without an allocation per line: a page of 800 points takes
//! well under a millisecond, and it is asked for every few seconds.

use model::{Label, MetricKind};

use super::Escaping;
use super::distribution::{Distribution, distributions, part_label};
use super::names::NameOf;
use super::number::{write_count, write_float, write_openmetrics_float};
use super::plan::Entry;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Prometheus,
    OpenMetrics,
}

/// Appends the page and returns how many points it leaves out.
pub(super) fn write(
    entries: &[Entry<'_>],
    dialect: Dialect,
    escaping: Escaping,
    out: &mut Vec<u8>,
) -> usize {
    let mut page = Page { out, dialect, escaping, left_out: 0 };
    for entry in entries {
        page.family(entry);
    }
    if dialect == Dialect::OpenMetrics {
        page.out.extend_from_slice(b"# EOF\n");
    }
    page.left_out
}

struct Page<'a> {
    out: &'a mut Vec<u8>,
    dialect: Dialect,
    escaping: Escaping,
    left_out: usize,
}

/// A sample's name: the family's and what follows it.
#[derive(Clone, Copy)]
struct SampleName<'a> {
    family: &'a str,
    suffix: &'static str,
    /// Whether it needs quotes, which then stand inside the braces.
    quoted: bool,
}

impl Page<'_> {
    fn family(&mut self, entry: &Entry<'_>) {
        let is_openmetrics_counter =
            self.dialect == Dialect::OpenMetrics && entry.kind == MetricKind::Counter;
        let header_name = match entry.name.strip_suffix("_total") {
            Some(base) if is_openmetrics_counter => base,
            _ => &entry.name,
        };
        if !entry.help.is_empty() {
            self.header("HELP", header_name, |page| page.help(entry.help));
        }
        let word = self.type_word(entry.kind);
        self.header("TYPE", header_name, |page| page.out.extend_from_slice(word));
        let name = SampleName {
            family: &entry.name,
            suffix: "",
            quoted: !NameOf::Metric.is_plain(&entry.name),
        };
        match entry.kind {
            MetricKind::Histogram | MetricKind::Summary => {
                let (all, left_out) = distributions(&entry.points, entry.kind);
                self.left_out += left_out;
                for distribution in &all {
                    self.distribution(name, entry.kind, distribution);
                }
            }
            MetricKind::Counter | MetricKind::Gauge | MetricKind::Untyped => {
                for point in entry.points.iter() {
                    if point.suffix.is_empty() {
                        self.sample(name, point.labels.iter(), None, |page| {
                            page.float(point.value);
                        });
                    } else {
                        self.left_out += 1;
                    }
                }
            }
        }
    }

    /// `# HELP name rest` or `# TYPE name rest`.
    fn header(&mut self, word: &str, name: &str, rest: impl FnOnce(&mut Self)) {
        self.out.extend_from_slice(b"# ");
        self.out.extend_from_slice(word.as_bytes());
        self.out.push(b' ');
        if NameOf::Metric.is_plain(name) {
            self.out.extend_from_slice(name.as_bytes());
        } else {
            self.quoted(name);
        }
        self.out.push(b' ');
        rest(self);
        self.out.push(b'\n');
    }

    fn help(&mut self, help: &str) {
        // The older format leaves quotes in help texts alone.
        let quotes = self.dialect == Dialect::OpenMetrics;
        write_escaped(self.out, help, quotes);
    }

    fn type_word(&self, kind: MetricKind) -> &'static [u8] {
        match kind {
            MetricKind::Counter => b"counter",
            MetricKind::Gauge => b"gauge",
            MetricKind::Histogram => b"histogram",
            MetricKind::Summary => b"summary",
            MetricKind::Untyped if self.dialect == Dialect::OpenMetrics => b"unknown",
            MetricKind::Untyped => b"untyped",
        }
    }

    fn distribution(&mut self, name: SampleName<'_>, kind: MetricKind, one: &Distribution<'_>) {
        let is_histogram = kind == MetricKind::Histogram;
        let suffix = if is_histogram { "_bucket" } else { "" };
        let labels = || one.labels.iter().copied();
        for (bound, value) in &one.parts {
            let part = Some((part_label(kind), *bound));
            self.sample(SampleName { suffix, ..name }, labels(), part, |page| {
                if is_histogram { page.count(*value) } else { page.float(*value) }
            });
        }
        if let Some(sum) = one.sum {
            let name = SampleName { suffix: "_sum", ..name };
            self.sample(name, labels(), None, |page| page.float(sum));
        }
        // OpenMetrics has a histogram's count only together with its sum.
        let wants_count = one.sum.is_some() || !is_histogram || self.dialect == Dialect::Prometheus;
        if let Some(count) = one.count.filter(|_| wants_count) {
            let name = SampleName { suffix: "_count", ..name };
            self.sample(name, labels(), None, |page| page.count(count));
        }
    }

    /// One line; `part` is the `le` or `quantile` of a distribution.
    fn sample<'l>(
        &mut self,
        name: SampleName<'_>,
        labels: impl Iterator<Item = &'l Label>,
        part: Option<(&str, f64)>,
        value: impl FnOnce(&mut Self),
    ) {
        let mut braces = Braces::default();
        if name.quoted {
            braces.next(self.out);
            self.out.push(b'"');
            write_escaped(self.out, name.family, true);
            self.out.extend_from_slice(name.suffix.as_bytes());
            self.out.push(b'"');
        } else {
            self.out.extend_from_slice(name.family.as_bytes());
            self.out.extend_from_slice(name.suffix.as_bytes());
        }
        for label in labels {
            braces.next(self.out);
            self.label_name(&label.name);
            self.out.push(b'=');
            self.quoted(&label.value);
        }
        if let Some((part_label, bound)) = part {
            braces.next(self.out);
            self.out.extend_from_slice(part_label.as_bytes());
            self.out.extend_from_slice(b"=\"");
            self.float(bound);
            self.out.push(b'"');
        }
        braces.close(self.out);
        self.out.push(b' ');
        value(self);
        self.out.push(b'\n');
    }

    fn label_name(&mut self, name: &str) {
        // Under the other schemes the plan has made every name plain.
        if self.escaping == Escaping::AllowUtf8 && !NameOf::Label.is_plain(name) {
            self.quoted(name);
        } else {
            self.out.extend_from_slice(name.as_bytes());
        }
    }

    fn quoted(&mut self, text: &str) {
        write_quoted(self.out, text);
    }

    fn float(&mut self, value: f64) {
        match self.dialect {
            Dialect::Prometheus => write_float(self.out, value),
            Dialect::OpenMetrics => write_openmetrics_float(self.out, value),
        }
    }

    fn count(&mut self, value: f64) {
        match self.dialect {
            Dialect::Prometheus => write_float(self.out, value),
            Dialect::OpenMetrics => write_count(self.out, value),
        }
    }
}

/// The braces around labels: opened by the first, closed if there was one.
#[derive(Default)]
struct Braces {
    open: bool,
}

impl Braces {
    fn next(&mut self, out: &mut Vec<u8>) {
        out.push(if self.open { b',' } else { b'{' });
        self.open = true;
    }

    fn close(&self, out: &mut Vec<u8>) {
        if self.open {
            out.push(b'}');
        }
    }
}

/// Writes a text between quotes.
pub(super) fn write_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    write_escaped(out, text, true);
    out.push(b'"');
}

/// Writes a text with backslashes, line ends and, where they would end it, quotes escaped.
pub(super) fn write_escaped(out: &mut Vec<u8>, text: &str, quotes: bool) {
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape: &[u8; 2] = match byte {
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'"' if quotes => b"\\\"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[written..at]);
        out.extend_from_slice(escape);
        written = at + 1;
    }
    out.extend_from_slice(&bytes[written..]);
}
