//! Trims: what a native histogram holds up to a value, or from it on.
//!
//! A bucket that the value lies in is cut in two: in line if it is custom or around 0, else in line
//! of logarithms, as quantiles are.

use super::native::Native;

/// Which part stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// What is at most the value.
    Below,
    /// What is at least the value.
    Above,
}

/// A bucket between two bounds.
#[derive(Debug, Clone, Copy)]
struct Cut {
    lower: f64,
    upper: f64,
    is_linear: bool,
}

impl Cut {
    /// The part of it that stays, and the middle of that.
    fn kept(self, at: f64, keep: Keep) -> (f64, f64) {
        let Self { lower, upper, .. } = self;
        if upper == f64::INFINITY {
            // Nobody knows how far it reaches.
            return if keep == Keep::Above { (1.0, lower) } else { (0.0, lower) };
        }
        if lower == f64::NEG_INFINITY {
            return self.kept_without_beginning(at, keep);
        }
        match keep {
            Keep::Below if upper <= at => (1.0, self.middle(lower, upper)),
            Keep::Above if lower >= at => (1.0, self.middle(lower, upper)),
            Keep::Below if lower >= at => (0.0, lower),
            Keep::Above if upper <= at => (0.0, upper),
            Keep::Below => (self.part_below(at), self.middle(lower, at)),
            Keep::Above => (1.0 - self.part_below(at), self.middle(at, upper)),
        }
    }

    /// The first custom bucket begins at 0, if that makes sense.
    fn kept_without_beginning(self, at: f64, keep: Keep) -> (f64, f64) {
        if self.upper > 0.0 && at > 0.0 {
            return Self { lower: 0.0, ..self }.kept(at, keep);
        }
        match keep {
            Keep::Below if self.upper <= 0.0 && self.upper <= at => (1.0, self.upper),
            _ => (0.0, self.upper),
        }
    }

    fn part_below(self, at: f64) -> f64 {
        if self.is_linear {
            return (at - self.lower) / (self.upper - self.lower);
        }
        let [lower, upper, at_log] = [self.lower, self.upper, at].map(|v| v.abs().log2());
        (at_log - lower) / (upper - lower)
    }

    fn middle(self, lower: f64, upper: f64) -> f64 {
        if self.is_linear {
            return (lower + upper) / 2.0;
        }
        let root = (lower * upper).sqrt();
        if lower < 0.0 { -root } else { root }
    }
}

/// The part of a histogram on one side of a value. Its sum is an estimate if anything is cut off.
pub(super) fn trimmed(mut native: Native, at: f64, keep: Keep) -> Native {
    let (mut count, mut sum, mut is_cut) = (0.0, 0.0, false);
    let is_custom = native.is_custom();
    native.for_each_bucket(|lower, upper, is_zero, bucket| {
        let is_linear = is_custom || is_zero;
        let (part, middle) = Cut { lower, upper, is_linear }.kept(at, keep);
        is_cut |= part < 1.0 && *bucket != 0.0;
        *bucket *= part;
        count += *bucket;
        if *bucket != 0.0 {
            sum += middle * *bucket;
        }
    });
    if is_cut {
        (native.count, native.sum) = (count, sum);
    }
    native
}

#[cfg(test)]
mod tests {
    use super::{Cut, Keep};

    #[test]
    fn both_parts_of_a_bucket_are_the_whole() {
        for (lower, upper, at) in [(1.0, 2.0, 1.3), (-2.0, -1.0, -1.3), (-1.0, 1.0, 0.5)] {
            for is_linear in [lower * upper < 0.0, true] {
                let cut = Cut { lower, upper, is_linear };
                let (below, low) = cut.kept(at, Keep::Below);
                let (above, high) = cut.kept(at, Keep::Above);
                assert!((below + above - 1.0).abs() < 1e-12 && below > 0.0 && above > 0.0);
                assert!(lower < low && low < at && at < high && high < upper, "{low} {high}");
            }
        }
    }

    #[test]
    fn buckets_without_an_end_go_as_a_whole() {
        let last = Cut { lower: 5.0, upper: f64::INFINITY, is_linear: true };
        assert_eq!(last.kept(9.0, Keep::Above).0, 1.0);
        assert_eq!(last.kept(9.0, Keep::Below).0, 0.0);
        let first = Cut { lower: f64::NEG_INFINITY, upper: 4.0, is_linear: true };
        assert_eq!(first.kept(1.0, Keep::Below), (0.25, 0.5));
        assert_eq!(first.kept(-1.0, Keep::Below).0, 0.0);
    }
}
