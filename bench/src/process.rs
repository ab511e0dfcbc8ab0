//! Process: a child that ends with its owner, and what the kernel says it used.

use std::collections::HashMap;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal};
use stdx::Clock;

/// A running child; it is killed when this is dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let program = command.get_program().to_owned();
        let child = command.spawn();
        child.map(Self).with_context(|| format!("cannot start {}", program.display()))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Asks it to end and waits until it has; gives the processor time of its whole life.
    ///
    /// # Errors
    /// When it is still there after `patience`.
    pub(crate) fn end(mut self, clock: &dyn Clock, patience: Duration) -> anyhow::Result<Duration> {
        let pid = i32::try_from(self.pid()).context("a process number is small")?;
        let pid = Pid::from_raw(pid).context("a process number is not 0")?;
        rustix::process::kill_process(pid, Signal::TERM).context("cannot end the process")?;
        let deadline = clock.monotonic() + patience;
        // Until it is waited for, an ended process still says what it used.
        while !has_ended(self.pid())? {
            ensure!(clock.monotonic() < deadline, "the process does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let used = cpu_time(&[self.pid()])?;
        self.0.wait().context("cannot wait for the process")?;
        Ok(used)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The processor time that these processes have used so far, all their threads together.
pub(crate) fn cpu_time(pids: &[u32]) -> anyhow::Result<Duration> {
    let ticks: u64 = pids.iter().map(|pid| cpu_ticks(*pid)).sum::<anyhow::Result<u64>>()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

fn cpu_ticks(pid: u32) -> anyhow::Result<u64> {
    let stat = stat(pid)?;
    let field = |at: usize| stat.split(' ').nth(at).and_then(|word| word.parse::<u64>().ok());
    let (user, system) = (field(11), field(12));
    let ticks = user.zip(system).map(|(user, system)| user + system);
    ticks.with_context(|| format!("/proc/{pid}/stat is odd"))
}

fn has_ended(pid: u32) -> anyhow::Result<bool> {
    Ok(stat(pid)?.starts_with('Z'))
}

/// `/proc/<pid>/stat` from the state on.
fn stat(pid: u32) -> anyhow::Result<String> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    // The command's name may hold blanks and parentheses; what follows its last one does not.
    let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    Ok(rest.to_owned())
}

/// Counts the processor time of idle processes, of which a clock tick is too coarse a measure. It
/// looks at each thread; a thread that ends takes with it what it used since the last look.
#[derive(Default)]
pub(crate) struct FineMeter {
    seen_ns: HashMap<String, u64>,
    used_ns: u64,
}

impl FineMeter {
    /// Adds what the threads used since the last look. What they used before the first one counts
    /// too: callers subtract.
    pub(crate) fn look(&mut self, pids: &[u32]) -> anyhow::Result<Duration> {
        for pid in pids {
            let dir = format!("/proc/{pid}/task");
            for thread in std::fs::read_dir(&dir).with_context(|| format!("cannot read {dir}"))? {
                let path = thread?.path().join("schedstat").display().to_string();
                // The thread may have ended meanwhile.
                let Ok(text) = std::fs::read_to_string(&path) else { continue };
                let on_cpu = text.split(' ').next().and_then(|word| word.parse::<u64>().ok());
                let on_cpu_ns = on_cpu.with_context(|| format!("{path} is odd"))?;
                let before_ns = self.seen_ns.insert(path, on_cpu_ns).unwrap_or(0);
                self.used_ns += on_cpu_ns.saturating_sub(before_ns);
            }
        }
        Ok(Duration::from_nanos(self.used_ns))
    }
}

/// The memory of these processes that is in RAM, bytes. Pages they share count for each.
pub(crate) fn resident_bytes(pids: &[u32]) -> anyhow::Result<u64> {
    pids.iter().map(|pid| resident_bytes_of(*pid)).sum()
}

fn resident_bytes_of(pid: u32) -> anyhow::Result<u64> {
    status_bytes(pid, "VmRSS")
}

/// Lets [`resident_bytes_peak`] begin anew.
#[expect(clippy::disallowed_methods, reason = "the kernel's file is no file on a disk")]
pub(crate) fn forget_resident_peak(pid: u32) -> anyhow::Result<()> {
    let path = format!("/proc/{pid}/clear_refs");
    std::fs::write(&path, "5").with_context(|| format!("cannot write {path}"))
}

/// The most memory of this process that ever was in RAM, bytes.
pub(crate) fn resident_bytes_peak(pid: u32) -> anyhow::Result<u64> {
    status_bytes(pid, "VmHWM")
}

fn status_bytes(pid: u32, what: &str) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let rest = text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    let kib = rest.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).with_context(|| format!("{path} has no {what}"))
}
