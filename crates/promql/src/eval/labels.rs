//! Label sets: parts of them, and how messages write them.

use std::sync::Arc;

use model::{Labels, METRIC_NAME};

use crate::quote::Quoted;

/// The labels that say what a series is rather than whose: they go when its values are no longer
/// that.
const METADATA: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

fn filtered(labels: &Labels, keeps: impl Fn(&str) -> bool) -> Labels {
    let pairs = labels.iter().filter(|label| keeps(&label.name));
    let pairs = pairs.map(|label| (label.name.clone(), label.value.clone()));
    Labels::new(pairs).expect("a part of a label set is one")
}

/// Without the name, the type and the unit.
pub(super) fn without_metadata(labels: &Labels) -> Labels {
    filtered(labels, |name| !METADATA.contains(&name))
}

/// These labels alone.
pub(super) fn only(labels: &Labels, names: &[String]) -> Labels {
    filtered(labels, |name| names.iter().any(|known| known == name))
}

/// All but these labels.
pub(super) fn without(labels: &Labels, names: &[String]) -> Labels {
    filtered(labels, |name| !names.iter().any(|known| known == name))
}

/// All but these labels and the name.
pub(super) fn without_and_name(labels: &Labels, names: &[String]) -> Labels {
    filtered(labels, |name| name != METRIC_NAME && !names.iter().any(|known| known == name))
}

/// As messages write it: `{__name__="x", a="b"}`.
pub(super) fn text(labels: &Labels) -> String {
    let pairs: Vec<String> =
        labels.iter().map(|label| format!("{}={}", label.name, Quoted(&label.value))).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// The empty set.
pub(super) fn none() -> Arc<Labels> {
    Arc::new(Labels::default())
}
