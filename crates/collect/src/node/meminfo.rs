//! meminfo: every line of /proc/meminfo, in bytes where the kernel counts kB.

use std::sync::Arc;

use model::{Family, MetricKind};

use super::families::Families;
use super::kernel::{metric_word, number};
use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct MemInfo {
    roots: Arc<Roots>,
}

impl MemInfo {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for MemInfo {
    fn name(&self) -> &'static str {
        "meminfo"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = self.roots.read_proc("meminfo")?;
        let mut families = Families::default();
        for (name, value) in text.lines().filter_map(parse_line) {
            families.set(name, ("A line of /proc/meminfo.", MetricKind::Gauge), value);
        }
        families.finish(out);
        Ok(())
    }
}

/// `Active(anon):   1560 kB` is `node_memory_Active_anon_bytes`.
fn parse_line(line: &str) -> Option<(String, f64)> {
    let (key, rest) = line.split_once(':')?;
    let mut fields = rest.split_ascii_whitespace();
    let value = number(fields.next()?)?;
    let word = key.trim_end_matches(')');
    let word = metric_word(word);
    match fields.next() {
        None => Some((format!("node_memory_{word}"), value)),
        Some("kB") => Some((format!("node_memory_{word}_bytes"), value * 1024.0)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::parse_line;

    #[test]
    fn lines_become_names_with_their_unit() {
        let named = |line| parse_line(line).unwrap();
        assert_eq!(named("MemTotal:  2 kB"), ("node_memory_MemTotal_bytes".into(), 2048.0));
        assert_eq!(
            named("Inactive(file): 1 kB"),
            ("node_memory_Inactive_file_bytes".into(), 1024.0)
        );
        assert_eq!(named("HugePages_Free: 7"), ("node_memory_HugePages_Free".into(), 7.0));
        assert_eq!(parse_line("Strange: 7 MB"), None);
        assert_eq!(parse_line("MemTotal"), None);
    }
}
