//! os: the distribution, from its os-release file.

use std::sync::Arc;

use model::Family;

use super::kernel::number;
use crate::{CollectError, Collector, Moment, Roots, roots};

/// The administrator's file first, then the distribution's.
const FILES: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

pub(super) struct Os {
    roots: Arc<Roots>,
}

impl Os {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }

    fn read(&self) -> Result<String, CollectError> {
        let mut last = Err(CollectError::Absent);
        for file in FILES {
            last = roots::read(&self.roots.root.join(file));
            if !matches!(last, Err(CollectError::Absent)) {
                break;
            }
        }
        last
    }
}

impl Collector for Os {
    fn name(&self) -> &'static str {
        "os"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = self.read()?;
        let get = |key: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            let found = pairs.find(|(found, _)| found.trim() == key);
            found.map(|(_, value)| unquote(value.trim())).unwrap_or_default()
        };
        let (id, id_like, name) = (get("ID"), get("ID_LIKE"), get("NAME"));
        let version_id = get("VERSION_ID");
        let mut info = Family::gauge("node_os_info", "The distribution in words, always 1.");
        info.push_with(
            [
                ("build_id", &get("BUILD_ID")),
                ("id", &id),
                ("id_like", &id_like),
                ("image_id", &get("IMAGE_ID")),
                ("image_version", &get("IMAGE_VERSION")),
                ("name", &name),
                ("pretty_name", &get("PRETTY_NAME")),
                ("variant", &get("VARIANT")),
                ("variant_id", &get("VARIANT_ID")),
                ("version", &get("VERSION")),
                ("version_codename", &get("VERSION_CODENAME")),
                ("version_id", &version_id),
            ],
            1.0,
        );
        out.push(info);
        if let Some(version) = major_minor(&version_id).filter(|version| *version > 0.0) {
            let mut family = Family::gauge("node_os_version", "The distribution's version.");
            let labels = [("id", &*id), ("id_like", &*id_like), ("name", &*name)];
            family.push_with(labels, version);
            out.push(family);
        }
        Ok(())
    }
}

/// A value as a shell reads it: quotes go, a backslash protects the next character.
fn unquote(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' | '\'' => {}
            '\\' => text.extend(chars.next()),
            _ => text.push(c),
        }
    }
    text
}

/// `22.04.1` is 22.04.
fn major_minor(version: &str) -> Option<f64> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (major, rest) = version.split_at(digits(version));
    let minor = rest.strip_prefix('.').unwrap_or_default();
    let (minor, _) = minor.split_at(digits(minor));
    number(&format!("{major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::{major_minor, unquote};

    #[test]
    fn versions_keep_two_parts() {
        for (text, expected) in [
            ("12", Some(12.0)),
            ("22.04.1", Some(22.04)),
            ("9.", Some(9.0)),
            ("rolling", None),
            ("", None),
            ("3é", Some(3.0)),
        ] {
            assert_eq!(major_minor(text), expected, "{text:?}");
        }
    }

    #[test]
    fn values_are_read_as_a_shell_does() {
        assert_eq!(unquote(r#""Debian GNU/Linux""#), "Debian GNU/Linux");
        assert_eq!(unquote(r#""a \"b\"""#), r#"a "b""#);
        assert_eq!(unquote("plain\\"), "plain");
    }
}
