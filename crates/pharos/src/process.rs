//! Process: what the operating system says about this process, under the names that every
//! Prometheus client library uses.

use std::fs;

use model::Family;

/// Kernel ticks per second as user space sees them; fixed by the Linux ABI.
const TICKS_PER_SECOND: f64 = 100.0;

/// The `process_*` families; those that cannot be read are left out.
pub(crate) fn families() -> Vec<Family> {
    let mut families = Vec::new();
    if let Ok(stat) = fs::read_to_string("/proc/self/stat") {
        from_stat(&stat, boot_time_s(), &mut families);
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        let help = "File descriptors this process has open.";
        families.push(Family::gauge("process_open_fds", help).with_value(entries.count() as f64));
    }
    if let Some(max) = fs::read_to_string("/proc/self/limits").ok().as_deref().and_then(max_fds) {
        let help = "File descriptors this process may have open.";
        families.push(Family::gauge("process_max_fds", help).with_value(max));
    }
    families
}

/// The fields of `/proc/<pid>/stat`, proc(5), counted from the one after the command's name.
fn from_stat(stat: &str, boot_time_s: Option<f64>, families: &mut Vec<Family>) {
    // The name stands in parentheses and may itself contain blanks and parentheses.
    let Some((_, rest)) = stat.rsplit_once(')') else { return };
    let fields: Vec<f64> = rest.split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
    let field = |number: usize| fields.get(number - 3).copied();
    let (Some(user), Some(system)) = (field(14), field(15)) else { return };
    families.push(
        Family::counter("process_cpu_seconds_total", "Processor time this process has used.")
            .with_value((user + system) / TICKS_PER_SECOND),
    );
    for (name, help, value) in [
        ("process_threads", "Threads of this process.", field(20)),
        ("process_virtual_memory_bytes", "Address space of this process.", field(23)),
        (
            "process_resident_memory_bytes",
            "Memory of this process that is in RAM.",
            field(24).map(|pages| pages * rustix::param::page_size() as f64),
        ),
        (
            "process_start_time_seconds",
            "When this process started, Unix seconds.",
            field(22).zip(boot_time_s).map(|(ticks, boot)| boot + ticks / TICKS_PER_SECOND),
        ),
    ] {
        families.extend(value.map(|value| Family::gauge(name, help).with_value(value)));
    }
}

fn boot_time_s() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn max_fds(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{families, from_stat, max_fds};

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let fields: Vec<String> = (4..=52).map(|number| number.to_string()).collect();
        let stat = format!("7 (a ) b) S {}", fields.join(" "));
        let mut families = Vec::new();
        from_stat(&stat, Some(1000.0), &mut families);
        let value = |name: &str| families.iter().find(|f| f.name == name).unwrap().points[0].value;
        assert_eq!(value("process_cpu_seconds_total"), (14.0 + 15.0) / 100.0);
        assert_eq!(value("process_virtual_memory_bytes"), 23.0);
        assert_eq!(value("process_start_time_seconds"), 1000.22);
    }

    #[test]
    fn this_process_is_seen() {
        assert_eq!(families().len(), 7);
        assert_eq!(max_fds("Max open files            1024     4096     files\n"), Some(1024.0));
    }
}
