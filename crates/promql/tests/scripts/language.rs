//! The language of scripts: `load`, `eval` and `clear`, and series of values written short.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Histogram, Labels, METRIC_NAME};
use promql::parse_selector;

use crate::histogram::Written;

/// A command.
pub(crate) enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

impl Command {
    pub(crate) fn has_histograms(&self) -> bool {
        let are = |items: &[Item]| items.iter().any(|item| matches!(item, Item::Histogram(_)));
        match self {
            Self::Clear => false,
            Self::Load(load) => load.is_of_custom || load.series.iter().any(|s| are(&s.items)),
            Self::Eval(eval) => {
                eval.query.contains("{{")
                    || eval.expected.series.iter().any(|(_, items)| are(items))
            }
        }
    }
}

/// `load 5m` and the series below it.
pub(crate) struct Load {
    pub(crate) step_ms: i64,
    /// Whether classic histograms become native ones, too.
    pub(crate) is_of_custom: bool,
    pub(crate) series: Vec<LoadedSeries>,
}

pub(crate) struct LoadedSeries {
    pub(crate) labels: Labels,
    pub(crate) items: Vec<Item>,
    /// Since when each counts, from its own time.
    pub(crate) start_offsets_ms: Vec<Option<i64>>,
}

/// A value of a series.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Gap,
    Float(f64),
    Stale,
    Histogram(Arc<Histogram>),
}

/// `eval` and what is expected below it.
pub(crate) struct Eval {
    pub(crate) line: usize,
    pub(crate) query: String,
    pub(crate) times: Times,
    pub(crate) expected: Expected,
}

#[derive(Clone, Copy)]
pub(crate) enum Times {
    Instant { t_ms: i64 },
    Range { start_ms: i64, end_ms: i64, step_ms: i64 },
}

#[derive(Default)]
pub(crate) struct Expected {
    pub(crate) series: Vec<(Labels, Vec<Item>)>,
    pub(crate) scalar: Option<f64>,
    pub(crate) text: Option<String>,
    pub(crate) fails: Option<Wanted>,
    pub(crate) is_ordered: bool,
    pub(crate) warns: Vec<Wanted>,
    pub(crate) informs: Vec<Wanted>,
    pub(crate) no_warn: bool,
    pub(crate) no_info: bool,
    /// Start and step of a range vector.
    pub(crate) range: Option<(i64, i64)>,
}

impl Expected {
    /// Whether what is expected cannot be a step of a range query.
    pub(crate) fn is_bound_to_an_instant(&self) -> bool {
        self.text.is_some() || self.range.is_some() || self.is_ordered
    }
}

/// A text that is wanted.
#[derive(Debug)]
pub(crate) enum Wanted {
    Any,
    Text(String),
    Regex(String),
}

impl Wanted {
    fn new(text: &str) -> Self {
        let text = text.trim();
        if let Some(text) = text.strip_prefix("msg:") {
            return Self::Text(text.trim().to_owned());
        }
        match text.strip_prefix("regex:") {
            Some(regex) => Self::Regex(regex.trim().to_owned()),
            None => Self::Any,
        }
    }

    /// Whether a text is wanted. One that is published without the place it speaks of, or without
    /// the numbers that follow it, is wanted at any place and with any numbers.
    pub(crate) fn matches(&self, found: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(text) if text.ends_with(')') => text == found,
            Self::Text(text) => found.strip_prefix(&**text).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with(" (") || rest.starts_with(", from buckets ")
            }),
            Self::Regex(regex) => {
                let wanted = model::Matcher::regex("x", format!(".*({regex}).*"));
                wanted.expect("scripts have good expressions").matches_value(found)
            }
        }
    }
}

/// All commands of a script.
pub(crate) fn commands(script: &str) -> Vec<Command> {
    let lines: Vec<&str> = script.lines().map(str::trim).collect();
    let lines: Vec<&str> =
        lines.iter().map(|line| if line.starts_with('#') { "" } else { line }).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        if line.is_empty() {
            at += 1;
            continue;
        }
        let n_block = lines[at + 1..].iter().take_while(|line| !line.is_empty()).count();
        let block = &lines[at + 1..at + 1 + n_block];
        if line == "clear" {
            commands.push(Command::Clear);
            at += 1;
            continue;
        }
        commands.push(match line.starts_with("load") {
            true => Command::Load(load(line, block)),
            false => Command::Eval(Box::new(eval(at + 1, line, block))),
        });
        at += 1 + n_block;
    }
    commands
}

fn load(line: &str, block: &[&str]) -> Load {
    let (command, step) = line.split_once(' ').expect("load has a step");
    let mut load = Load {
        step_ms: duration_ms(step),
        is_of_custom: command == "load_with_nhcb",
        series: Vec::new(),
    };
    let mut start_offsets_ms = Vec::new();
    for line in block {
        let (head, rest) = line.split_at(head_end(line));
        if let Some(offsets) = rest.strip_prefix("@st") {
            start_offsets_ms = start_offsets(offsets);
            continue;
        }
        let start_offsets_ms = std::mem::take(&mut start_offsets_ms);
        load.series.push(LoadedSeries {
            labels: labels(head),
            items: items(rest),
            start_offsets_ms,
        });
    }
    if load.is_of_custom {
        load.series.extend(customs(&load.series));
    }
    load
}

