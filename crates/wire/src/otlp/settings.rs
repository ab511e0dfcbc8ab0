//! Settings: how names are made and which attributes become labels. The words are those of
//! Prometheus' `otlp` section, so that a configuration can be carried over.

use std::fmt;
use std::str::FromStr;

/// How names of OpenTelemetry become names of metrics and labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Characters that PromQL needs quotes for become `_`; units and `_total` are added.
    #[default]
    UnderscoreEscapingWithSuffixes,
    /// Characters stay; units and `_total` are added.
    NoUtf8EscapingWithSuffixes,
    /// Characters become `_`; nothing is added.
    UnderscoreEscapingWithoutSuffixes,
    /// Names stay as they are sent.
    NoTranslation,
}

/// A word that names no strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownStrategy {
    /// The word.
    pub word: String,
}

impl fmt::Display for UnknownStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Strategy::ALL.map(Strategy::as_str).join("\", \"");
        write!(f, "unknown translation strategy {:?}, expected one of \"{known}\"", self.word)
    }
}

impl std::error::Error for UnknownStrategy {}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::UnderscoreEscapingWithSuffixes,
        Self::NoUtf8EscapingWithSuffixes,
        Self::UnderscoreEscapingWithoutSuffixes,
        Self::NoTranslation,
    ];

    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnderscoreEscapingWithSuffixes => "UnderscoreEscapingWithSuffixes",
            Self::NoUtf8EscapingWithSuffixes => "NoUTF8EscapingWithSuffixes",
            Self::UnderscoreEscapingWithoutSuffixes => "UnderscoreEscapingWithoutSuffixes",
            Self::NoTranslation => "NoTranslation",
        }
    }

    /// Whether characters become `_`.
    pub fn escapes(self) -> bool {
        matches!(
            self,
            Self::UnderscoreEscapingWithSuffixes | Self::UnderscoreEscapingWithoutSuffixes
        )
    }

    /// Whether units and `_total` are added.
    pub fn adds_suffixes(self) -> bool {
        matches!(self, Self::UnderscoreEscapingWithSuffixes | Self::NoUtf8EscapingWithSuffixes)
    }
}

impl FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(word: &str) -> Result<Self, UnknownStrategy> {
        let known = Self::ALL.into_iter().find(|strategy| strategy.as_str() == word);
        known.ok_or_else(|| UnknownStrategy { word: word.to_owned() })
    }
}

/// Which attributes of a resource become labels of each of its series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promotion {
    /// These.
    Only(Vec<String>),
    /// All but these.
    AllBut(Vec<String>),
}

impl Default for Promotion {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

impl Promotion {
    /// Whether this attribute becomes a label.
    pub(super) fn promotes(&self, name: &str) -> bool {
        match self {
            Self::Only(names) => names.iter().any(|one| one == name),
            Self::AllBut(names) => !names.iter().any(|one| one == name),
        }
    }
}

/// How a message is translated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// How names are made.
    pub strategy: Strategy,
    /// Which attributes of a resource become labels of its series.
    pub promotion: Promotion,
    /// Whether `target_info` has the attributes too that `job` and `instance` are made of.
    pub keep_identifying: bool,
    /// Whether each series carries the name, version, schema and attributes of its scope.
    pub promote_scope: bool,
    /// Whether histograms with bounds become native histograms with custom buckets rather than one
    /// series per bucket.
    pub native_buckets: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_are_known_by_their_words() {
        for strategy in Strategy::ALL {
            assert_eq!(strategy.as_str().parse(), Ok(strategy));
        }
        let error = "none".parse::<Strategy>().unwrap_err().to_string();
        assert!(error.contains("\"none\"") && error.contains("NoUTF8EscapingWithSuffixes"));
        assert_eq!(Strategy::default(), Strategy::UnderscoreEscapingWithSuffixes);
    }

    #[test]
    fn promotion_names_what_it_takes_or_what_it_leaves() {
        let only = Promotion::Only(vec!["a".to_owned()]);
        assert!(only.promotes("a") && !only.promotes("b"));
        let others = Promotion::AllBut(vec!["a".to_owned()]);
        assert!(!others.promotes("a") && others.promotes("b"));
        assert!(!Promotion::default().promotes("a"));
    }
}
