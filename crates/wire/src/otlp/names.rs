//! Names: what metrics, labels and units of OpenTelemetry are called here.
//!
//! The rules are those of the specification's "Prometheus and OpenMetrics Compatibility", with the
//! details that Prometheus settled: how units are spelled out, and what stands where.

use std::borrow::Cow;

use super::Strategy;

/// What kind of metric a name is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameKind {
    Counter,
    Gauge,
    /// A sum that may fall, a histogram, a summary: nothing depends on the kind.
    Other,
}

/// A name of which nothing is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {name:?} has no character that a name may have")]
pub(super) struct BadName {
    what: &'static str,
    name: String,
}

impl BadName {
    fn new(what: &'static str, name: &str) -> Self {
        Self { what, name: name.chars().take(64).collect() }
    }
}

/// Units that have a word of their own; the others stay as they are.
const UNITS: [(&str, &str); 26] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", ""),
    ("%", "percent"),
];

/// Units behind a slash.
const PER_UNITS: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

/// The name of a metric.
pub(super) fn metric_name(
    strategy: Strategy,
    name: &str,
    unit: &str,
    kind: NameKind,
) -> Result<String, BadName> {
    let built = match (strategy.escapes(), strategy.adds_suffixes()) {
        (true, true) => escaped_with_suffixes(name, unit, kind),
        (true, false) => escaped(name),
        (false, true) => with_suffixes(name, unit, kind),
        (false, false) => name.to_owned(),
    };
    let has_letter = !strategy.escapes() || built == name || built.chars().any(|c| c != '_');
    if built.is_empty() || !has_letter { Err(BadName::new("metric", name)) } else { Ok(built) }
}

/// The name of a label.
pub(super) fn label_name(strategy: Strategy, name: &str) -> Result<Cow<'_, str>, BadName> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() {
        return Err(BadName::new("attribute", name));
    }
    if !strategy.escapes() {
        return Ok(Cow::Borrowed(name));
    }
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic()) || name.starts_with("__");
    if begins_well && name.chars().all(is_good) {
        return Ok(Cow::Borrowed(name));
    }
    let escaped: String = name.chars().map(|c| if is_good(c) { c } else { '_' }).collect();
    if escaped.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(Cow::Owned(format!("key_{escaped}")));
    }
    // Two of them begin a name that is reserved, which is left as it is.
    if escaped.starts_with('_') && !escaped.starts_with("__") {
        return Ok(Cow::Owned(format!("key{escaped}")));
    }
    match escaped != name && escaped.chars().all(|c| c == '_') {
        true => Err(BadName::new("attribute", name)),
        false => Ok(Cow::Owned(escaped)),
    }
}

/// A unit as metadata tell it: `bytes_per_second`.
pub(super) fn unit_name(strategy: Strategy, unit: &str) -> String {
    let (mut main, mut per) = unit_words(unit);
    if strategy.escapes() {
        (main, per) = (clean_unit(&main), clean_unit(&per));
    }
    let both = match (main.is_empty(), per.is_empty()) {
        (false, false) => format!("{main}_{per}"),
        (true, _) => per,
        (_, true) => main,
    };
    let text = both.strip_prefix('_').unwrap_or(&both);
    text.strip_suffix('_').unwrap_or(text).to_owned()
}

/// A unit's words: what it is, and what it is by, each empty if there is none.
fn unit_words(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let word = |part: &str, table: &[(&str, &str)]| {
        let part = part.trim();
        // Braces are remarks for people: `{requests}`.
        if part.contains(['{', '}']) {
            return String::new();
        }
        let known = table.iter().find(|(unit, _)| *unit == part);
        known.map_or(part, |(_, word)| word).to_owned()
    };
    let per = word(per, &PER_UNITS);
    let per = if per.is_empty() { per } else { format!("per_{per}") };
    (word(main, &UNITS), per)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ':'
}

