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
    count: f64,
    is_linear: bool,
}

impl Cut {
    /// How many of its observations stay, and in whose middle they are taken to be.
    fn kept(self, at: f64, keep: Keep) -> (f64, f64) {
        let Self { lower, upper, count, .. } = self;
        let (is_whole, is_part) = match keep {
            Keep::Below => (upper <= at, lower < at),
            Keep::Above => (lower >= at, upper > at),
        };
        match (is_whole, is_part) {
            (true, _) => (count, self.middle(lower, upper)),
            (false, false) => (0.0, 0.0),
            _ if lower == f64::NEG_INFINITY => self.kept_without_beginning(at, keep),
            _ if upper == f64::INFINITY => match keep {
                // Nobody knows how far it reaches.
                Keep::Below => (0.0, lower),
                Keep::Above => (count, at),
            },
            _ => match keep {
                Keep::Below => (self.below(at), self.middle(lower, at)),
                Keep::Above => (count - self.below(at), self.middle(at, upper)),
            },
        }
    }

    /// The first custom bucket begins at 0, if that makes sense.
    fn kept_without_beginning(self, at: f64, keep: Keep) -> (f64, f64) {
        let Self { upper, count, .. } = self;
        let begins_at_0 = upper > 0.0 && upper < f64::INFINITY;
        match keep {
            Keep::Below if begins_at_0 && at > 0.0 => (count * at / upper, at / 2.0),
            Keep::Below if upper <= 0.0 => (count, at),
            Keep::Above if begins_at_0 && at >= 0.0 => {
                (count * (1.0 - at / upper), (at + upper) / 2.0)
            }
            _ => (0.0, 0.0),
        }
    }

    /// How many of its observations lie below a value within it.
    fn below(self, at: f64) -> f64 {
        let Self { lower, upper, count, .. } = self;
        if self.is_linear {
            return count * ((at - lower) / (upper - lower));
        }
        let [lower_log, upper_log, log] = [lower, upper, at].map(|v| v.abs().log2());
        count
            * match upper > 0.0 {
                true => (log - lower_log) / (upper_log - lower_log),
                false => 1.0 - (log - upper_log) / (lower_log - upper_log),
            }
    }

    fn middle(self, lower: f64, upper: f64) -> f64 {
        match (lower.is_infinite(), upper.is_infinite()) {
            (true, true) => 0.0,
            (true, false) => {
                if upper > 0.0 {
                    upper / 2.0
                } else {
                    upper
                }
            }
            (false, true) => lower,
            (false, false) if self.is_linear => (lower + upper) / 2.0,
            (false, false) => {
                let root = (lower * upper).abs().sqrt();
                if self.upper > 0.0 { root } else { -root }
            }
        }
    }

    /// As [`Self::kept`], of the zero bucket, which may have no width.
    fn kept_around_0(self, at: f64, keep: Keep) -> (f64, f64) {
        let Self { lower, upper, count, .. } = self;
        let whole = (count, (lower + upper) / 2.0);
        match keep {
            Keep::Below if at <= lower => (0.0, 0.0),
            Keep::Below if at >= upper => whole,
            Keep::Below => (count * ((at - lower) / (upper - lower)), (lower + at) / 2.0),
            Keep::Above if at <= lower => whole,
            Keep::Above if at >= upper => (0.0, 0.0),
            Keep::Above => (count * ((upper - at) / (upper - lower)), (at + upper) / 2.0),
        }
    }
}

/// The part of a histogram on one side of a value. Its sum is an estimate if anything is cut off.
pub(super) fn trimmed(mut native: Native, at: f64, keep: Keep) -> Native {
    let (mut count, mut sum, mut is_cut) = (0.0, 0.0, false);
    let mut replace = |bucket: &mut f64, (kept, middle): (f64, f64)| {
        is_cut |= *bucket != kept;
        *bucket = kept;
        count += kept;
        if kept != 0.0 {
            sum += middle * kept;
        }
    };
    let is_linear = native.is_custom();
    let zero = native.zero_bounds();
    native.for_each_bucket(|lower, upper, bucket| {
        if *bucket != 0.0 {
            replace(bucket, Cut { lower, upper, count: *bucket, is_linear }.kept(at, keep));
        }
    });
    if native.zero_count > 0.0 {
        let (lower, upper) = zero;
        let cut = Cut { lower, upper, count: native.zero_count, is_linear: true };
        replace(&mut native.zero_count, cut.kept_around_0(at, keep));
    }
    if is_cut {
        (native.count, native.sum) = (count, sum);
    }
    native
}

