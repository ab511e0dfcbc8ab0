//! sockstat: sockets in use and the memory they hold.

use std::sync::Arc;

use model::{Family, MetricKind};

use super::families::Families;
use super::kernel::{metric_word, number};
use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct SockStat {
    roots: Arc<Roots>,
}

impl SockStat {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for SockStat {
    fn name(&self) -> &'static str {
        "sockstat"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let mut families = Families::default();
        let mut found = false;
        // A kernel may lack either protocol.
        for file in ["net/sockstat", "net/sockstat6"] {
            match self.roots.read_proc(file) {
                Ok(text) => {
                    found = true;
                    text.lines().for_each(|line| add_line(line, &mut families));
                }
                Err(CollectError::Absent) => {}
                Err(error) => return Err(error),
            }
        }
        families.finish(out);
        found.then_some(()).ok_or(CollectError::Absent)
    }
}

/// `TCP: inuse 4 orphan 0 tw 3 alloc 4 mem 225`, with `mem` in pages.
fn add_line(line: &str, families: &mut Families) {
    let Some((protocol, pairs)) = line.split_once(':') else {
        return;
    };
    let mut set = |state: &str, value: f64| {
        let name = format!("node_sockstat_{}_{}", metric_word(protocol), metric_word(state));
        families.set(name, ("Sockets of a protocol in a state.", MetricKind::Gauge), value);
    };
    let mut fields = pairs.split_ascii_whitespace();
    while let (Some(state), Some(value)) = (fields.next(), fields.next()) {
        let Some(value) = number(value) else {
            return;
        };
        set(state, value);
        if state == "mem" {
            set("mem_bytes", value * rustix::param::page_size() as f64);
        }
    }
}
