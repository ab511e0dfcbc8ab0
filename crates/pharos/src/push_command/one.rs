//! One: a sample from words of the command line, as a line of the Prometheus text format.

use std::fmt::Write as _;

use anyhow::{anyhow, bail};
use wire::openmetrics::parse_float;

/// The line of `NAME VALUE [LABEL=VALUE ...]`.
///
/// # Errors
/// The words are no sample.
pub(super) fn line(words: &[String], t_ms: Option<i64>, now_ms: i64) -> anyhow::Result<String> {
    let [name, value, labels @ ..] = words else {
        bail!("expected NAME VALUE [LABEL=VALUE ...]");
    };
    if name.is_empty() {
        bail!("the name of the metric is empty");
    }
    if parse_float(value).is_none() {
        bail!("expected a number as the value, found {value:?}");
    }
    // In quotes any name can be written.
    let mut out = format!("{{{}", quoted(name));
    for label in labels {
        let (label, value) = label
            .split_once('=')
            .filter(|(label, _)| !label.is_empty())
            .ok_or_else(|| anyhow!("expected LABEL=VALUE, found {label:?}"))?;
        write!(out, ",{}={}", quoted(label), quoted(value))?;
    }
    let t_ms = t_ms.unwrap_or(now_ms);
    writeln!(out, "}} {value} {t_ms}")?;
    Ok(out)
}

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::line;

    fn told(words: &[&str]) -> Result<String, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        line(&words, None, 5).map_err(|error| error.to_string())
    }

    #[test]
    fn words_become_a_line() {
        assert_eq!(told(&["up", "1"]).unwrap(), "{\"up\"} 1 5\n");
        let line = told(&["a.b", "-2.5e3", "x=", "host.name=a=\"b\"\\\n"]).unwrap();
        let expected = "{\"a.b\",\"x\"=\"\",\"host.name\"=\"a=\\\"b\\\"\\\\\\n\"} -2.5e3 5\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn words_that_are_no_sample_are_refused() {
        for words in
            [&["up"][..], &["", "1"], &["up", "one"], &["up", "1", "x"], &["up", "1", "=x"]]
        {
            assert!(told(words).is_err(), "{words:?}");
        }
    }
}
