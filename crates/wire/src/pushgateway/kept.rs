//! Kept: a group as a text, which is a page again, with every name in quotes, so that whatever was
//! pushed can be read back.
//!
//! ```text
//! # TYPE "took" histogram
//! # HELP "took" How long it took.
//! {"took","path"="/"} 9.0
//! # EOF
//! {"took","path"="/"} CQAAAAAAACJA...
//! ```
//!
//! Behind the page stand the native histograms, each as a message of remote write in base64; in the
//! page their series have the counts.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use model::{Histogram, HistogramSample, Labels, METRIC_NAME};

use super::page::{PageFault, PushedPage, PushedValue, read_page};
use crate::openmetrics::Dialect;
use crate::remote_read::histogram::put_histogram;
use crate::remote_write::read_histogram;

/// Ends the page.
const EOF: &str = "# EOF\n";

/// A page as a text that [`read_group`] reads: as in Prometheus' format, with all its types.
pub fn write_group(page: &PushedPage) -> String {
    let (mut out, mut histograms) = (String::new(), String::new());
    for (name, family) in page {
        let quoted = Escaped(name);
        let help = Escaped(&family.help);
        // Never fails: a text takes what is written to it.
        let _ = writeln!(out, "# TYPE \"{quoted}\" {}", family.kind.as_str());
        let _ = writeln!(out, "# HELP \"{quoted}\" {help}");
        for (labels, value) in &family.series {
            let series = Series(labels);
            let _ = writeln!(out, "{series} {:?}", value.number());
            if let PushedValue::Histogram(histogram) = value {
                let _ = writeln!(histograms, "{series} {}", written(histogram));
            }
        }
    }
    out.push_str(EOF);
    out.push_str(&histograms);
    out
}

/// Reads what [`write_group`] wrote. Its lines are as long as what was pushed.
///
/// # Errors
/// It did not write this.
pub fn read_group(text: &str) -> Result<PushedPage, PageFault> {
    // No line of a page begins with this but its last: what a name or a help has stands behind a
    // quote or more words.
    let end = match text.starts_with(EOF) {
        true => Some(0),
        false => text.find(&format!("\n{EOF}")).map(|at| at + 1),
    };
    let (page, histograms) = text.split_at(end.map_or(text.len(), |at| at + EOF.len()));
    let mut page = read_page(page.as_bytes(), Dialect::OpenMetrics)?;
    if histograms.is_empty() {
        return Ok(page);
    }
    let all = page.values_mut().flat_map(|family| &mut family.series);
    let mut by_series: HashMap<String, &mut PushedValue> =
        all.map(|(labels, value)| (Series(labels).to_string(), value)).collect();
    for (at, line) in histograms.lines().enumerate() {
        let fault = || PageFault::Histogram { number: at + 1 };
        let (series, message) = line.rsplit_once(' ').ok_or_else(fault)?;
        let value = by_series.get_mut(series).ok_or_else(fault)?;
        **value = PushedValue::Histogram(read(message).ok_or_else(fault)?);
    }
    Ok(page)
}

fn written(histogram: &Arc<Histogram>) -> String {
    let mut message = Vec::new();
    let sample = HistogramSample { t_ms: 0, start_ms: 0, histogram: Arc::clone(histogram) };
    put_histogram(&mut message, &sample);
    BASE64.encode(message)
}

fn read(message: &str) -> Option<Arc<Histogram>> {
    let message = BASE64.decode(message).ok()?;
    Some(read_histogram(&message).ok()?.histogram)
}

/// A series as the line of a page names it.
struct Series<'l>(&'l Labels);

impl std::fmt::Display for Series<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{\"{}\"", Escaped(self.0.metric_name()))?;
        for label in self.0.iter().filter(|label| label.name != METRIC_NAME) {
            write!(f, ",\"{}\"=\"{}\"", Escaped(&label.name), Escaped(&label.value))?;
        }
        f.write_str("}")
    }
}

/// A text with what would end it escaped.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['\\', '"', '\n']) {
            f.write_str(&rest[..at])?;
            let escape = match rest.as_bytes()[at] {
                b'\n' => "\\n",
                b'"' => "\\\"",
                _ => "\\\\",
            };
            f.write_str(escape)?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}
