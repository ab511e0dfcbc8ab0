//! Labels: what names the series of a point: its attributes, what its resource and its scope add,
//! and the metric's name.
//!
//! All series of a point differ in the metric's name and in one label (`le`, `quantile`), so the
//! others are put in order and written once ([`Base`]), and copied for each series.

use std::borrow::Cow;

use model::METRIC_NAME;

use super::attributes::Attributes;
use super::names::{BadName, label_name};
use super::{ATTRIBUTES_MAX, SERIES_BYTES_MAX, Settings, Strategy};

/// Follows each name and each value: no byte of a text in UTF-8.
pub(super) const END: u8 = 0xff;

/// The attributes that a resource is known by.
const SERVICE_NAMESPACE: &str = "service.namespace";
const SERVICE_NAME: &str = "service.name";
const SERVICE_INSTANCE: &str = "service.instance.id";

/// Why a point has no series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LabelsError {
    #[error(transparent)]
    Name(#[from] BadName),
    #[error("{given} attributes, at most {ATTRIBUTES_MAX} are taken")]
    TooMany { given: usize },
    #[error("the labels have more than {} KiB", SERIES_BYTES_MAX >> 10)]
    TooLong,
}

type Pair<'m> = (Cow<'m, str>, Cow<'m, str>);

/// The labels that a resource and a scope give to each of their series.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings<'m> {
    /// Give way to an attribute of the point with the same name.
    promoted: Vec<Pair<'m>>,
    /// Stand before an attribute of the point with the same name.
    fixed: Vec<Pair<'m>>,
}

impl<'m> Surroundings<'m> {
    /// What a resource gives.
    pub(super) fn of_resource(
        resource: &Attributes<'m>,
        settings: &Settings,
    ) -> Result<Self, LabelsError> {
        let mut promoted = Vec::new();
        check_count(resource)?;
        for (key, value) in sorted(resource) {
            if settings.promotion.promotes(key) {
                promoted.push((label_name(settings.strategy, key)?, value.clone()));
            }
        }
        promoted.sort_by(|a, b| a.0.cmp(&b.0));
        // Of two that are named alike the first by its own name stays.
        promoted.dedup_by(|later, first| later.0 == first.0);
        Ok(Self { promoted, fixed: identity(resource) })
    }

    /// What a scope gives besides. A scope without a name gives nothing.
    pub(super) fn with_scope(
        &self,
        scope: &Scope<'m>,
        strategy: Strategy,
    ) -> Result<Self, LabelsError> {
        let mut all = self.clone();
        if scope.name.is_empty() {
            return Ok(all);
        }
        check_count(&scope.attributes)?;
        for (name, value) in [
            ("otel_scope_name", scope.name),
            ("otel_scope_version", scope.version),
            ("otel_scope_schema_url", scope.schema_url),
        ] {
            all.fix(Cow::Borrowed(name), Cow::Borrowed(value));
        }
        for (key, value) in sorted(&scope.attributes) {
            let name = label_name(strategy, &format!("otel_scope_{key}"))?.into_owned();
            all.fix(Cow::Owned(name), value.clone());
        }
        Ok(all)
    }

    /// Adds a label that stands before others, but not before those that stand there already.
    fn fix(&mut self, name: Cow<'m, str>, value: Cow<'m, str>) {
        if !self.fixed.iter().any(|(known, _)| *known == name) {
            self.fixed.push((name, value));
        }
    }
}

/// Who observed, within a resource.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope<'m> {
    pub(super) name: &'m str,
    pub(super) version: &'m str,
    pub(super) schema_url: &'m str,
    pub(super) attributes: Attributes<'m>,
}

