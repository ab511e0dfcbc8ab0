//! Notes: what is told about samples that are gone, each thing once a query.

use std::collections::BTreeSet;

use model::time::format_rfc3339;
use storage::{KeptTier, Remains};

use super::super::annotations::{Annotation, Annotations};

const MINUTE_MS: i64 = 60_000;

/// What came of windows that lack samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    /// A tier answered; of it, too, something may be gone.
    Answered { tier: KeptTier, is_short: bool },
    /// Some bounds lie on the grid of no tier. A selector by itself has windows of its lookback.
    OffGrid { lookback_ms: Option<i64> },
    /// The function looks at each sample; it may have no name.
    NeedsSamples { name: &'static str },
    /// Native histograms have no rollups.
    Histograms,
}

/// All of a query.
#[derive(Debug, Default)]
pub(in super::super) struct Notes {
    /// In the order in which they came, each once.
    all: Vec<Note>,
}

impl Notes {
    pub(super) fn add(&mut self, note: Note) {
        if !self.all.contains(&note) {
            self.all.push(note);
        }
    }

    /// Notes that samples are read of which some are gone, unless it is said already why.
    pub(super) fn add_if_none(&mut self) {
        let says_why =
            |note: &Note| matches!(note, Note::OffGrid { .. } | Note::NeedsSamples { .. });
        if !self.all.iter().any(says_why) {
            self.add(Note::NeedsSamples { name: "" });
        }
    }
}

impl super::History {
    /// Tells it all.
    pub(in super::super) fn tell(&self, annotations: &mut Annotations) {
        let remains = &self.remains;
        let before = format_rfc3339(remains.whole_from_ms);
        let notes = &self.notes.all;
        let mut warnings: Vec<String> =
            notes.iter().filter_map(|note| warning(*note, remains, &before)).collect();
        let mut seen = BTreeSet::new();
        warnings.retain(|text| seen.insert(text.clone()));
        let told = |text: String| Annotation::of_store(text);
        annotations.warnings.splice(0..0, warnings.into_iter().map(told));
        let answered = notes.iter().filter_map(|note| match note {
            Note::Answered { tier, .. } => Some(tier.width_ms),
            _ => None,
        });
        let widths: BTreeSet<i64> = answered.collect();
        if !widths.is_empty() {
            let text = format!(
                "samples before {before} are gone: windows that begin earlier are answered from \
                 rollups of {}",
                listed(widths),
            );
            annotations.infos.insert(0, Annotation::of_store(text));
        }
    }
}

/// What is wrong with a query that meets this, if anything is.
fn warning(note: Note, remains: &Remains, before: &str) -> Option<String> {
    let gone = format!("samples before {before} are gone");
    let of_rest = "windows that begin earlier have what is left of them";
    let widths = remains.tiers.iter().map(|tier| tier.width_ms);
    Some(match note {
        Note::Answered { is_short: false, .. } => return None,
        Note::Answered { tier: KeptTier { width_ms, from_ms }, .. } => {
            let from = format_rfc3339(from_ms);
            format!("rollups of {} before {from} are gone as well{}", span(width_ms), {
                let further = remains.tiers.iter().filter(|other| other.from_ms < from_ms);
                let further = further.min_by_key(|other| other.from_ms);
                further.map_or(String::new(), |other| {
                    let width = span(other.width_ms);
                    format!("; those of {width} remain, {}", of_grid(&width, None))
                })
            })
        }
        Note::OffGrid { lookback_ms } => {
            let finest = span(widths.clone().min()?);
            let grid = of_grid(&finest, lookback_ms);
            format!("{gone}: {of_rest}; rollups of {} remain, {grid}", listed(widths))
        }
        Note::NeedsSamples { name: "" } => format!("{gone}: {of_rest}"),
        Note::NeedsSamples { name } => {
            format!("{gone}: {of_rest}; {name} needs each sample, and rollups do not have them")
        }
        Note::Histograms => {
            format!("{gone}: windows that begin earlier leave native histograms out")
        }
    })
}

/// For which questions rollups of a width are the answer.
fn of_grid(width: &str, lookback_ms: Option<i64>) -> String {
    match lookback_ms {
        None => format!("for windows whose start, step, range and offset are multiples of {width}"),
        Some(lookback_ms) => format!(
            "for windows whose start, step, offset and lookback (here {}) are multiples of {width}",
            span(lookback_ms),
        ),
    }
}

fn listed(widths: impl IntoIterator<Item = i64>) -> String {
    let widths: Vec<String> = widths.into_iter().map(span).collect();
    widths.join(" and ")
}

/// `5m`, `1h`
fn span(ms: i64) -> String {
    match ms {
        ms if ms % (60 * MINUTE_MS) == 0 => format!("{}h", ms / (60 * MINUTE_MS)),
        ms if ms % MINUTE_MS == 0 => format!("{}m", ms / MINUTE_MS),
        ms if ms % 1000 == 0 => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}