/// A unit as a part of a name: no two `_` together, none in front.
fn clean_unit(unit: &str) -> String {
    let mut clean = String::with_capacity(unit.len());
    for c in unit.chars() {
        match is_name_char(c) {
            true => clean.push(c),
            false if clean.ends_with('_') => {}
            false => clean.push('_'),
        }
    }
    clean.strip_prefix('_').map(str::to_owned).unwrap_or(clean)
}

fn escaped_with_suffixes(name: &str, unit: &str, kind: NameKind) -> String {
    let mut tokens: Vec<&str> =
        name.split(|c| !is_name_char(c)).filter(|token| !token.is_empty()).collect();
    let (main, per) = unit_words(unit);
    let (main, per) = (clean_unit(&main), clean_unit(&per));
    let mut main = if tokens.contains(&main.as_str()) { "" } else { main.as_str() };
    let per = if per == "per_" { "" } else { per.strip_suffix('_').unwrap_or(&per) };
    let per = if tokens.contains(&per) { "" } else { per };
    if !per.is_empty() {
        main = main.strip_suffix('_').unwrap_or(main);
    }
    tokens.extend([main, per].into_iter().filter(|word| !word.is_empty()));
    let last = match kind {
        NameKind::Counter => Some("total"),
        // Counters of things often have the unit 1 by mistake: they are no ratios.
        NameKind::Gauge if unit == "1" => Some("ratio"),
        _ => None,
    };
    if let Some(last) = last {
        tokens.retain(|token| *token != last);
        tokens.push(last);
    }
    not_a_digit_first(tokens.join("_"))
}

fn escaped(name: &str) -> String {
    let tokens = name.split(|c| !is_name_char(c) && c != '_').filter(|token| !token.is_empty());
    not_a_digit_first(tokens.collect::<Vec<_>>().join("_"))
}

fn not_a_digit_first(name: String) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

fn with_suffixes(name: &str, unit: &str, kind: NameKind) -> String {
    let (main, per) = unit_words(unit);
    let last = match kind {
        NameKind::Counter => "total",
        NameKind::Gauge if unit == "1" => "ratio",
        _ => "",
    };
    let name = without_suffix(without_suffix(name, last), &per);
    let main = if name.ends_with(&main) { "" } else { &main };
    let mut built = name.to_owned();
    for word in [main, &per, last] {
        if !word.is_empty() {
            built.push('_');
            built.push_str(word);
        }
    }
    built
}

