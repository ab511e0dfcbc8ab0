//! Times: what a person says of when, as the moments that a server is asked for.

use std::str::FromStr;
use std::time::Duration;

use anyhow::bail;
use model::time::parse_time;

use super::args::TimeArgs;

/// Of a range whose length nobody says.
const RANGE_DEFAULT_MS: i64 = 3_600_000;
/// Values that a range is divided into, at most, if nobody says the step.
const VALUES_DEFAULT: i64 = 250;
/// Steps that are easy to read, milliseconds.
const STEPS_MS: [i64; 14] = [
    1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
    1_800_000, 3_600_000, 7_200_000,
];

/// A moment as a person says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Unix milliseconds.
    At(i64),
    /// Milliseconds from now.
    FromNow(i64),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let offset = text.strip_prefix("now").unwrap_or(text);
        if offset.is_empty() && !text.is_empty() {
            return Ok(Self::FromNow(0));
        }
        let (sign, length) = match offset.as_bytes().first() {
            Some(b'-') => (-1, &offset[1..]),
            Some(b'+') => (1, &offset[1..]),
            _ => {
                let ways = |error| format!("{error}, now, or a distance from now (-1h)");
                return parse_time(text).map(Self::At).map_err(ways);
            }
        };
        let length = model::parse_duration(length).map_err(|error| error.to_string())?;
        Ok(Self::FromNow(sign * ms(length)))
    }
}

impl When {
    fn ms(self, now_ms: i64) -> i64 {
        match self {
            Self::At(t_ms) => t_ms,
            Self::FromNow(offset_ms) => now_ms.saturating_add(offset_ms),
        }
    }
}

/// What a server is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Instant { t_ms: i64 },
    Range { start_ms: i64, end_ms: i64, step_ms: i64 },
}

impl Times {
    /// The moments that the arguments mean now.
    ///
    /// # Errors
    /// The end is before the start, or the step is none.
    pub(super) fn of(args: &TimeArgs, now_ms: i64) -> anyhow::Result<Self> {
        if !args.is_range() {
            return Ok(Self::Instant { t_ms: args.time.map_or(now_ms, |time| time.ms(now_ms)) });
        }
        let end_ms = args.end.map_or(now_ms, |end| end.ms(now_ms));
        let range_ms = args.range.map_or(RANGE_DEFAULT_MS, ms);
        let start_ms = match args.start {
            Some(start) => start.ms(now_ms),
            None => end_ms.saturating_sub(range_ms),
        };
        if end_ms < start_ms {
            bail!("the end is before the start");
        }
        let length_ms = end_ms.saturating_sub(start_ms);
        let step_ms = args.step.map_or_else(|| step_for(length_ms), ms);
        if step_ms <= 0 {
            bail!("the step must be above zero");
        }
        Ok(Self::Range { start_ms, end_ms, step_ms })
    }
}

/// The smallest easy step that gives few enough values.
fn step_for(length_ms: i64) -> i64 {
    let least_ms = length_ms.saturating_add(VALUES_DEFAULT - 1) / VALUES_DEFAULT;
    let easy = STEPS_MS.into_iter().find(|step_ms| *step_ms >= least_ms);
    easy.unwrap_or_else(|| least_ms.saturating_add(3_599_999) / 3_600_000 * 3_600_000)
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{TimeArgs, Times, When};

    const NOW_MS: i64 = 1_700_000_000_000;

    fn args() -> TimeArgs {
        TimeArgs { time: None, range: None, start: None, end: None, step: None }
    }

    #[test]
    fn moments_are_said_in_four_ways() {
        for (text, t_ms) in [
            ("now", NOW_MS),
            ("-1h", NOW_MS - 3_600_000),
            ("now-90s", NOW_MS - 90_000),
            ("now+1m", NOW_MS + 60_000),
            ("1700000000.5", NOW_MS + 500),
            ("2023-11-14T22:13:20Z", NOW_MS),
        ] {
            assert_eq!(text.parse::<When>().unwrap().ms(NOW_MS), t_ms, "{text}");
        }
        for text in ["", "soon", "-", "now1h", "nowhere"] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_is_filled_in() {
        let of = |args: &TimeArgs| Times::of(args, NOW_MS).unwrap();
        assert_eq!(of(&args()), Times::Instant { t_ms: NOW_MS });
        let hour = Times::Range { start_ms: NOW_MS - 3_600_000, end_ms: NOW_MS, step_ms: 15_000 };
        let with_range = TimeArgs { range: Some(Duration::from_secs(3600)), ..args() };
        assert_eq!(of(&with_range), hour);
        let with_end = TimeArgs { end: Some(When::FromNow(0)), ..args() };
        assert_eq!(of(&with_end), hour);
        let backwards = TimeArgs { start: Some(When::FromNow(1)), ..args() };
        assert!(Times::of(&backwards, NOW_MS).is_err());
        let still = TimeArgs { step: Some(Duration::ZERO), ..args() };
        assert!(Times::of(&still, NOW_MS).is_err());
    }

    #[test]
    fn a_step_gives_few_values_and_is_easy_to_read() {
        let (hour_ms, day_ms) = (3_600_000, 86_400_000);
        for (length_ms, step_ms) in [
            (0, 1_000),
            (hour_ms, 15_000),
            (day_ms, 600_000),
            (365 * day_ms, 36 * hour_ms),
            (i64::MAX, i64::MAX / 250 + hour_ms),
        ] {
            let step = super::step_for(length_ms);
            assert!(length_ms / step <= 250, "{length_ms}: {step}");
            assert!(step <= step_ms, "{length_ms}: {step}");
        }
    }
}
