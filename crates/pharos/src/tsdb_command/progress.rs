//! Progress: a bar on standard error while a person waits; nothing elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often a spinner turns that nobody moves.
const TICK: Duration = Duration::from_millis(200);

/// A bar over so many bytes; without a number it shows what was done so far. It is hidden when
/// standard error is no terminal, and it goes when it is dropped.
pub(super) fn bytes(what: &'static str, n_bytes: Option<u64>) -> Bar {
    let (bar, template) = match n_bytes {
        Some(n) => {
            (ProgressBar::new(n), "{msg} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta}")
        }
        None => (ProgressBar::no_length(), "{msg} {bytes}, {bytes_per_sec}"),
    };
    styled(bar, what, template)
}

/// A bar over so many steps.
pub(super) fn steps(what: &'static str, n_steps: u64) -> Bar {
    styled(ProgressBar::new(n_steps), what, "{msg} {bar:30} {pos}/{len}, {eta}")
}

fn styled(bar: ProgressBar, what: &'static str, template: &str) -> Bar {
    let style = ProgressStyle::with_template(template).expect("our templates are right");
    bar.set_style(style);
    bar.set_message(what);
    if !bar.is_hidden() {
        bar.enable_steady_tick(TICK);
    }
    Bar(bar)
}

/// A bar that goes when the work does.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// So much more is done.
    pub(super) fn advance(&self, n: u64) {
        self.0.inc(n);
    }

    /// So much is done.
    pub(super) fn set(&self, n: u64) {
        self.0.set_position(n);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
