//! The memory collector: how much is there, how much is used, and what is swapped.

use model::Family;

use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct MemoryCollector {
    pub(super) roots: Roots,
}

impl MemoryCollector {
    pub(super) fn new(roots: Roots) -> Self {
        Self { roots }
    }
}

impl Collector for MemoryCollector {
    fn name(&self) -> &'static str {
        "guardian_memory"
    }

    fn collect(&mut self, _moment: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let memory = Memory::parse(&self.roots.read_proc("meminfo")?)?;
        push_virtual(memory, out);
        push_swap(memory, out);
        push_swapped(&self.roots.read_proc("vmstat")?, out);
        Ok(())
    }
}

/// The lines of `/proc/meminfo` that count here, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Memory {
    total: u64,
    free: u64,
    /// Kernels before 3.14 do not say.
    available: Option<u64>,
    buffers: u64,
    /// Files in memory, and the part of the kernel's own caches that it can give back.
    cached: u64,
    swap_total: u64,
    swap_free: u64,
}

impl Memory {
    pub(super) fn parse(text: &str) -> Result<Self, CollectError> {
        let mut memory = Self::default();
        for line in text.lines() {
            let Some((key, bytes)) = parse_line(line) else {
                continue;
            };
            match key {
                "MemTotal" => memory.total = bytes,
                "MemFree" => memory.free = bytes,
                "MemAvailable" => memory.available = Some(bytes),
                "Buffers" => memory.buffers = bytes,
                "Cached" | "SReclaimable" => {
                    memory.cached = memory.cached.saturating_add(bytes);
                }
                "SwapTotal" => memory.swap_total = bytes,
                "SwapFree" => memory.swap_free = bytes,
                _ => {}
            }
        }
        if memory.total == 0 {
            return Err(CollectError::Malformed {
                source_name: "/proc/meminfo".into(),
                reason: "no line \"MemTotal\"".into(),
            });
        }
        Ok(memory)
    }

    /// What programs can still get. A container can see its own total beside its host's available
    /// memory; what is free is then the better answer.
    fn available(self) -> u64 {
        let available = self.available.unwrap_or_else(|| {
            let reclaimable = self.cached.saturating_add(self.buffers);
            self.free.saturating_add(reclaimable)
        });
        if available > self.total { self.free } else { available }
    }

    /// As psutil 5 counts it: what is neither free nor holds files or buffers.
    fn used(self) -> u64 {
        let without_free = self.total.saturating_sub(self.free);
        let kept = self.cached.saturating_add(self.buffers);
        without_free.checked_sub(kept).unwrap_or(without_free)
    }
}

/// `MemFree:   123 kB` -> the name and the bytes.
fn parse_line(line: &str) -> Option<(&str, u64)> {
    let (key, rest) = line.split_once(':')?;
    let kib: u64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some((key, kib.saturating_mul(1024)))
}

fn percent(part: u64, total: u64) -> f64 {
    if total == 0 {
        return 0.0;
    }
    part as f64 / total as f64 * 100.0
}

fn push_gauges<const N: usize>(
    rows: [(&'static str, &'static str, f64); N],
    out: &mut Vec<Family>,
) {
    out.extend(rows.map(|(name, help, value)| Family::gauge(name, help).with_value(value)));
}

fn push_virtual(memory: Memory, out: &mut Vec<Family>) {
    let available = memory.available();
    let unavailable = memory.total.saturating_sub(available);
    let rows = [
        ("memory_virtual_total_bytes", "Physical memory.", memory.total as f64),
        (
            "memory_virtual_available_bytes",
            "Memory that programs can get without swapping.",
            available as f64,
        ),
        (
            "memory_virtual_used_bytes",
            "Memory in use: total less free, buffers, cached files and reclaimable kernel caches.",
            memory.used() as f64,
        ),
        ("memory_virtual_free_bytes", "Memory that nothing uses.", memory.free as f64),
        (
            "memory_virtual_percent",
            "Share of the memory that is not available, percent.",
            percent(unavailable, memory.total),
        ),
    ];
    push_gauges(rows, out);
}

fn push_swap(memory: Memory, out: &mut Vec<Family>) {
    let used = memory.swap_total.saturating_sub(memory.swap_free);
    let rows = [
        ("memory_swap_total_bytes", "Swap space.", memory.swap_total as f64),
        ("memory_swap_used_bytes", "Swap space in use.", used as f64),
        ("memory_swap_free_bytes", "Swap space that nothing uses.", memory.swap_free as f64),
        (
            "memory_swap_percent",
            "Share of the swap space in use, percent; 0 without swap space.",
            percent(used, memory.swap_total),
        ),
    ];
    push_gauges(rows, out);
}

/// The swap traffic of `/proc/vmstat`, in pages as the kernel counts it, and in bytes.
fn push_swapped(vmstat: &str, out: &mut Vec<Family>) {
    let page_bytes = rustix::param::page_size() as u64;
    let lines = vmstat.lines().filter_map(|line| line.split_once(' '));
    for (key, value) in lines {
        let names = match key {
            "pswpin" => ("memory_swap_sin_total", "memory_swap_sin_bytes_total", "in"),
            "pswpout" => ("memory_swap_sout_total", "memory_swap_sout_bytes_total", "out"),
            _ => continue,
        };
        let Ok(n_pages) = value.trim().parse::<u64>() else {
            continue;
        };
        let (in_pages, in_bytes, way) = names;
        let pages = Family::counter(in_pages, format!("Pages swapped {way} since boot."));
        out.push(pages.with_value(n_pages as f64));
        let bytes = Family::counter(in_bytes, format!("Bytes swapped {way} since boot."));
        out.push(bytes.with_value(n_pages.saturating_mul(page_bytes) as f64));
    }
}
