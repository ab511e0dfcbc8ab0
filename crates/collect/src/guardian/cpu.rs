//! The CPU collector: cores, frequency, busy shares and what the scheduler counted.

use std::sync::Arc;
use std::time::Duration;

use model::{Family, Labels};
use stdx::Clock;

use super::cpuinfo::CpuInfo;
use super::frequency::Frequency;
use super::stat::{Stat, Ticks};
use crate::pace::Pace;
use crate::{CollectError, Collector, Moment, Roots};

/// Over less than this, busy shares are made of too few ticks (10 ms each): the last ones stand.
const WINDOW_MIN: Duration = Duration::from_millis(250);

/// `/proc/cpuinfo` is composed core by core, and the frequency driver is asked core by core.
const CPUINFO_SPACING: Duration = Duration::from_secs(9);
const FREQUENCY_SPACING: Duration = Duration::from_millis(900);

pub(super) struct CpuCollector {
    pub(super) roots: Roots,
    shares: Shares,
    cpuinfo: CpuInfo,
    cpuinfo_pace: Pace,
    frequency: Option<Frequency>,
    frequency_pace: Pace,
}

impl CpuCollector {
    pub(super) fn new(roots: Roots, clock: Arc<dyn Clock>) -> Self {
        Self {
            shares: Shares::begin(&roots, clock.monotonic()),
            roots,
            cpuinfo: CpuInfo::default(),
            cpuinfo_pace: Pace::new(clock.clone(), CPUINFO_SPACING),
            frequency: None,
            frequency_pace: Pace::new(clock, FREQUENCY_SPACING),
        }
    }

    /// A machine without a frequency driver still tells the current frequency in its CPU list.
    fn frequency(&mut self, now: Duration, stat: &Stat) -> Frequency {
        let roots = &self.roots;
        let cores = stat.cores.iter().map(|(core, _)| *core);
        let read = self.frequency_pace.read(now, || Frequency::read(roots, cores));
        self.frequency = read.unwrap_or(self.frequency);
        let known =
            Frequency { current_mhz: self.cpuinfo.mhz.unwrap_or(0.0), ..Frequency::default() };
        self.frequency.unwrap_or(known)
    }
}

impl Collector for CpuCollector {
    fn name(&self) -> &'static str {
        "guardian_cpu"
    }

    fn collect(&mut self, moment: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let stat = Stat::parse(&self.roots.read_proc("stat")?)?;
        let roots = &self.roots;
        let read = self.cpuinfo_pace.read(moment.monotonic, || roots.read_proc("cpuinfo"));
        if let Some(Ok(text)) = read {
            self.cpuinfo = CpuInfo::parse(&text);
        }
        let frequency = self.frequency(moment.monotonic, &stat);
        push_counts(&stat, self.cpuinfo, out);
        push_frequency(frequency, out);
        self.shares.update(moment.monotonic, &stat);
        self.shares.push(&stat, out);
        push_stats(&stat, out);
        Ok(())
    }
}

/// The busy shares of the time between two collections.
#[derive(Default)]
struct Shares {
    /// When the ticks were read from which the next shares are counted.
    since: Option<(Duration, Stat)>,
    total_percent: f64,
    /// By core, in the order of the last reading.
    core_percents: Vec<(u32, f64)>,
}

impl Shares {
    /// Reads the ticks that the first collection counts from.
    fn begin(roots: &Roots, now: Duration) -> Self {
        let stat = roots.read_proc("stat").and_then(|text| Stat::parse(&text));
        Self { since: stat.ok().map(|stat| (now, stat)), ..Self::default() }
    }

    fn update(&mut self, now: Duration, stat: &Stat) {
        let Some((since, earlier)) = &self.since else {
            self.since = Some((now, stat.clone()));
            return;
        };
        if now.saturating_sub(*since) < WINDOW_MIN {
            return;
        }
        self.total_percent = stat.total.busy_percent_since(earlier.total);
        let percent = |&(core, ticks): &(u32, Ticks)| {
            let at = earlier.cores.binary_search_by_key(&core, |(core, _)| *core);
            // A core that just came online has no window yet.
            let percent = at.map_or(0.0, |at| ticks.busy_percent_since(earlier.cores[at].1));
            (core, percent)
        };
        self.core_percents = stat.cores.iter().map(percent).collect();
        self.since = Some((now, stat.clone()));
    }

    fn push(&self, stat: &Stat, out: &mut Vec<Family>) {
        let total = Family::gauge(
            "cpu_percent_total",
            "Busy share of all CPUs since the last collection, percent. A gauge \
             despite its name.",
        );
        out.push(total.with_value(self.total_percent));
        let mut per_core = Family::gauge(
            "cpu_percent_per_cpu",
            "Busy share of one logical CPU since the last collection, percent.",
        );
        for (core, _) in &stat.cores {
            let known = self.core_percents.iter().find(|(known, _)| known == core);
            let labels = Labels::default().with("core", &core.to_string());
            per_core.push(labels, known.map_or(0.0, |(_, percent)| *percent));
        }
        out.push(per_core);
    }
}

fn push_counts(stat: &Stat, cpuinfo: CpuInfo, out: &mut Vec<Family>) {
    let n_logical = stat.cores.len();
    let physical = Family::gauge(
        "cpu_physical_count",
        "CPU cores; the number of logical CPUs where the machine does not tell.",
    );
    out.push(physical.with_value(cpuinfo.n_physical.unwrap_or(n_logical) as f64));
    let logical = Family::gauge("cpu_logical_count", "Logical CPUs online.");
    out.push(logical.with_value(n_logical as f64));
}

fn push_frequency(frequency: Frequency, out: &mut Vec<Family>) {
    let Frequency { current_mhz, min_mhz, max_mhz } = frequency;
    let current = Family::gauge(
        "cpu_frequency_current_mhz",
        "Current frequency, mean over the CPUs, MHz; 0 when unknown.",
    );
    let min = Family::gauge(
        "cpu_frequency_min_mhz",
        "Lowest frequency the CPUs may take, MHz; 0 when unknown.",
    );
    let max = Family::gauge(
        "cpu_frequency_max_mhz",
        "Highest frequency the CPUs may take, MHz; 0 when unknown.",
    );
    out.push(current.with_value(current_mhz));
    out.push(min.with_value(min_mhz));
    out.push(max.with_value(max_mhz));
}

fn push_stats(stat: &Stat, out: &mut Vec<Family>) {
    let counted = [
        ("cpu_ctx_switches_total", "Context switches since boot.", stat.ctx_switches),
        ("cpu_interrupts_total", "Hardware interrupts since boot.", stat.interrupts),
        ("cpu_soft_interrupts_total", "Software interrupts since boot.", stat.soft_interrupts),
        (
            "cpu_syscalls_total",
            "System calls since boot; always 0 on Linux, which does not count them.",
            Some(0),
        ),
    ];
    for (name, help, count) in counted {
        out.extend(count.map(|n| Family::counter(name, help).with_value(n as f64)));
    }
}