/// What is known of a classic histogram at a time.
#[derive(Default)]
struct Classic {
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: Option<f64>,
}

/// Classic histograms as native ones with custom bounds.
fn customs(all: &[LoadedSeries]) -> Vec<LoadedSeries> {
    let mut found: BTreeMap<Labels, BTreeMap<usize, Classic>> = BTreeMap::new();
    for series in all {
        let name = series.labels.metric_name();
        let ending = ["_bucket", "_count", "_sum"].into_iter().find(|e| name.ends_with(e));
        let Some(ending) = ending else { continue };
        let bound = series.labels.get("le").and_then(|le| le.parse().ok());
        let base = name.strip_suffix(ending).expect("it ends so");
        let labels = series.labels.clone().with(METRIC_NAME, base);
        let labels = if ending == "_bucket" { labels.with("le", "") } else { labels };
        let at_times = found.entry(labels).or_default();
        for (i, item) in series.items.iter().enumerate() {
            let Item::Float(value) = item else { continue };
            let classic = at_times.entry(i).or_default();
            match (ending, bound) {
                ("_bucket", Some(bound)) => classic.buckets.push((bound, *value)),
                ("_count", _) => classic.count = Some(*value),
                ("_sum", _) => classic.sum = Some(*value),
                _ => {}
            }
        }
    }
    let native = |(labels, at_times): (Labels, BTreeMap<usize, Classic>)| {
        let n = at_times.keys().last().map_or(0, |last| last + 1);
        let mut items = vec![Item::Gap; n];
        for (i, classic) in at_times {
            let written = Written::of_classic(&classic.buckets, classic.count, classic.sum);
            items[i] = Item::Histogram(written.histogram());
        }
        LoadedSeries { labels, items, start_offsets_ms: Vec::new() }
    };
    found.into_iter().map(native).collect()
}

fn eval(line_number: usize, line: &str, block: &[&str]) -> Eval {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (times, n_words) = match words.as_slice() {
        [_, "instant", "at", t, ..] => (Times::Instant { t_ms: duration_ms(t) }, 4),
        [_, "range", "from", start, "to", end, "step", step, ..] => {
            let (start_ms, end_ms) = (duration_ms(start), duration_ms(end));
            (Times::Range { start_ms, end_ms, step_ms: duration_ms(step) }, 8)
        }
        _ => panic!("line {line_number}: {line}"),
    };
    let mut query = line;
    for _ in 0..n_words {
        query = query.split_once([' ', '\t']).map_or("", |(_, rest)| rest.trim_start());
    }
    let mut expected = Expected::default();
    match words[0] {
        "eval_fail" => expected.fails = Some(Wanted::Any),
        "eval_warn" => expected.warns.push(Wanted::Any),
        "eval_info" => expected.informs.push(Wanted::Any),
        "eval_ordered" => expected.is_ordered = true,
        _ => {}
    }
    let mut eval = Eval { line: line_number, query: query.to_owned(), times, expected };
    for line in block {
        eval.expect(line);
    }
    eval
}

impl Eval {
    fn expect(&mut self, line: &str) {
        let expected = &mut self.expected;
        if let Some(message) = line.strip_prefix("expected_fail_message") {
            expected.fails = Some(Wanted::Text(message.trim().to_owned()));
        } else if let Some(message) = line.strip_prefix("expected_fail_regexp") {
            expected.fails = Some(Wanted::Regex(message.trim().to_owned()));
        } else if let Some(range) = line.strip_prefix("expect range vector from ") {
            let words: Vec<&str> = range.split_ascii_whitespace().collect();
            expected.range = Some((duration_ms(words[0]), duration_ms(words[4])));
            self.times = Times::Instant { t_ms: duration_ms(words[2]) };
        } else if let Some(text) = line.strip_prefix("expect string ") {
            expected.text = Some(text[1..text.len() - 1].to_owned());
        } else if let Some(what) = line.strip_prefix("expect ") {
            let (what, text) = what.split_once(' ').unwrap_or((what, ""));
            match what {
                "ordered" => expected.is_ordered = true,
                "fail" => expected.fails = Some(Wanted::new(text)),
                "warn" => expected.warns.push(Wanted::new(text)),
                "info" => expected.informs.push(Wanted::new(text)),
                "no_warn" => expected.no_warn = true,
                "no_info" => expected.no_info = true,
                other => panic!("line {}: expect {other}", self.line),
            }
        } else if let Some(scalar) = number(line) {
            expected.scalar = Some(scalar);
        } else {
            let (head, rest) = line.split_at(head_end(line));
            expected.series.push((labels(head), items(rest)));
        }
    }
}