/// `job` and `instance`, if the resource says what they are made of.
fn identity<'m>(resource: &Attributes<'m>) -> Vec<Pair<'m>> {
    let mut identity = Vec::new();
    if let Some(name) = resource.get(SERVICE_NAME) {
        let job = match resource.get(SERVICE_NAMESPACE) {
            Some(namespace) => Cow::Owned(format!("{namespace}/{name}")),
            None => name.clone(),
        };
        identity.push((Cow::Borrowed("job"), job));
    }
    if let Some(instance) = resource.get(SERVICE_INSTANCE) {
        identity.push((Cow::Borrowed("instance"), instance.clone()));
    }
    identity
}

/// The labels of `target_info`: what a resource says beyond who it is. `None` if it says nothing
/// else, or does not say who it is.
pub(super) fn target_info(
    resource: &Attributes<'_>,
    settings: &Settings,
) -> Result<Option<Base>, LabelsError> {
    let is_identity =
        |key: &str| [SERVICE_NAMESPACE, SERVICE_NAME, SERVICE_INSTANCE].contains(&key);
    let fixed = identity(resource);
    let says_more = resource.pairs.iter().any(|(key, _)| !is_identity(key));
    let is_known = fixed.iter().any(|(_, value)| !value.is_empty());
    if !says_more || !is_known {
        return Ok(None);
    }
    let mut told = resource.clone();
    told.pairs.retain(|(key, _)| settings.keep_identifying || !is_identity(key));
    let surroundings = Surroundings { promoted: Vec::new(), fixed };
    let mut base = Base::default();
    base.fill(&told, &surroundings, settings.strategy, None)?;
    Ok(Some(base))
}

fn check_count(attributes: &Attributes<'_>) -> Result<(), LabelsError> {
    match attributes.n_given() {
        0..=ATTRIBUTES_MAX => Ok(()),
        given => Err(LabelsError::TooMany { given }),
    }
}

/// Attributes in the order of their keys, so that the same ones name the same series.
fn sorted<'a, 'm>(attributes: &'a Attributes<'m>) -> Vec<&'a (&'m str, Cow<'m, str>)> {
    let mut all: Vec<_> = attributes.pairs.iter().collect();
    all.sort_by_key(|(key, _)| *key);
    all
}

/// The labels that all series of a point have in common, as a spelling with two gaps.
#[derive(Debug, Clone, Default)]
pub(super) struct Base {
    bytes: Vec<u8>,
    /// Where the metric's name belongs.
    name_at: usize,
    /// Where the label belongs in which the series of the point differ.
    other_at: usize,
    other: Option<&'static str>,
}

