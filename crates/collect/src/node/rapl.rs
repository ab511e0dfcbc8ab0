//! rapl: energy used by CPU packages, cores and memory, as the processor measures it.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Family, MetricKind};

use super::families::Families;
use super::kernel::{Attributes, entries, metric_word};
use super::table::labels;
use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct Rapl {
    roots: Arc<Roots>,
}

impl Rapl {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Rapl {
    fn name(&self) -> &'static str {
        "rapl"
    }

    /// Since Linux 5.10 only root may read the energy; for others the subject is absent.
    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let dir = self.roots.sys.join("class/powercap");
        let mut families = Families::default();
        let mut n_of_name = BTreeMap::<String, u32>::new();
        let mut readable = false;
        for zone in entries(&dir)? {
            let Some(files) = Attributes::open(&dir.join(&zone)) else {
                continue;
            };
            let Some(name) = files.text("name") else {
                continue; // the directory of the whole control type
            };
            let (name, index) = name_and_index(&name, &mut n_of_name);
            let Some(microjoules) = files.number("energy_uj") else {
                continue;
            };
            readable = true;
            // Where the host has it, also when a container sees it elsewhere.
            let path = format!("/sys/class/powercap/{zone}");
            families.add(
                format!("node_rapl_{}_joules_total", metric_word(name)),
                ("Energy used by this zone.", MetricKind::Counter),
                labels([("index", &index), ("path", &path)]),
                microjoules / 1e6,
            );
        }
        families.finish(out);
        readable.then_some(()).ok_or(CollectError::Absent)
    }
}

/// `package-1` is index 1 of `package`; zones without a number are counted as they come.
fn name_and_index<'a>(name: &'a str, seen: &mut BTreeMap<String, u32>) -> (&'a str, String) {
    if let Some((stem, index)) = name.split_once('-')
        && let Ok(index) = index.parse::<u32>()
    {
        return (stem, index.to_string());
    }
    let n = seen.entry(name.to_owned()).or_default();
    let index = n.to_string();
    *n += 1;
    (name, index)
}
