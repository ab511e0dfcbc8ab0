//! What the handle and the writer have in common.

use std::sync::Arc;

use parking_lot::Mutex;
use stdx::Clock;

use crate::queue::Queue;
use crate::signs::{Moment, Signs};
use crate::{Config, Meter};

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) queue: Queue,
    pub(crate) signs: Signs,
    pub(crate) meter: Meter,
    /// Why the last transaction failed; `None` after one that succeeded.
    pub(crate) failing: Mutex<Option<String>>,
}

impl Shared {
    pub(crate) fn moment(&self) -> Moment {
        Moment { wall_ms: self.clock.now_ms(), monotonic: self.clock.monotonic() }
    }
}
