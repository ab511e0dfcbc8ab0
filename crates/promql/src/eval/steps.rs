//! Steps: the times at which an expression is evaluated.

/// Evenly spaced times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    /// The first, Unix milliseconds.
    pub(super) start_ms: i64,
    /// Not before the last, Unix milliseconds; below the start there are none.
    pub(super) end_ms: i64,
    /// Between two; above 0.
    pub(super) step_ms: i64,
}

impl Steps {
    /// One time.
    pub(super) fn one(t_ms: i64) -> Self {
        Self { start_ms: t_ms, end_ms: t_ms, step_ms: 1 }
    }

    /// How many there are.
    pub(super) fn n(&self) -> usize {
        if self.end_ms < self.start_ms {
            return 0;
        }
        let span = i128::from(self.end_ms) - i128::from(self.start_ms);
        usize::try_from(span / i128::from(self.step_ms) + 1).unwrap_or(usize::MAX)
    }

    /// The last one; the start if there are none.
    pub(super) fn last_ms(&self) -> i64 {
        match self.n() {
            0 => self.start_ms,
            n => self.at(n - 1),
        }
    }

    /// One of them, from 0.
    pub(super) fn at(&self, i: usize) -> i64 {
        let t_ms = i128::from(self.start_ms) + i as i128 * i128::from(self.step_ms);
        // Not beyond the end, as there are so many steps.
        i64::try_from(t_ms).unwrap_or(self.end_ms)
    }

    /// Which step a time is, from 0.
    pub(super) fn place(&self, t_ms: i64) -> usize {
        let passed_ms = i128::from(t_ms) - i128::from(self.start_ms);
        usize::try_from(passed_ms / i128::from(self.step_ms)).unwrap_or(0)
    }

    /// The times in order.
    pub(super) fn times(&self) -> impl Iterator<Item = i64> + use<> {
        let steps = *self;
        (0..self.n()).map(move |i| steps.at(i))
    }
}
