//! Samples: one value of one metric at one time; its words are checked before it may join a batch.
//!
//! Pharos stores a batch whole or not at all: one bad sample would cost its neighbours.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::words::Words;

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
    pub(crate) words: Arc<Words>,
    pub(crate) value: f64,
    pub(crate) timestamp_ms: u64,
}

impl Sample {
    /// About as many bytes as it has in a body.
    pub(crate) fn size_bytes(&self) -> usize {
        self.words.size_bytes
    }

    fn to_json(&self, service: &str) -> Value {
        let mut item = json!({
            "service": service,
            "metric_type": self.words.name,
            "value": self.value,
            "timestamp": self.timestamp_ms as f64 / 1000.0,
        });
        if !self.words.labels.is_empty() {
            let labels: Map<String, Value> =
                self.words.labels.iter().map(|(name, text)| (name.clone(), json!(text))).collect();
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
            name in ".{0,300}", value: f64, label in ".{0,20}", text in ".{0,50}"
        ) {
            let checked = check_names(&name, [(&*label, &*text)].into_iter());
            let bad_label = label.is_empty() || RESERVED_LABELS.contains(&&*label);
            prop_assert_eq!(checked.is_err(), name.is_empty() || name.len() > 256 || bad_label);
            if checked.is_ok() {
                let words = Words::new(name.clone(), vec![(label.clone(), text.clone())]);
                let sample = Sample { words: Arc::new(words), value, timestamp_ms: 1 };
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
            assert!(check_names("m", labels.iter().copied()).is_err());
        }
    }
}
