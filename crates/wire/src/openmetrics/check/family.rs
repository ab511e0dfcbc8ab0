//! Family: the lines that belong together, and what must hold among them.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::super::{Dialect, Kind, SampleLine};
use super::Strictness;
use super::buckets::Buckets;
use super::faults::{Faults, Place};
use super::hints::{Hint, Traits};
use super::rules::{Member, suffixes};

/// The families of a page, one after the other.
pub(super) struct Families {
    dialect: Dialect,
    is_strict: bool,
    current: Option<Family>,
    /// Every name that families before had for themselves or for their samples.
    names: HashSet<String>,
    hints: Vec<Hint>,
    n_families: u64,
}

/// The family at hand.
struct Family {
    name: String,
    /// Where it began.
    place: Place,
    kind: Kind,
    has_kind: bool,
    has_help: bool,
    has_unit: bool,
    /// The unit is not the empty one.
    is_measured: bool,
    has_samples: bool,
    /// A line that could not be read may have been one of its own.
    is_spoiled: bool,
    traits: Traits,
    groups: HashMap<String, Group>,
    /// The group of the last sample.
    last_group: String,
}

/// The samples that differ only in the labels which tell parts of one distribution apart.
struct Group {
    time: Option<f64>,
    /// Samples of this time.
    series: HashSet<String>,
    buckets: Buckets,
}

impl Family {
    fn new(name: &str, place: Place) -> Self {
        Self {
            name: name.to_owned(),
            place,
            kind: Kind::Unknown,
            has_kind: false,
            has_help: false,
            has_unit: false,
            is_measured: false,
            has_samples: false,
            is_spoiled: false,
            traits: Traits::default(),
            groups: HashMap::new(),
            last_group: String::new(),
        }
    }
}

impl Families {
    pub(super) fn new(dialect: Dialect, strictness: Strictness) -> Self {
        Self {
            dialect,
            is_strict: strictness == Strictness::Strict,
            current: None,
            names: HashSet::new(),
            hints: Vec::new(),
            n_families: 0,
        }
    }

    /// Says that a line could not be read: what seems to be missing may stand there.
    pub(super) fn spoil(&mut self) {
        if let Some(family) = &mut self.current {
            family.is_spoiled = true;
        }
    }

    /// `# TYPE`.
    pub(super) fn kind(&mut self, place: Place, name: &str, kind: Kind, faults: &mut Faults) {
        let (dialect, is_strict) = (self.dialect, self.is_strict);
        let family = self.described(place, name, faults);
        let is_second = std::mem::replace(&mut family.has_kind, true);
        if is_strict && is_second {
            faults.add(place, format!("a second # TYPE of {name}"));
        } else if is_strict && family.has_samples && dialect == Dialect::Prometheus {
            faults.add(place, format!("# TYPE of {name} stands behind its samples"));
        }
        family.kind = kind;
    }

    /// `# HELP`.
    pub(super) fn help(&mut self, place: Place, name: &str, text: &str, faults: &mut Faults) {
        let is_strict = self.is_strict;
        let family = self.described(place, name, faults);
        family.traits.has_help |= !text.is_empty();
        if std::mem::replace(&mut family.has_help, true) && is_strict {
            faults.add(place, format!("a second # HELP of {name}"));
        }
    }

    /// `# UNIT`.
    pub(super) fn unit(&mut self, place: Place, name: &str, unit: &str, faults: &mut Faults) {
        let is_strict = self.is_strict;
        let family = self.described(place, name, faults);
        family.is_measured |= !unit.is_empty();
        if std::mem::replace(&mut family.has_unit, true) && is_strict {
            faults.add(place, format!("a second # UNIT of {name}"));
        }
    }

    /// The family that a line describes.
    fn described(&mut self, place: Place, name: &str, faults: &mut Faults) -> &mut Family {
        let is_current = self.current.as_ref().is_some_and(|family| family.name == name);
        if !is_current {
            self.close(faults);
        }
        let must_lead = self.is_strict && self.dialect == Dialect::OpenMetrics;
        let family = self.current.get_or_insert_with(|| Family::new(name, place));
        if must_lead && family.has_samples {
            faults.add(place, format!("{name} is described behind its samples"));
        }
        family
    }

    /// A sample, on this line with this text.
    pub(super) fn sample(
        &mut self,
        line: u64,
        text: &str,
        sample: &SampleLine<'_>,
        faults: &mut Faults,
    ) {
        let place = Place::of(line, text, sample.name);
        let suffix = self.suffix(sample.name);
        let is_near = self.current.as_ref().is_some_and(|family| family.name == sample.name);
        if suffix.is_none() && !is_near {
            self.close(faults);
        }
        let family = self.current.get_or_insert_with(|| Family::new(sample.name, place));
        family.has_samples = true;
        let Some(suffix) = suffix.or_else(|| (!is_near).then_some("")) else {
            family.is_spoiled = true;
            if self.is_strict {
                let names = suffixes(family.kind, self.dialect).join(", ");
                faults.add(place, format!("the samples of {} end in {names}", family.name));
            }
            return;
        };
        family.look_at_labels(sample, suffix);
        if !self.is_strict {
            return;
        }
        let kind = family.kind;
        let name = family.name.clone();
        let member = Member { sample, family: &name, kind, suffix };
        if let Some(wrong) = member.fault(self.dialect) {
            family.is_spoiled = true;
            return faults.add(Place::of(line, text, wrong.part), wrong.reason);
        }
        if let Some(fault) = family.add(line, &member, self.dialect) {
            faults.add(place, fault);
        }
    }