impl Base {
    /// Puts the labels of a point together. `other` is the label in which its series differ, which
    /// stands before an attribute of that name.
    pub(super) fn fill(
        &mut self,
        attributes: &Attributes<'_>,
        around: &Surroundings<'_>,
        strategy: Strategy,
        other: Option<&'static str>,
    ) -> Result<(), LabelsError> {
        check_count(attributes)?;
        let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> =
            Vec::with_capacity(attributes.pairs.len() + around.promoted.len() + around.fixed.len());
        for (key, value) in sorted(attributes) {
            pairs.push((label_name(strategy, key)?, Cow::Borrowed(value)));
        }
        join_same_names(&mut pairs);
        let n_own = pairs.len();
        for (name, value) in &around.promoted {
            if pairs[..n_own].binary_search_by(|pair| pair.0.cmp(name)).is_err() {
                pairs.push((Cow::Borrowed(name), Cow::Borrowed(value)));
            }
        }
        // A stable sort below leaves those in front that come first.
        let fixed = around.fixed.iter();
        pairs.splice(
            0..0,
            fixed.map(|(name, value)| (Cow::Borrowed(&**name), Cow::Borrowed(&**value))),
        );
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, first| later.0 == first.0);
        self.write(&pairs, other)
    }

    fn write(
        &mut self,
        pairs: &[(Cow<'_, str>, Cow<'_, str>)],
        other: Option<&'static str>,
    ) -> Result<(), LabelsError> {
        self.bytes.clear();
        self.other = other;
        let is_ours = |name: &str| name == METRIC_NAME || Some(name) == other;
        let place = |word: &str| pairs.partition_point(|(name, _)| &**name < word);
        let (name_index, other_index) = (place(METRIC_NAME), other.map_or(pairs.len(), place));
        for (index, (name, value)) in pairs.iter().enumerate() {
            if index == name_index {
                self.name_at = self.bytes.len();
            }
            if index == other_index {
                self.other_at = self.bytes.len();
            }
            // An empty value is an absent label.
            if value.is_empty() || is_ours(name) {
                continue;
            }
            push_label(&mut self.bytes, name, [value, ""]);
            if self.bytes.len() > SERIES_BYTES_MAX {
                return Err(LabelsError::TooLong);
            }
        }
        if name_index == pairs.len() {
            self.name_at = self.bytes.len();
        }
        if other_index == pairs.len() {
            self.other_at = self.bytes.len();
        }
        Ok(())
    }

    /// Appends how a series of the point is spelled: the metric's name in two parts, and the value
    /// of the label in which it differs from the others, if it has it.
    pub(super) fn spell(&self, metric: [&str; 2], other: Option<&str>, spelling: &mut Vec<u8>) {
        let (head, rest) = self.bytes.split_at(self.name_at);
        // Both gaps lie in the order of the labels: `__name__` is before `le` and `quantile`.
        let (middle, tail) = rest.split_at(self.other_at - self.name_at);
        spelling.extend_from_slice(head);
        push_label(spelling, METRIC_NAME, metric);
        spelling.extend_from_slice(middle);
        if let (Some(name), Some(value)) = (self.other, other) {
            push_label(spelling, name, [value, ""]);
        }
        spelling.extend_from_slice(tail);
    }
}

/// Attributes that are named alike become one label with both values.
fn join_same_names(pairs: &mut Vec<(Cow<'_, str>, Cow<'_, str>)>) {
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs.dedup_by(|later, first| {
        let is_same = later.0 == first.0;
        if is_same {
            let value = first.1.to_mut();
            value.push(';');
            value.push_str(&later.1);
        }
        is_same
    });
}

