//! Frequency: how fast the CPUs run, from the frequency driver's files below
//! `/sys/devices/system/cpu`.

use crate::Roots;

/// MHz, each the mean over the CPUs that have a frequency driver; 0 is "unknown".
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Frequency {
    pub(super) current_mhz: f64,
    pub(super) min_mhz: f64,
    pub(super) max_mhz: f64,
}

impl Frequency {
    /// Reads the frequencies of these CPUs; `None` when there is no frequency driver.
    pub(super) fn read(roots: &Roots, cores: impl Iterator<Item = u32>) -> Option<Self> {
        let mut sum = Self::default();
        let mut n = 0u32;
        for core in cores {
            let mhz = |file: &str| mhz(roots, core, file);
            let Some(current) = mhz("scaling_cur_freq").or_else(|| mhz("cpuinfo_cur_freq")) else {
                // One CPU without a driver is offline; the first one means that there is none.
                if n == 0 {
                    return None;
                }
                continue;
            };
            n += 1;
            sum.current_mhz += current;
            sum.min_mhz += mhz("scaling_min_freq").unwrap_or(0.0);
            sum.max_mhz += mhz("scaling_max_freq").unwrap_or(0.0);
        }
        let n = f64::from(n);
        (n > 0.0).then(|| Self {
            current_mhz: sum.current_mhz / n,
            min_mhz: sum.min_mhz / n,
            max_mhz: sum.max_mhz / n,
        })
    }
}

/// The files hold kHz.
fn mhz(roots: &Roots, core: u32, file: &str) -> Option<f64> {
    let path = format!("devices/system/cpu/cpu{core}/cpufreq/{file}");
    let khz: u64 = roots.read_sys(&path).ok()?.trim().parse().ok()?;
    Some(khz as f64 / 1000.0)
}
