//! Relabelling: rules that rewrite the labels of a series, or drop it, before it is stored.
//!
//! The rules are those of Prometheus: the same actions, the same defaults, expressions of the same
//! dialect that match from end to end. Names of labels may be any text. A rule is checked when it is
//! made, so that nothing can fail when it is applied.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config>.

use std::borrow::Cow;
use std::fmt;

use regex::Regex;

use crate::{Labels, RegexError, ValueTest, anchored_regex};
use template::Template;

mod md5;
mod template;

/// What stands between the values of several labels.
const SEPARATOR_DEFAULT: &str = ";";
/// Matches everything, and catches it.
const REGEX_DEFAULT: &str = "(.*)";
/// What was caught first.
const REPLACEMENT_DEFAULT: &str = "$1";
/// Bytes that a rule makes a text of. It is far more than is stored, so that a text that reaches it
/// is refused for its length, and rules that double a text cannot fill memory.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// Labels that rules make of those of a series; as with texts, far more than are stored.
const LABELS_MAX: usize = 1024;

/// What a rule does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RelabelAction {
    /// Sets a label to what the expression caught.
    #[default]
    Replace,
    /// Drops the series that do not match.
    Keep,
    /// Drops the series that match.
    Drop,
    /// Drops the series of which the target label has another value than the source labels.
    KeepEqual,
    /// Drops the series of which the target label has the same value as the source labels.
    DropEqual,
    /// Sets a label to a number below the modulus that follows from the source labels.
    HashMod,
    /// Copies each label whose name matches to another name.
    LabelMap,
    /// Removes the labels whose names match.
    LabelDrop,
    /// Removes the labels whose names do not match.
    LabelKeep,
    /// Sets a label to the source labels in small letters.
    Lowercase,
    /// Sets a label to the source labels in capital letters.
    Uppercase,
}

impl RelabelAction {
    /// Every action.
    pub const ALL: [Self; 11] = [
        Self::Replace,
        Self::Keep,
        Self::Drop,
        Self::KeepEqual,
        Self::DropEqual,
        Self::HashMod,
        Self::LabelMap,
        Self::LabelDrop,
        Self::LabelKeep,
        Self::Lowercase,
        Self::Uppercase,
    ];

    /// Its word in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::KeepEqual => "keepequal",
            Self::DropEqual => "dropequal",
            Self::HashMod => "hashmod",
            Self::LabelMap => "labelmap",
            Self::LabelDrop => "labeldrop",
            Self::LabelKeep => "labelkeep",
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
        }
    }

    /// The action of a word, in small or capital letters.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str().eq_ignore_ascii_case(word))
    }
}

/// A rule as a person writes it. What it leaves open has the default of Prometheus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelabelSettings {
    /// The labels whose values, put together, are looked at.
    pub source_labels: Vec<String>,
    /// What stands between them: `;`.
    pub separator: Option<String>,
    /// The expression: `(.*)`.
    pub regex: Option<String>,
    /// For `hashmod`.
    pub modulus: Option<u64>,
    /// The label that is set; for `replace` it may name groups of the expression.
    pub target_label: Option<String>,
    /// What it is set to: `$1`.
    pub replacement: Option<String>,
    /// What to do.
    pub action: RelabelAction,
}

/// Why a rule is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelabelError {
    /// The expression is refused.
    Regex(RegexError),
    /// A setting is missing that the action needs, or empty.
    Missing {
        /// The action.
        action: RelabelAction,
        /// The setting.
        setting: &'static str,
    },
    /// A setting is there that the action has no use for.
    Useless {
        /// The action.
        action: RelabelAction,
        /// The setting.
        setting: &'static str,
    },
}

impl fmt::Display for RelabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Regex(error) => error.fmt(f),
            Self::Missing { action, setting } => {
                write!(f, "action {:?} needs {setting}", action.as_str())
            }
            Self::Useless { action, setting } => {
                write!(f, "action {:?} has no use for {setting}", action.as_str())
            }
        }
    }
}

impl std::error::Error for RelabelError {}

impl From<RegexError> for RelabelError {
    fn from(error: RegexError) -> Self {
        Self::Regex(error)
    }
}

/// One rule, checked.
#[derive(Debug, Clone)]
pub struct RelabelRule {
    settings: RelabelSettings,
    source: Source,
    step: Step,
}

/// Rules are equal when they are written alike.
impl PartialEq for RelabelRule {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
    }
}

impl Eq for RelabelRule {}

/// What a rule looks at.
#[derive(Debug, Clone)]
struct Source {
    labels: Vec<String>,
    separator: String,
}

