//! textfile: metrics that scripts leave in a directory. None is configured, so none can fail.

use model::Family;

use crate::{CollectError, Collector, Moment};

pub(super) struct TextFile;

impl Collector for TextFile {
    fn name(&self) -> &'static str {
        "textfile"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let error = Family::gauge(
            "node_textfile_scrape_error",
            "1 when a file of metrics could not be read.",
        );
        out.push(error.with_value(0.0));
        Ok(())
    }
}