/// Where a series' name and labels end.
fn head_end(line: &str) -> usize {
    let mut quote = None;
    let mut is_escaped = false;
    for (at, c) in line.char_indices() {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(open) => {
                is_escaped = c == '\\' && open != '`';
                if c == open {
                    quote = None;
                }
            }
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if c == '}' => return at + 1,
            // Labels may follow behind a space; a histogram is no label set.
            None if c.is_ascii_whitespace() && !line[..at].contains('{') => {
                let rest = line[at..].trim_start();
                if !rest.starts_with('{') || rest.starts_with("{{") {
                    return at;
                }
            }
            None if c == '@' => return at,
            None => {}
        }
    }
    line.len()
}

fn labels(head: &str) -> Labels {
    if head.trim() == "{}" {
        return Labels::default();
    }
    let matchers = parse_selector(head).unwrap_or_else(|error| panic!("{head}: {error}"));
    Labels::new(matchers.iter().map(|m| (m.name.clone(), m.value().to_owned())))
        .expect("each label once")
}

pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.replace('_', "");
    let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
    if let Some(hex) = digits.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(|value| value as f64);
    }
    let starts = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || matches!(digits.to_ascii_lowercase().as_str(), "inf" | "nan");
    text.parse().ok().filter(|_| starts)
}

fn duration_ms(text: &str) -> i64 {
    let text = text.trim();
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if text == "0" {
        return 0;
    }
    let duration = model::parse_duration(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    sign * duration.as_millis() as i64
}

/// `1+2x3`: a first value, a difference and how often it is added.
fn repeated(text: &str) -> (&str, Option<(char, &str)>, usize) {
    let (text, n) = match text.rsplit_once('x') {
        Some((text, n)) if n.bytes().all(|b| b.is_ascii_digit()) && !n.is_empty() => {
            (text, n.parse().expect("digits"))
        }
        _ => return (text, None, 0),
    };
    // A sign within an exponent is none between values.
    let signs = text
        .char_indices()
        .skip(1)
        .filter(|(at, c)| matches!(c, '+' | '-') && !text[..*at].ends_with(['e', 'E']));
    match signs.last() {
        Some((at, sign)) => (&text[..at], Some((sign, &text[at + 1..])), n),
        None => (text, None, n),
    }
}

fn items(text: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let n_word = match rest.starts_with("{{") {
            true => histogram_end(rest),
            false => rest.find([' ', '\t']).unwrap_or(rest.len()),
        };
        let (word, behind) = rest.split_at(n_word);
        rest = behind.trim_start();
        item(word, &mut items);
    }
    items
}

fn histogram_end(text: &str) -> usize {
    let close = text.find("}}").expect("a histogram ends") + 2;
    let rest = &text[close..];
    match rest.starts_with("+{{") || rest.starts_with("-{{") {
        true => close + 1 + histogram_end(&rest[1..]),
        false => close + rest.find([' ', '\t']).unwrap_or(rest.len()),
    }
}

fn item(word: &str, items: &mut Vec<Item>) {
    if let Some(written) = word.strip_prefix("{{") {
        let (first, rest) = written.split_once("}}").expect("a histogram ends");
        let mut value = Written::parse(first);
        let (step, rest) = match rest.split_once("{{") {
            Some((sign, step)) => {
                let (step, rest) = step.split_once("}}").expect("a histogram ends");
                let sign = if sign == "-" { -1.0 } else { 1.0 };
                (Some((sign, Written::parse(step))), rest)
            }
            None => (None, rest),
        };
        let n: usize = rest.strip_prefix('x').map_or(0, |n| n.parse().expect("digits"));
        for _ in 0..=n {
            items.push(Item::Histogram(value.histogram()));
            if let Some((sign, step)) = &step {
                value = value.plus(step, *sign);
            }
        }
        return;
    }
    let (first, step, n) = repeated(word);
    match first {
        "_" if word == "_" => items.push(Item::Gap),
        "_" => items.extend(std::iter::repeat_n(Item::Gap, n)),
        "stale" => items.extend(std::iter::repeat_n(Item::Stale, n + 1)),
        _ => {
            let parsed = |text: &str| number(text).unwrap_or_else(|| panic!("value {word}"));
            let mut value = parsed(first);
            for _ in 0..=n {
                items.push(Item::Float(value));
                match step {
                    Some(('-', by)) => value -= parsed(by),
                    Some((_, by)) => value += parsed(by),
                    None => {}
                }
            }
        }
    }
}

fn start_offsets(text: &str) -> Vec<Option<i64>> {
    let mut offsets = Vec::new();
    for word in text.split_ascii_whitespace() {
        let (first, step, n) = repeated(word);
        if first == "_" {
            offsets.extend(std::iter::repeat_n(None, n.max(1)));
            continue;
        }
        let mut offset = duration_ms(first);
        for _ in 0..=n {
            offsets.push(Some(offset));
            match step {
                Some(('-', by)) => offset -= duration_ms(by),
                Some((_, by)) => offset += duration_ms(by),
                None => {}
            }
        }
    }
    offsets
}