/// A name without this last word and the character before it, whatever that is.
fn without_suffix<'a>(name: &'a str, suffix: &str) -> &'a str {
    let Some(start) = name.strip_suffix(suffix).filter(|_| !suffix.is_empty()) else { return name };
    let mut chars = start.chars();
    chars.next_back();
    if chars.as_str().is_empty() { name } else { chars.as_str() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUFFIXES: Strategy = Strategy::UnderscoreEscapingWithSuffixes;

    #[track_caller]
    fn check(strategy: Strategy, kind: NameKind, cases: &[(&str, &str, &str)]) {
        for (name, unit, expected) in cases {
            let built = metric_name(strategy, name, unit, kind);
            assert_eq!(built.as_deref(), Ok(*expected), "{name:?} of unit {unit:?}");
        }
    }

    #[test]
    fn units_and_kinds_are_spelled_out() {
        check(
            SUFFIXES,
            NameKind::Gauge,
            &[
                ("system.filesystem.usage", "GiBy", "system_filesystem_usage_gibibytes"),
                ("system.filesystem.usage_gibibytes", "GiBy", "system_filesystem_usage_gibibytes"),
                ("network.speed", "By/s", "network_speed_bytes_per_second"),
                ("spaced", " By / s ", "spaced_bytes_per_second"),
                ("hit.rate", "1", "hit_rate_ratio"),
                ("ratio.of.hits", "1", "of_hits_ratio"),
                ("busy", "{cores}", "busy"),
                ("flow", "{packets}/s", "flow_per_second"),
                ("flow", "By/{packet}", "flow_bytes"),
                ("flow", "By/", "flow_bytes"),
                ("a.b", "unit@with#special/chars", "a_b_unit_with_special_per_chars"),
                ("a", "__x__", "a_x_"),
                ("a", "__x__/y", "a_x_per_year"),
                ("a__b..c", "", "a_b_c"),
                ("_a_", "", "a"),
                ("5xx.count", "", "_5xx_count"),
                ("temperature:inside", "Cel", "temperature:inside_celsius"),
                ("speed", "m/s", "speed_meters_per_second"),
                ("temp", "%", "temp_percent"),
                ("größe", "", "gr_e"),
            ],
        );
        check(
            SUFFIXES,
            NameKind::Counter,
            &[
                ("system.io", "By", "system_io_bytes_total"),
                ("network_transmitted_bytes_total", "By", "network_transmitted_bytes_total"),
                ("total.requests", "1", "requests_total"),
                ("bytes_used", "By", "bytes_used_total"),
            ],
        );
        check(
            SUFFIXES,
            NameKind::Other,
            &[("duration", "1", "duration"), ("d", "ms", "d_milliseconds")],
        );
    }

    #[test]
    fn other_strategies_add_or_escape_less() {
        use Strategy::{
            NoTranslation, NoUtf8EscapingWithSuffixes, UnderscoreEscapingWithoutSuffixes,
        };
        check(
            UnderscoreEscapingWithoutSuffixes,
            NameKind::Counter,
            &[("a.b", "By", "a_b"), ("a__b", "", "a__b"), (".a.", "", "a"), ("1a", "", "_1a")],
        );
        check(
            NoUtf8EscapingWithSuffixes,
            NameKind::Counter,
            &[
                ("a.b", "By", "a.b_bytes_total"),
                ("a.total", "By", "a_bytes_total"),
                ("a.b.bytes", "By", "a.b.bytes_total"),
                ("a.per_second.total", "By/s", "a_bytes_per_second_total"),
                ("total", "", "total_total"),
                ("größe", "1", "größe_total"),
            ],
        );
        check(NoUtf8EscapingWithSuffixes, NameKind::Gauge, &[("hit.ratio", "1", "hit_ratio")]);
        check(NoTranslation, NameKind::Counter, &[("a.b", "By", "a.b"), ("..", "", "..")]);
    }

    #[test]
    fn names_without_a_letter_are_refused() {
        for (strategy, name) in [
            (SUFFIXES, ""),
            (SUFFIXES, "..."),
            (SUFFIXES, "日本"),
            (Strategy::UnderscoreEscapingWithoutSuffixes, "_._"),
            (Strategy::NoTranslation, ""),
        ] {
            assert!(metric_name(strategy, name, "", NameKind::Other).is_err(), "{name:?}");
        }
        let error = metric_name(SUFFIXES, "..", "", NameKind::Other).unwrap_err();
        assert_eq!(error.to_string(), "metric \"..\" has no character that a name may have");
    }

    #[test]
    fn labels_are_escaped_character_by_character() {
        for (name, expected) in [
            ("http.method", "http_method"),
            ("http_method", "http_method"),
            ("a..b", "a__b"),
            ("0day", "key_0day"),
            ("_private", "key_private"),
            (".private", "key_private"),
            ("__reserved", "__reserved"),
            ("größe", "gr__e"),
        ] {
            assert_eq!(label_name(SUFFIXES, name).as_deref(), Ok(expected), "{name:?}");
            assert_eq!(label_name(Strategy::NoTranslation, name).as_deref(), Ok(name));
        }
        assert!(label_name(SUFFIXES, "").is_err());
        assert!(label_name(SUFFIXES, "日本").is_err());
        assert!(label_name(Strategy::NoTranslation, "").is_err());
    }

    #[test]
    fn units_of_metadata_have_the_words_of_the_names() {
        for (unit, expected) in [
            ("By/s", "bytes_per_second"),
            ("s", "seconds"),
            ("1", ""),
            ("{requests}/s", "per_second"),
            ("a@", "a"),
            ("", ""),
        ] {
            assert_eq!(unit_name(SUFFIXES, unit), expected, "{unit:?}");
        }
        assert_eq!(unit_name(Strategy::NoTranslation, "a@"), "a@");
    }
}