fn push_label(bytes: &mut Vec<u8>, name: &str, value: [&str; 2]) {
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(END);
    for part in value {
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes.push(END);
}

/// The labels that a spelling holds, sorted by name.
pub(super) fn read_spelling(spelling: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let mut texts = spelling
        .split(|byte| *byte == END)
        .map(|bytes| str::from_utf8(bytes).expect("spellings are put together from texts"));
    std::iter::from_fn(move || {
        let name = texts.next().filter(|name| !name.is_empty())?;
        Some((name, texts.next().unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::Promotion;

    fn attributes(pairs: &[(&'static str, &'static str)]) -> Attributes<'static> {
        let mut all = Attributes::default();
        all.pairs.extend(pairs.iter().map(|(key, value)| (*key, Cow::Borrowed(*value))));
        all
    }

    fn spelled(base: &Base, metric: [&str; 2], other: Option<&str>) -> String {
        let mut spelling = Vec::new();
        base.spell(metric, other, &mut spelling);
        let labels: Vec<_> = read_spelling(&spelling).collect();
        assert!(labels.is_sorted_by(|a, b| a.0 < b.0), "{labels:?}");
        let labels = labels.iter().map(|(name, value)| format!("{name}={value}"));
        labels.collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check(
        point: &[(&'static str, &'static str)],
        resource: &[(&'static str, &'static str)],
        expected: &str,
    ) {
        let settings = Settings {
            promotion: Promotion::Only(vec!["host.name".into(), "zone".into()]),
            ..Settings::default()
        };
        let around = Surroundings::of_resource(&attributes(resource), &settings).unwrap();
        let mut base = Base::default();
        base.fill(&attributes(point), &around, settings.strategy, Some("le")).unwrap();
        assert_eq!(spelled(&base, ["m", "_bucket"], Some("+Inf")), expected);
    }

    #[test]
    fn a_point_takes_what_its_resource_gives() {
        check(&[], &[], "__name__=m_bucket le=+Inf");
        check(
            &[("z.y", "1"), ("A", "2"), ("empty", "")],
            &[
                ("service.name", "s"),
                ("service.namespace", "n"),
                ("service.instance.id", "i"),
                ("host.name", "h"),
            ],
            "A=2 __name__=m_bucket host_name=h instance=i job=n/s le=+Inf z_y=1",
        );
        check(
            &[("host_name", "own"), ("job", "own"), ("le", "own"), ("__name__", "own")],
            &[("service.name", "s"), ("host.name", "h"), ("zone", "z")],
            "__name__=m_bucket host_name=own job=s le=+Inf zone=z",
        );
        check(
            &[("job", "own")],
            &[("service.namespace", "n")],
            "__name__=m_bucket job=own le=+Inf",
        );
    }

    #[test]
    fn attributes_that_are_named_alike_are_joined_in_the_order_of_their_keys() {
        check(
            &[("a_b", "3"), ("a.b", "1"), ("a-b", "2")],
            &[],
            "__name__=m_bucket a_b=2;1;3 le=+Inf",
        );
    }

    #[test]
    fn scopes_are_told_on_request() {
        let scope = Scope {
            name: "lib",
            version: "1",
            schema_url: "",
            attributes: attributes(&[("short.name", "x"), ("name", "hidden")]),
        };
        let strategy = Strategy::default();
        let around = Surroundings::default().with_scope(&scope, strategy).unwrap();
        let mut base = Base::default();
        base.fill(&attributes(&[("otel_scope_name", "own")]), &around, strategy, None).unwrap();
        let told = spelled(&base, ["m", ""], None);
        assert_eq!(
            told,
            "__name__=m otel_scope_name=lib otel_scope_short_name=x otel_scope_version=1"
        );
        let nameless = Scope { name: "", ..scope };
        assert!(Surroundings::default().with_scope(&nameless, strategy).unwrap().fixed.is_empty());
    }

    #[test]
    fn target_info_says_what_is_not_in_job_and_instance() {
        let told = |pairs: &[(&'static str, &'static str)], keep_identifying| {
            let settings = Settings { keep_identifying, ..Settings::default() };
            let base = target_info(&attributes(pairs), &settings).unwrap();
            base.map(|base| spelled(&base, ["target_info", ""], None))
        };
        let all = [("service.name", "s"), ("service.instance.id", "i"), ("host.name", "h")];
        assert_eq!(
            told(&all, false).as_deref(),
            Some("__name__=target_info host_name=h instance=i job=s")
        );
        assert_eq!(
            told(&all, true).as_deref(),
            Some(
                "__name__=target_info host_name=h instance=i job=s \
                 service_instance_id=i service_name=s"
            )
        );
        assert_eq!(told(&all[..2], false), None);
        assert_eq!(told(&all[2..], false), None);
        assert_eq!(told(&[("service.name", ""), ("a", "b")], false), None);
    }

    #[test]
    fn too_much_is_refused() {
        let mut many = attributes(&[]);
        let one = [&b"\x0a\x01a\x12\x03\x0a\x01b"[..]].concat();
        let fields = crate::remote_write::fields::Fields::new(&one);
        let span = crate::remote_write::fields::Span { start: 0, end: one.len() };
        (0..=ATTRIBUTES_MAX).for_each(|_| many.push(&fields, span).unwrap());
        let mut base = Base::default();
        let around = Surroundings::default();
        let refused = base.fill(&many, &around, Strategy::default(), None).unwrap_err();
        assert_eq!(refused.to_string(), "257 attributes, at most 256 are taken");
        let mut long = attributes(&[]);
        long.pairs.push(("a", Cow::Owned("x".repeat(SERIES_BYTES_MAX))));
        let refused = base.fill(&long, &around, Strategy::default(), None).unwrap_err();
        assert_eq!(refused.to_string(), "the labels have more than 32 KiB");
    }
}
