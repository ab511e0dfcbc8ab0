//! loadavg: the three load averages.

use std::sync::Arc;

use model::Family;

use super::kernel::number;
use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct LoadAvg {
    roots: Arc<Roots>,
}

impl LoadAvg {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for LoadAvg {
    fn name(&self) -> &'static str {
        "loadavg"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        const FAMILIES: [(&str, &str); 3] = [
            ("node_load1", "Load average over one minute."),
            ("node_load5", "Load average over five minutes."),
            ("node_load15", "Load average over fifteen minutes."),
        ];
        let text = self.roots.read_proc("loadavg")?;
        let fields = text.split_ascii_whitespace().map(number);
        for ((name, help), value) in FAMILIES.into_iter().zip(fields) {
            let value = value.ok_or_else(|| CollectError::Malformed {
                source_name: "loadavg".into(),
                reason: format!("{name} is not a number"),
            })?;
            out.push(Family::gauge(name, help).with_value(value));
        }
        Ok(())
    }
}