#[cfg(test)]
mod tests {
    use super::{Cut, Keep};

    const INF: f64 = f64::INFINITY;

    fn cut(lower: f64, upper: f64) -> Cut {
        Cut { lower, upper, count: 8.0, is_linear: true }
    }

    #[test]
    fn both_parts_of_a_bucket_are_the_whole() {
        for (lower, upper, at) in [(1.0, 2.0, 1.3), (-2.0, -1.0, -1.3)] {
            for is_linear in [false, true] {
                let cut = Cut { lower, upper, count: 3.0, is_linear };
                let (below, low) = cut.kept(at, Keep::Below);
                let (above, high) = cut.kept(at, Keep::Above);
                assert!((below + above - 3.0).abs() < 1e-12 && below > 0.0 && above > 0.0);
                assert!(lower < low && low < at && at < high && high < upper, "{low} {high}");
            }
        }
    }

    #[test]
    fn a_bucket_without_an_end_goes_unless_all_above_its_beginning_may_stay() {
        let last = cut(5.0, INF);
        assert_eq!(last.kept(9.0, Keep::Above), (8.0, 9.0));
        assert_eq!(last.kept(2.0, Keep::Above), (8.0, 5.0));
        assert_eq!(last.kept(INF, Keep::Above).0, 0.0);
        assert_eq!(last.kept(9.0, Keep::Below).0, 0.0);
        assert_eq!(last.kept(INF, Keep::Below), (8.0, 5.0));
    }

    #[test]
    fn a_bucket_without_a_beginning_begins_at_0_if_it_reaches_above() {
        let first = cut(-INF, 4.0);
        assert_eq!(first.kept(1.0, Keep::Below), (2.0, 0.5));
        assert_eq!(first.kept(1.0, Keep::Above), (6.0, 2.5));
        assert_eq!(first.kept(0.0, Keep::Above), (8.0, 2.0));
        assert_eq!(first.kept(0.0, Keep::Below).0, 0.0);
        // Below 0 nobody knows.
        assert_eq!(first.kept(-1.0, Keep::Above).0, 0.0);
        assert_eq!(first.kept(-1.0, Keep::Below).0, 0.0);
        assert_eq!(first.kept(-INF, Keep::Above).0, 8.0);
        assert_eq!(first.kept(7.0, Keep::Below), (8.0, 2.0));
    }

    #[test]
    fn a_bucket_of_what_is_below_0_stays_as_a_whole_below() {
        let first = cut(-INF, -4.0);
        assert_eq!(first.kept(-6.0, Keep::Below), (8.0, -6.0));
        assert_eq!(first.kept(-3.0, Keep::Below), (8.0, -4.0));
        assert_eq!(first.kept(-INF, Keep::Below).0, 0.0);
        assert_eq!(first.kept(-6.0, Keep::Above).0, 0.0);
    }

    #[test]
    fn the_only_bucket_is_never_cut() {
        for keep in [Keep::Below, Keep::Above] {
            assert_eq!(cut(-INF, INF).kept(3.0, keep).0, 0.0);
        }
        assert_eq!(cut(-INF, INF).kept(INF, Keep::Below), (8.0, 0.0));
        assert_eq!(cut(-INF, INF).kept(-INF, Keep::Above), (8.0, 0.0));
    }

    #[test]
    fn a_zero_bucket_without_width_is_above_0() {
        assert_eq!(cut(0.0, 0.0).kept_around_0(0.0, Keep::Above).0, 8.0);
        assert_eq!(cut(0.0, 0.0).kept_around_0(0.0, Keep::Below).0, 0.0);
        assert_eq!(cut(-2.0, 2.0).kept_around_0(1.0, Keep::Below), (6.0, -0.5));
        assert_eq!(cut(-2.0, 2.0).kept_around_0(1.0, Keep::Above), (2.0, 1.5));
    }
}