/// What a rule does, with all that it needs for it.
#[derive(Debug, Clone)]
enum Step {
    Replace { regex: Regex, target: Template, replacement: Template },
    Keep(ValueTest),
    Drop(ValueTest),
    KeepEqual { target: String },
    DropEqual { target: String },
    HashMod { target: String, modulus: u64 },
    LabelMap { regex: Regex, replacement: Template },
    LabelDrop(ValueTest),
    LabelKeep(ValueTest),
    Lowercase { target: String },
    Uppercase { target: String },
}

impl RelabelRule {
    /// Checks what a person has written.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn new(settings: RelabelSettings) -> Result<Self, RelabelError> {
        let source = Source {
            labels: settings.source_labels.clone(),
            separator: settings.separator.clone().unwrap_or_else(|| SEPARATOR_DEFAULT.to_owned()),
        };
        let step = Step::new(&settings)?;
        Ok(Self { settings, source, step })
    }

    /// What it was made of.
    pub fn settings(&self) -> &RelabelSettings {
        &self.settings
    }

    /// Applies it; `false` if the series is to be dropped.
    fn apply(&self, labels: &mut Buffer<'_>) -> bool {
        match &self.step {
            Step::Keep(test) => return test.matches(&self.source.value(labels)),
            Step::Drop(test) => return !test.matches(&self.source.value(labels)),
            Step::KeepEqual { target } => return labels.get(target) == self.source.value(labels),
            Step::DropEqual { target } => return labels.get(target) != self.source.value(labels),
            Step::Replace { regex, target, replacement } => {
                let value = self.source.value(labels).into_owned();
                if let Some(caught) = regex.captures(&value) {
                    let target = target.expand(&caught, TEXT_BYTES_MAX);
                    labels.set(Cow::Owned(target), replacement.expand(&caught, TEXT_BYTES_MAX));
                }
            }
            Step::HashMod { target, modulus } => {
                let number = md5::last_eight(self.source.value(labels).as_bytes()) % modulus;
                labels.set(Cow::Owned(target.clone()), number.to_string());
            }
            Step::LabelMap { regex, replacement } => labels.map_names(regex, replacement),
            Step::LabelDrop(test) => labels.0.retain(|(name, _)| !test.matches(name)),
            Step::LabelKeep(test) => labels.0.retain(|(name, _)| test.matches(name)),
            Step::Lowercase { target } => {
                let value = self.source.value(labels).chars().map(small).collect();
                labels.set(Cow::Owned(target.clone()), value);
            }
            Step::Uppercase { target } => {
                let value = self.source.value(labels).chars().map(capital).collect();
                labels.set(Cow::Owned(target.clone()), value);
            }
        }
        true
    }
}

impl Step {
    fn new(settings: &RelabelSettings) -> Result<Self, RelabelError> {
        use RelabelAction as Action;
        let rule = Written(settings);
        rule.refuse_useless()?;
        Ok(match settings.action {
            Action::Replace => {
                let (regex, target) = (anchored_regex(rule.regex())?, rule.target()?);
                let replacement = Template::new(rule.replacement(), &regex);
                Self::Replace { target: Template::new(&target, &regex), replacement, regex }
            }
            Action::Keep => Self::Keep(ValueTest::regex(rule.regex())?),
            Action::Drop => Self::Drop(ValueTest::regex(rule.regex())?),
            Action::KeepEqual => Self::KeepEqual { target: rule.target()? },
            Action::DropEqual => Self::DropEqual { target: rule.target()? },
            Action::HashMod => {
                let modulus = settings.modulus.filter(|modulus| *modulus > 0);
                let modulus = modulus.ok_or_else(|| rule.missing("modulus above 0"))?;
                Self::HashMod { target: rule.target()?, modulus }
            }
            Action::LabelMap => {
                if rule.replacement().is_empty() {
                    return Err(rule.missing("replacement"));
                }
                let regex = anchored_regex(rule.regex())?;
                Self::LabelMap { replacement: Template::new(rule.replacement(), &regex), regex }
            }
            Action::LabelDrop => Self::LabelDrop(ValueTest::regex(rule.regex())?),
            Action::LabelKeep => Self::LabelKeep(ValueTest::regex(rule.regex())?),
            Action::Lowercase => Self::Lowercase { target: rule.target()? },
            Action::Uppercase => Self::Uppercase { target: rule.target()? },
        })
    }
}

/// Settings, with the defaults for what they leave open.
struct Written<'s>(&'s RelabelSettings);

