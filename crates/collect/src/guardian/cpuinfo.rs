//! `/proc/cpuinfo`: how many cores there are, and on machines without a frequency driver how fast
//! they run.

use std::collections::HashSet;

/// What `/proc/cpuinfo` says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct CpuInfo {
    /// Cores, without their hardware threads; `None` where the file does not tell (ARM, some
    /// virtual machines).
    pub(super) n_physical: Option<usize>,
    /// The mean over all logical CPUs.
    pub(super) mhz: Option<f64>,
}

impl CpuInfo {
    pub(super) fn parse(text: &str) -> Self {
        let mut cores = HashSet::new();
        let (mut package, mut core) = (None, None);
        let (mut mhz_sum, mut mhz_n) = (0.0, 0u32);
        for line in text.lines().chain([""]) {
            let Some((key, value)) = line.split_once(':') else {
                // An empty line ends a logical CPU.
                cores.extend(package.take().zip(core.take()));
                continue;
            };
            match key.trim_end() {
                "physical id" => package = value.trim().parse::<u32>().ok(),
                "core id" => core = value.trim().parse::<u32>().ok(),
                "cpu MHz" => {
                    let mhz: Option<f64> = value.trim().parse().ok();
                    if let Some(mhz) = mhz.filter(|mhz| mhz.is_finite()) {
                        mhz_sum += mhz;
                        mhz_n += 1;
                    }
                }
                _ => {}
            }
        }
        Self {
            n_physical: (!cores.is_empty()).then_some(cores.len()),
            mhz: (mhz_n > 0).then(|| mhz_sum / f64::from(mhz_n)),
        }
    }
}
