//! Stats: how long a query took and how much it read, for those who ask.

use std::time::Duration;

use promql::Answer;

use super::envelope::Notes;
use super::form::Fields;
use super::json;
use super::trace::Selected;

/// What a request wants to be told.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    stats: Option<String>,
    trace: bool,
}

impl Asked {
    pub(super) fn read(form: &Fields) -> Self {
        Self {
            stats: form.get("stats").map(str::to_owned),
            trace: form.truth("trace").unwrap_or(false),
        }
    }

    pub(super) fn wants_trace(&self) -> bool {
        self.trace
    }

    /// Any word asks for them, but only some are meant to.
    pub(super) fn doubts(&self, notes: &mut Notes) {
        let known = |word: &str| matches!(word, "all" | "1" | "true");
        if let Some(word) = self.stats.as_deref().filter(|word| !known(word)) {
            notes
                .warnings
                .push(format!("unknown value {word:?} of parameter \"stats\", known is \"all\""));
        }
    }
}

/// What there is to tell about a query that was evaluated.
pub(super) struct Told {
    asked: Asked,
    parse: Duration,
    queued: Duration,
    ran: Duration,
    samples: promql::SampleStats,
    n_series: usize,
    selected: Selected,
}

impl Told {
    pub(super) fn new(asked: Asked) -> Self {
        Self {
            asked,
            parse: Duration::ZERO,
            queued: Duration::ZERO,
            ran: Duration::ZERO,
            samples: promql::SampleStats::default(),
            n_series: 0,
            selected: Selected::default(),
        }
    }

    pub(super) fn wants_trace(&self) -> bool {
        self.asked.trace
    }

    pub(super) fn parsed(&mut self, took: Duration) {
        self.parse = took;
    }

    pub(super) fn evaluated(&mut self, answer: &Answer, selected: Selected) {
        self.samples = answer.samples;
        self.n_series = answer.value.n_series();
        self.selected = selected;
    }

    pub(super) fn ran(self, queued: Duration, ran: Duration) -> Self {
        Self { queued, ran, ..self }
    }

    /// Their fields, each behind a comma.
    pub(super) fn write(&self, out: &mut Vec<u8>, writing: Duration, n_bytes: usize) {
        if self.asked.stats.is_some() {
            self.write_stats(out);
        }
        if self.asked.trace {
            self.write_trace(out, writing, n_bytes);
        }
    }

    /// Prometheus' own fields; what is not told apart here is 0.
    fn write_stats(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"stats\":{\"timings\":{");
        let (queued, ran) = (self.queued.as_secs_f64(), self.ran.as_secs_f64());
        let times = [
            ("evalTotalTime", ran),
            ("resultSortTime", 0.0),
            ("queryPreparationTime", self.selected.took.as_secs_f64()),
            ("innerEvalTime", (self.ran.saturating_sub(self.selected.took)).as_secs_f64()),
            ("execQueueTime", queued),
            ("execTotalTime", queued + ran),
        ];
        fields(out, &times);
        out.extend_from_slice(b"},\"samples\":{");
        let promql::SampleStats { n_queryable, n_read, n_peak } = self.samples;
        let counts = [
            ("totalQueryableSamples", n_queryable as f64),
            ("samplesRead", n_read as f64),
            ("peakSamples", n_peak as f64),
        ];
        fields(out, &counts);
        out.extend_from_slice(b"}}");
    }

    /// Spans with how long each took in milliseconds, the first around all others.
    fn write_trace(&self, out: &mut Vec<u8>, writing: Duration, n_bytes: usize) {
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let Selected { n_selects, n_series, n_samples, took } = self.selected;
        let eval = self.ran.saturating_sub(self.parse);
        let spans = [
            span("queue", ms(self.queued), &[]),
            span("parse", ms(self.parse), &[]),
            format!(
                "{},\"spans\":[{}}}]}}",
                open_span(
                    "eval",
                    ms(eval),
                    &[
                        ("samples_read", self.samples.n_read as usize),
                        ("samples_peak", self.samples.n_peak as usize),
                        ("series_out", self.n_series),
                    ]
                ),
                open_span(
                    "select",
                    ms(took),
                    &[("selects", n_selects), ("series", n_series), ("samples", n_samples),]
                ),
            ),
            span("encode", ms(writing), &[("bytes", n_bytes)]),
        ];
        let whole = open_span("query", ms(self.queued + self.ran + writing), &[]);
        let text = format!(",\"trace\":{whole},\"spans\":[{}]}}", spans.join(","));
        out.extend_from_slice(text.as_bytes());
    }
}

fn fields(out: &mut Vec<u8>, all: &[(&str, f64)]) {
    for (at, (key, value)) in all.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        out.extend_from_slice(format!("{comma}\"{key}\":").as_bytes());
        json::number(out, *value);
    }
}

fn span(name: &str, ms: f64, counts: &[(&str, usize)]) -> String {
    open_span(name, ms, counts) + "}"
}

/// Without its closing brace.
fn open_span(name: &str, ms: f64, counts: &[(&str, usize)]) -> String {
    let counts: String = counts.iter().map(|(key, n)| format!(",\"{key}\":{n}")).collect();
    format!("{{\"name\":\"{name}\",\"ms\":{ms}{counts}")
}
