//! Page: an exposition page in Prometheus' text format, read so that tests can ask about it.

use std::collections::{BTreeMap, BTreeSet};

/// One line with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The name on the line, suffix included.
    pub name: String,
    /// Its labels; those with an empty value count as absent.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// A whole page.
#[derive(Debug, Default)]
pub struct Page {
    kinds: BTreeMap<String, String>,
    helps: BTreeMap<String, String>,
    series: Vec<Series>,
}

impl Page {
    /// Reads a page.
    ///
    /// # Panics
    /// On a line that is no line of this format.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let mut page = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let words = |rest: &str| {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                (name.to_owned(), rest.to_owned())
            };
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                page.kinds.extend([words(rest)]);
            } else if let Some(rest) = line.strip_prefix("# HELP ") {
                page.helps.extend([words(rest)]);
            } else if !line.starts_with('#') {
                page.series.push(read_series(line).unwrap_or_else(|| panic!("no series: {line}")));
            }
        }
        page
    }

    /// The type of a family.
    pub fn kind(&self, family: &str) -> Option<&str> {
        self.kinds.get(family).map(String::as_str)
    }

    /// The help of a family.
    pub fn help(&self, family: &str) -> Option<&str> {
        self.helps.get(family).map(String::as_str)
    }

    /// All families that have a type.
    pub fn families(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    /// All series of this very name.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a Series> + use<'a, 'n> {
        self.series.iter().filter(move |series| series.name == name)
    }

    /// The value of the first series of a name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.all(name).next().map(|series| series.value)
    }

    /// The value of the one series of a name.
    ///
    /// # Panics
    /// When there is not exactly one.
    #[track_caller]
    pub fn only(&self, name: &str) -> f64 {
        let values: Vec<f64> = self.all(name).map(|series| series.value).collect();
        assert_eq!(values.len(), 1, "series of {name}: {values:?}");
        values[0]
    }

    /// The names of all labels of a family.
    pub fn label_names(&self, name: &str) -> BTreeSet<&str> {
        self.all(name).flat_map(|series| series.labels.keys()).map(String::as_str).collect()
    }
}

fn read_series(line: &str) -> Option<Series> {
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = read_labels(inside, &mut labels)?;
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Series { name: name.into(), labels, value })
}

/// `a="b",c="d"}` with `\\`, `\"` and `\n` in the values; what follows the brace.
fn read_labels<'a>(mut rest: &'a str, labels: &mut BTreeMap<String, String>) -> Option<&'a str> {
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(after) = rest.strip_prefix('}') {
            return Some(after);
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (mut value, mut chars) = (String::new(), quoted.char_indices());
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        if !value.is_empty() {
            labels.insert(name.into(), value);
        }
        rest = &quoted[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn escapes_and_empty_labels_are_read() {
        let page = Page::parse("# TYPE a gauge\na{b=\"x \\\"}\\\\\\n\",c=\"\"} 1.5 17\nd +Inf\n");
        let series = page.all("a").next().unwrap();
        assert_eq!(series.labels.get("b").unwrap(), "x \"}\\\n");
        assert_eq!(series.labels.len(), 1);
        assert_eq!((series.value, page.only("d")), (1.5, f64::INFINITY));
        assert_eq!(page.kind("a"), Some("gauge"));
    }
}
