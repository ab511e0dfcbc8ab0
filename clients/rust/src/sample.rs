//! Samples: one value of one metric at one time, checked before it may join a batch.
//!
//! Pharos stores a batch whole or not at all: one bad sample would cost its neighbours.

use serde_json::{Map, Value, json};

use crate::time::now_ms;

/// Bytes of a metric's or label's name that Pharos takes.
const NAME_BYTES_MAX: usize = 256;
/// Bytes of a label's value that Pharos takes.
const LABEL_VALUE_BYTES_MAX: usize = 4096;
/// Labels of one sample that Pharos takes.
const LABELS_MAX: usize = 64;
/// Labels that say where a sample belongs; the client sets them.
const RESERVED_LABELS: [&str; 3] = ["service", "metric_type", "__name__"];

/// A value that waits to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) timestamp_ms: u64,
}

impl Sample {
    /// A sample of now, or the reason why Pharos would not take it.
    pub(crate) fn new(
        name: &str,
        value: f64,
        labels: &[(&str, &str)],
    ) -> Result<Self, &'static str> {
        if !value.is_finite() {
            return Err("is not a finite number");
        }
        check_names(name, labels.iter().copied())?;
        let labels = labels.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
        Ok(Self { name: name.to_owned(), value, labels, timestamp_ms: now_ms() })
    }

    /// About as many bytes as it has in a body.
    pub(crate) fn size_bytes(&self) -> usize {
        let labels: usize =
            self.labels.iter().map(|(name, text)| name.len() + text.len() + 8).sum();
        self.name.len() + labels + 100
    }

    fn to_json(&self, service: &str) -> Value {
        let mut item = json!({
            "service": service,
            "metric_type": self.name,
            "value": self.value,
            "timestamp": self.timestamp_ms as f64 / 1000.0,
        });
        if !self.labels.is_empty() {
            let labels: Map<String, Value> =
                self.labels.iter().map(|(name, text)| (name.clone(), json!(text))).collect();
            item["labels"] = Value::Object(labels);
        }
        item
    }
}

/// The body of a batch.
pub(crate) fn batch_body(samples: &[Sample], service: &str) -> Vec<u8> {
    let items: Vec<Value> = samples.iter().map(|sample| sample.to_json(service)).collect();
    json!({ "metrics": items }).to_string().into_bytes()
}

/// Tells why Pharos would refuse this name or one of the labels.
pub(crate) fn check_names<'a>(
    name: &str,
    labels: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err("has a name that is empty or longer than 256 bytes");
    }
    if labels.len() > LABELS_MAX {
        return Err("has more than 64 labels");
    }
    for (label, text) in labels {
        if label.is_empty() || label.len() > NAME_BYTES_MAX {
            return Err("has a label name that is empty or longer than 256 bytes");
        }
        if RESERVED_LABELS.contains(&label) {
            return Err("has a label named service, metric_type or __name__, which are reserved");
        }
        if text.len() > LABEL_VALUE_BYTES_MAX {
            return Err("has a label value longer than 4096 bytes");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever was accepted is in the body as it was given.
        #[test]
        fn bodies_hold_what_was_given(
            name in ".{0,300}", bits: u64, label in ".{0,20}", text in ".{0,50}"
        ) {
            let value = f64::from_bits(bits);
            let made = Sample::new(&name, value, &[(&label, &text)]);
            let bad_label = label.is_empty() || RESERVED_LABELS.contains(&&*label);
            let bad = !value.is_finite() || name.is_empty() || name.len() > 256 || bad_label;
            prop_assert_eq!(made.is_err(), bad);
            if let Ok(sample) = made {
                let body: Value = serde_json::from_slice(&batch_body(&[sample], "s")).unwrap();
                let item = &body["metrics"][0];
                prop_assert_eq!(item["metric_type"].as_str(), Some(&*name));
                prop_assert_eq!(item["value"].as_f64(), Some(value));
                prop_assert_eq!(item["labels"][&label].as_str(), Some(&*text));
                prop_assert_eq!(item["service"].as_str(), Some("s"));
            }
        }
    }

    #[test]
    fn what_would_spoil_a_batch_is_refused() {
        let long = "x".repeat(5000);
        let many: Vec<(&str, &str)> = vec![("a", "b"); 65];
        for labels in [&[("service", "x")][..], &[("a", &long)], &[(&long, "a")], &many] {
            assert!(Sample::new("m", 1.0, labels).is_err());
        }
    }
}
