//! timex: how well the kernel's clock is disciplined, and by how much it errs.

use model::{Family, MetricKind};

use super::clock_calls::read_clock;
use crate::{CollectError, Collector, Moment};

/// `adjtimex` returns this while no reliable source steers the clock.
const TIME_ERROR: i32 = 5;
/// The status bit that turns offsets into nanoseconds.
const STA_NANO: i32 = 0x2000;
/// Frequencies are parts per million with a 16 bit fraction.
const PPM_FRACTION: f64 = 1e6 * 65_536.0;

pub(super) struct Timex;

impl Collector for Timex {
    fn name(&self) -> &'static str {
        "timex"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        // A container may forbid even the reading.
        let (timex, state) = read_clock().map_err(|_| CollectError::Absent)?;
        push_families(&timex, state, out);
        Ok(())
    }
}

#[allow(
    clippy::unnecessary_cast,
    clippy::useless_conversion,
    reason = "the C types have other widths on other machines"
)]
fn push_families(timex: &libc::timex, state: i32, out: &mut Vec<Family>) {
    use MetricKind::{Counter, Gauge};
    let fraction = if timex.status & STA_NANO != 0 { 1e9 } else { 1e6 };
    let synchronised = if state == TIME_ERROR { 0.0 } else { 1.0 };
    let families = [
        (
            "node_timex_sync_status",
            "1 while a reliable source steers the clock.",
            Gauge,
            synchronised,
        ),
        (
            "node_timex_offset_seconds",
            "Offset from the reference clock that is being worked off.",
            Gauge,
            timex.offset as f64 / fraction,
        ),
        (
            "node_timex_frequency_adjustment_ratio",
            "How fast the clock is made to run.",
            Gauge,
            1.0 + timex.freq as f64 / PPM_FRACTION,
        ),
        (
            "node_timex_maxerror_seconds",
            "The most the clock can err.",
            Gauge,
            timex.maxerror as f64 / 1e6,
        ),
        (
            "node_timex_estimated_error_seconds",
            "How much the clock probably errs.",
            Gauge,
            timex.esterror as f64 / 1e6,
        ),
        ("node_timex_status", "The bits of the clock's status.", Gauge, timex.status as f64),
        (
            "node_timex_loop_time_constant",
            "The time constant of the phase-locked loop.",
            Gauge,
            timex.constant as f64,
        ),
        (
            "node_timex_tick_seconds",
            "Time between two ticks of the clock.",
            Gauge,
            timex.tick as f64 / 1e6,
        ),
        (
            "node_timex_pps_frequency_hertz",
            "Frequency of the pulse-per-second signal.",
            Gauge,
            timex.ppsfreq as f64 / PPM_FRACTION,
        ),
        (
            "node_timex_pps_jitter_seconds",
            "Jitter of the pulse-per-second signal.",
            Gauge,
            timex.jitter as f64 / fraction,
        ),
        (
            "node_timex_pps_shift_seconds",
            "Length of the pulse-per-second calibration.",
            Gauge,
            timex.shift as f64,
        ),
        (
            "node_timex_pps_stability_hertz",
            "How much the pulse-per-second frequency wanders.",
            Gauge,
            timex.stabil as f64 / PPM_FRACTION,
        ),
        (
            "node_timex_pps_jitter_total",
            "Pulses whose jitter was too large.",
            Counter,
            timex.jitcnt as f64,
        ),
        (
            "node_timex_pps_calibration_total",
            "Pulse-per-second calibrations.",
            Counter,
            timex.calcnt as f64,
        ),
        (
            "node_timex_pps_error_total",
            "Pulse-per-second calibrations that failed.",
            Counter,
            timex.errcnt as f64,
        ),
        (
            "node_timex_pps_stability_exceeded_total",
            "Calibrations whose frequency wandered too far.",
            Counter,
            timex.stbcnt as f64,
        ),
        (
            "node_timex_tai_offset_seconds",
            "Seconds atomic time is ahead of UTC.",
            Gauge,
            timex.tai as f64,
        ),
    ];
    out.extend(
        families
            .into_iter()
            .map(|(name, help, kind, value)| Family::new(name, help, kind).with_value(value)),
    );
}

#[cfg(test)]
mod tests {
    use super::{STA_NANO, TIME_ERROR, push_families, read_clock};

    fn value(timex: &libc::timex, state: i32, name: &str) -> f64 {
        let mut families = Vec::new();
        push_families(timex, state, &mut families);
        let family = families.iter().find(|family| family.name == name).unwrap();
        family.points[0].value
    }

    #[test]
    fn units_follow_the_status() {
        let Ok((mut timex, _)) = read_clock() else {
            return; // a sandbox that forbids the call
        };
        timex.offset = 2_000_000;
        timex.status = 0;
        assert_eq!(value(&timex, 0, "node_timex_offset_seconds"), 2.0);
        timex.status = STA_NANO;
        assert_eq!(value(&timex, 0, "node_timex_offset_seconds"), 0.002);
        timex.freq = 65_536 * 250;
        assert_eq!(value(&timex, 0, "node_timex_frequency_adjustment_ratio"), 1.00025);
        timex.maxerror = 16_000_000;
        assert_eq!(value(&timex, 0, "node_timex_maxerror_seconds"), 16.0);
        assert_eq!(value(&timex, 0, "node_timex_sync_status"), 1.0);
        assert_eq!(value(&timex, TIME_ERROR, "node_timex_sync_status"), 0.0);
    }
}