    /// What follows the family's name in that of a sample, if the sample is one of the family.
    fn suffix(&self, name: &str) -> Option<&'static str> {
        let family = self.current.as_ref()?;
        let rest = name.strip_prefix(family.name.as_str())?;
        suffixes(family.kind, self.dialect).iter().find(|suffix| **suffix == rest).copied()
    }

    /// Ends the family at hand.
    fn close(&mut self, faults: &mut Faults) {
        let Some(family) = self.current.take() else { return };
        self.n_families += 1;
        if family.has_samples {
            let hints = family.traits.hints(&family.name, family.kind, self.dialect);
            let metric = &family.name;
            self.hints.extend(hints.into_iter().map(|text| Hint { metric: metric.clone(), text }));
        }
        if !self.is_strict {
            return;
        }
        if family.is_measured && matches!(family.kind, Kind::Info | Kind::StateSet) {
            faults.add(family.place, "an info or a set of states has no unit");
        }
        for (line, fault) in family.distribution_faults() {
            faults.add(Place { line, column: 1 }, fault);
        }
        let own = suffixes(family.kind, self.dialect);
        for suffix in std::iter::once(&"").chain(own.iter().filter(|suffix| !suffix.is_empty())) {
            let name = format!("{}{suffix}", family.name);
            if !self.names.insert(name.clone()) {
                let reason =
                    format!("{name} was before: another family has it, or its lines stand apart");
                return faults.add(family.place, reason);
            }
        }
    }

    /// How many families there were, and what is unwise about them.
    pub(super) fn finish(mut self, faults: &mut Faults) -> (u64, Vec<Hint>) {
        self.close(faults);
        self.hints.sort();
        self.hints.dedup();
        (self.n_families, self.hints)
    }
}

impl Family {
    /// Labels that say something about the family, those of its own parts aside.
    fn look_at_labels(&mut self, sample: &SampleLine<'_>, suffix: &str) {
        let own = part_label(self.kind, suffix);
        for (name, _) in sample.labels.iter().filter(|(name, _)| Some(*name) != own) {
            self.traits.label(name);
        }
    }

    /// Puts a sample beside those before it, and says what contradicts them.
    fn add(
        &mut self,
        line: u64,
        member: &Member<'_, '_>,
        dialect: Dialect,
    ) -> Option<&'static str> {
        let own = match self.kind {
            Kind::StateSet => Some(member.family),
            kind => part_label(kind, member.suffix),
        };
        let key = key(member.sample, own);
        let time = member.sample.time_text.and_then(|text| text.trim().parse::<f64>().ok());
        let is_apart = dialect == Dialect::OpenMetrics
            && key != self.last_group
            && self.groups.contains_key(&key);
        let (kind, is_distribution) = (self.kind, is_distribution(self.kind));
        let group = self.groups.entry(key.clone()).or_insert_with(|| Group {
            time,
            series: HashSet::new(),
            buckets: Buckets::new(line, dialect),
        });
        self.last_group = key;
        let mut fault = is_apart.then_some("the samples with these labels stand apart");
        if dialect == Dialect::OpenMetrics {
            let other = group.move_to(time, line, kind);
            fault = fault.or(other);
        }
        let series = format!("{}{}", member.suffix, self::key(member.sample, None));
        // Times that are cut to fewer digits may coincide.
        let may_repeat = dialect == Dialect::OpenMetrics && time.is_some();
        if !group.series.insert(series) {
            return fault.or((!may_repeat).then_some("the same sample was before"));
        }
        fault.or(is_distribution.then(|| group.buckets.add(member)).flatten())
    }

    /// What is wrong with each distribution as a whole, with its line.
    fn distribution_faults(&self) -> Vec<(u64, &'static str)> {
        if self.is_spoiled || !is_distribution(self.kind) {
            return Vec::new();
        }
        let of = |group: &Group| Some((group.buckets.line, group.buckets.fault(self.kind)?));
        let mut all: Vec<_> = self.groups.values().filter_map(of).collect();
        all.sort_unstable();
        all
    }
}

impl Group {
    /// Goes on to the time of the next sample; what is wrong with that time, or with the
    /// distribution that is over now.
    fn move_to(&mut self, time: Option<f64>, line: u64, kind: Kind) -> Option<&'static str> {
        let before = std::mem::replace(&mut self.time, time);
        match (before, time) {
            (None, None) => None,
            (Some(before), Some(time)) if time > before => {
                let buckets =
                    std::mem::replace(&mut self.buckets, Buckets::new(line, Dialect::OpenMetrics));
                self.series.clear();
                buckets.fault(kind)
            }
            (Some(before), Some(time)) if time < before => {
                Some("the time is before that of the last sample with these labels")
            }
            (Some(_), Some(_)) => None,
            _ => Some("samples with the same labels all have a time, or none has"),
        }
    }
}

fn is_distribution(kind: Kind) -> bool {
    matches!(kind, Kind::Histogram | Kind::GaugeHistogram | Kind::Summary)
}

/// The label that tells the parts of a distribution apart.
fn part_label(kind: Kind, suffix: &str) -> Option<&'static str> {
    match (kind, suffix) {
        (Kind::Histogram | Kind::GaugeHistogram, "_bucket") => Some("le"),
        (Kind::Summary, "") => Some("quantile"),
        _ => None,
    }
}

/// A text that only the same labels have, in any order, but for one. An empty label is none.
fn key(sample: &SampleLine<'_>, except: Option<&str>) -> String {
    let has_value = |(name, value): &(&str, &str)| Some(*name) != except && !value.is_empty();
    let mut labels: Vec<(&str, &str)> = sample.labels.iter().filter(has_value).collect();
    labels.sort_unstable();
    labels.iter().fold(String::new(), |mut out, (name, value)| {
        write!(out, "{{{name:?}={value:?}}}").expect("a string takes any text");
        out
    })
}
