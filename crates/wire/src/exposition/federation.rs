//! Federation: stored samples as a page that another server scrapes, each with its time.
//!
//! A page of families says what each metric is; here nobody knows, so every metric is untyped and
//! each line stands for itself. A server that scrapes such a page keeps the labels it finds, but
//! would add an `instance` of its own where there is none: an empty one keeps that away. Native
//! histograms stand on the page in protobuf alone.

use std::io::Write as _;

use model::{Labels, METRIC_NAME};

use super::Escaping;
use super::names::NameOf;
use super::number::write_float;
use super::text::{write_escaped, write_quoted};

pub mod protobuf;

/// The label that a scraping server would add.
const INSTANCE: &str = "instance";

/// A value at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stamped {
    /// The value.
    pub value: f64,
    /// Unix milliseconds.
    pub t_ms: i64,
}

/// Appends the line that stands before the samples of a metric.
pub fn write_type(out: &mut Vec<u8>, metric: &str, escaping: Escaping) {
    let name = NameOf::Metric.escape(metric, escaping);
    out.extend_from_slice(b"# TYPE ");
    match NameOf::Metric.is_plain(&name) {
        true => out.extend_from_slice(name.as_bytes()),
        false => write_quoted(out, &name),
    }
    out.extend_from_slice(b" untyped\n");
}

/// Appends the line of one sample of a series that has a name.
pub fn write_sample(out: &mut Vec<u8>, labels: &Labels, sample: Stamped, escaping: Escaping) {
    let name = NameOf::Metric.escape(labels.metric_name(), escaping);
    let is_plain = NameOf::Metric.is_plain(&name);
    if is_plain {
        out.extend_from_slice(name.as_bytes());
        out.push(b'{');
    } else {
        out.push(b'{');
        write_quoted(out, &name);
    }
    let mut is_first = is_plain;
    let mut write_label = |name: &str, value: &str| {
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        let name = NameOf::Label.escape(name, escaping);
        match NameOf::Label.is_plain(&name) {
            true => out.extend_from_slice(name.as_bytes()),
            false => write_quoted(out, &name),
        }
        out.extend_from_slice(b"=\"");
        write_escaped(out, value, true);
        out.push(b'"');
    };
    for label in labels.iter().filter(|label| label.name != METRIC_NAME) {
        write_label(&label.name, &label.value);
    }
    if labels.get(INSTANCE).is_none() {
        write_label(INSTANCE, "");
    }
    out.extend_from_slice(b"} ");
    write_float(out, sample.value);
    writeln!(out, " {}", sample.t_ms).expect("a Vec takes any bytes");
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use model::Labels;

    use super::{Stamped, write_sample, write_type};
    use crate::exposition::Escaping;

    fn check(pairs: &[(&str, &str)], escaping: Escaping, expected: &Expect) {
        let labels = Labels::new(pairs.iter().copied()).unwrap();
        let mut out = Vec::new();
        write_type(&mut out, labels.metric_name(), escaping);
        let sample = Stamped { value: 1.5e7, t_ms: -6000 };
        write_sample(&mut out, &labels, sample, escaping);
        expected.assert_eq(&String::from_utf8(out).unwrap());
    }

    #[test]
    fn samples_have_their_time_and_an_instance() {
        check(
            &[("__name__", "up"), ("instance", "a:1"), ("z", "q\"\\\n")],
            Escaping::Underscores,
            &expect![[r#"
                # TYPE up untyped
                up{instance="a:1",z="q\"\\\n"} 1.5e+07 -6000
            "#]],
        );
        check(
            &[("__name__", "up")],
            Escaping::Underscores,
            &expect![[r#"
                # TYPE up untyped
                up{instance=""} 1.5e+07 -6000
            "#]],
        );
    }

    #[test]
    fn unusual_names_are_quoted_or_escaped() {
        let pairs = [("__name__", "a.b"), ("c.d", "e")];
        check(
            &pairs,
            Escaping::AllowUtf8,
            &expect![[r#"
                # TYPE "a.b" untyped
                {"a.b","c.d"="e",instance=""} 1.5e+07 -6000
            "#]],
        );
        check(
            &pairs,
            Escaping::Values,
            &expect![[r#"
                # TYPE U__a_2e_b untyped
                U__a_2e_b{U__c_2e_d="e",instance=""} 1.5e+07 -6000
            "#]],
        );
    }
}
