//! Labels: the identity of a series, a sorted set of name/value pairs.
//!
//! The order and the uniqueness of names are established once, in [`Labels::new`]; everything
//! after it relies on them. Names may be any UTF-8 text (as in Prometheus 3); the metric name is
//! the label [`METRIC_NAME`].

use std::fmt;

/// The label that holds the metric's name.
pub const METRIC_NAME: &str = "__name__";

/// One name/value pair.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// Never empty.
    pub name: String,
    /// Never empty: an empty value means that the label is absent.
    pub value: String,
}

/// A set of labels sorted by name, each name once, no empty values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Vec<Label>);

/// Why pairs do not make a label set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelsError {
    /// A label without a name.
    EmptyName,
    /// The same name twice.
    Duplicate {
        /// The repeated name.
        name: String,
    },
}

impl fmt::Display for LabelsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyName => f.write_str("a label has an empty name"),
            Self::Duplicate { name } => write!(f, "label {name:?} is given twice"),
        }
    }
}

impl std::error::Error for LabelsError {}

impl Labels {
    /// Sorts the pairs and drops those with an empty value.
    ///
    /// # Errors
    /// An empty or a repeated name.
    pub fn new<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, LabelsError>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let mut labels: Vec<Label> = pairs
            .into_iter()
            .map(|(name, value)| Label { name: name.into(), value: value.into() })
            .filter(|label| !label.value.is_empty())
            .collect();
        if labels.iter().any(|label| label.name.is_empty()) {
            return Err(LabelsError::EmptyName);
        }
        labels.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = labels.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(LabelsError::Duplicate { name: pair[0].name.clone() });
        }
        Ok(Self(labels))
    }

    /// The labels of a series with this metric name.
    ///
    /// # Errors
    /// As [`Labels::new`].
    pub fn of_metric<N, V>(
        metric: &str,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, LabelsError>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let name = std::iter::once((METRIC_NAME.to_owned(), metric.to_owned()));
        Self::new(name.chain(pairs.into_iter().map(|(n, v)| (n.into(), v.into()))))
    }

    /// The value of a label, if it is present.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|label| label.name.as_str().cmp(name)).ok()?;
        Some(&self.0[at].value)
    }

    /// The metric's name; empty when the series has none.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or_default()
    }

    /// This set with one label set to `value`; an empty value removes it.
    ///
    /// # Panics
    /// When `name` is empty: names are checked where they enter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        assert!(!name.is_empty(), "a label name is never empty");
        match self.0.binary_search_by(|label| label.name.as_str().cmp(name)) {
            Ok(at) if value.is_empty() => {
                self.0.remove(at);
            }
            Ok(at) => value.clone_into(&mut self.0[at].value),
            Err(_) if value.is_empty() => {}
            Err(at) => {
                self.0.insert(at, Label { name: name.to_owned(), value: value.to_owned() });
            }
        }
        self
    }

    /// The labels in the order of their names.
    pub fn iter(&self) -> std::slice::Iter<'_, Label> {
        self.0.iter()
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no label at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = &'a Label;
    type IntoIter = std::slice::Iter<'a, Label>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// As in PromQL: `name{a="b",c="d"}`, values escaped.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric_name())?;
        f.write_str("{")?;
        let others = self.iter().filter(|label| label.name != METRIC_NAME);
        for (i, label) in others.enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{}={:?}", label.name, label.value)?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests;