impl Written<'_> {
    fn regex(&self) -> &str {
        self.0.regex.as_deref().unwrap_or(REGEX_DEFAULT)
    }

    fn replacement(&self) -> &str {
        self.0.replacement.as_deref().unwrap_or(REPLACEMENT_DEFAULT)
    }

    fn target(&self) -> Result<String, RelabelError> {
        let target = self.0.target_label.clone().filter(|target| !target.is_empty());
        target.ok_or_else(|| self.missing("target_label"))
    }

    fn missing(&self, setting: &'static str) -> RelabelError {
        RelabelError::Missing { action: self.0.action, setting }
    }

    /// As strict as Prometheus: a setting without effect is most often a misunderstanding.
    fn refuse_useless(&self) -> Result<(), RelabelError> {
        use RelabelAction as Action;
        let action = self.0.action;
        let is_of_names = matches!(action, Action::LabelDrop | Action::LabelKeep);
        let is_of_equal = matches!(action, Action::KeepEqual | Action::DropEqual);
        let is_of_case = matches!(action, Action::Lowercase | Action::Uppercase);
        let has_own = |setting: &Option<String>, default: &str| {
            setting.as_deref().is_some_and(|given| given != default)
        };
        for (is_useless, is_there, setting) in [
            (is_of_names, !self.0.source_labels.is_empty(), "source_labels"),
            (is_of_names, self.0.target_label.is_some(), "target_label"),
            (is_of_names || is_of_equal, self.0.modulus.is_some(), "modulus"),
            (
                is_of_names || is_of_equal,
                has_own(&self.0.separator, SEPARATOR_DEFAULT),
                "separator",
            ),
            (is_of_equal, has_own(&self.0.regex, REGEX_DEFAULT), "regex"),
            (
                is_of_names || is_of_equal || is_of_case,
                has_own(&self.0.replacement, REPLACEMENT_DEFAULT),
                "replacement",
            ),
        ] {
            if is_useless && is_there {
                return Err(RelabelError::Useless { action, setting });
            }
        }
        Ok(())
    }
}

impl Source {
    /// The values of the labels, put together. An absent label has the empty value.
    fn value<'b>(&self, labels: &'b Buffer<'_>) -> Cow<'b, str> {
        match &self.labels[..] {
            [] => Cow::Borrowed(""),
            [name] => Cow::Borrowed(labels.get(name)),
            names => {
                let values: Vec<&str> = names.iter().map(|name| labels.get(name)).collect();
                Cow::Owned(values.join(&self.separator))
            }
        }
    }
}

/// Labels on their way through the rules: sorted by name, each name once, nothing empty.
struct Buffer<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Buffer<'a> {
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| (**other).cmp(name))
    }

    fn get(&self, name: &str) -> &str {
        self.find(name).map_or("", |at| &self.0[at].1)
    }

    /// Sets a label; the empty value removes it. A label without a name is none.
    fn set(&mut self, name: Cow<'a, str>, value: String) {
        if name.is_empty() {
            return;
        }
        match self.find(&name) {
            Ok(at) if value.is_empty() => _ = self.0.remove(at),
            Ok(at) => self.0[at].1 = Cow::Owned(value),
            Err(at) if !value.is_empty() && self.0.len() < LABELS_MAX => {
                self.0.insert(at, (name, Cow::Owned(value)));
            }
            Err(_) => {}
        }
    }

    /// Copies each label whose name matches to the name that the replacement makes of it.
    fn map_names(&mut self, regex: &Regex, replacement: &Template) {
        let mapped = self.0.iter().filter_map(|(name, value)| {
            let caught = regex.captures(name)?;
            Some((replacement.expand(&caught, TEXT_BYTES_MAX), value.clone().into_owned()))
        });
        let mapped: Vec<(String, String)> = mapped.collect();
        mapped.into_iter().for_each(|(name, value)| self.set(Cow::Owned(name), value));
    }
}

/// Letter by letter: a letter that would become several stays, as in Prometheus.
fn capital(letter: char) -> char {
    only(letter.to_uppercase()).unwrap_or(letter)
}

fn small(letter: char) -> char {
    match letter {
        // The one letter whose small form has a mark of its own in our tables alone.
        '\u{130}' => 'i',
        letter => only(letter.to_lowercase()).unwrap_or(letter),
    }
}

fn only(mut letters: impl Iterator<Item = char>) -> Option<char> {
    let first = letters.next();
    first.filter(|_| letters.next().is_none())
}

/// Rules, applied one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relabeling(Vec<RelabelRule>);

impl Relabeling {
    /// These rules, in their order.
    pub fn new(rules: Vec<RelabelRule>) -> Self {
        Self(rules)
    }

    /// Whether there is no rule, so that every series stays as it is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels after all rules, given those before, sorted by name, each name once, nothing
    /// empty. `None` if the series is dropped, as it is when it has no label left.
    pub fn apply<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Labels> {
        let borrowed = |(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value));
        let mut labels = Buffer(pairs.into_iter().map(borrowed).collect());
        if !self.0.iter().all(|rule| rule.apply(&mut labels)) || labels.0.is_empty() {
            return None;
        }
        let labels =
            Labels::new(labels.0.into_iter().map(|(n, v)| (n.into_owned(), v.into_owned())));
        Some(labels.expect("names are unique and not empty"))
    }
}

#[cfg(test)]
mod tests;
