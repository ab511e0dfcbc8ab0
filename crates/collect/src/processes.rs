//! Processes: how many there are in each state, and how many threads the machine runs.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::{Family, Labels};
use stdx::Clock;

use crate::pace::Pace;
use crate::{CollectError, Collector, Moment, Roots};

/// Beyond this many processes they are counted without reading each one's state.
const STATES_READ_MAX: usize = 4096;

/// The store's usual interval gets a fresh reading, the live view repeats it.
const SPACING: Duration = Duration::from_secs(9);

/// The states in the order of their samples; the last one is every process whose state was not
/// read.
const STATES: [&str; 7] =
    ["running", "sleeping", "disk_sleep", "stopped", "zombie", "idle", "unknown"];
const UNKNOWN: usize = STATES.len() - 1;

pub(crate) struct ProcessesCollector {
    roots: Roots,
    pace: Pace,
    last: Option<Census>,
    states_read_max: usize,
}

impl ProcessesCollector {
    pub(crate) fn new(roots: Roots, clock: Arc<dyn Clock>) -> Self {
        Self {
            roots,
            pace: Pace::new(clock, SPACING),
            last: None,
            states_read_max: STATES_READ_MAX,
        }
    }
}

impl Collector for ProcessesCollector {
    fn name(&self) -> &'static str {
        "host_processes"
    }

    fn collect(&mut self, moment: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let (proc, max) = (&self.roots.proc, self.states_read_max);
        let read = self.pace.read(moment.monotonic, || Census::take(proc, max));
        if let Some(census) = read {
            self.last = None;
            self.last = Some(census?);
        }
        // A reading that failed is repeated as what it was: nothing.
        let census = self.last.as_ref().ok_or(CollectError::Absent)?;
        out.extend(census.families());
        let loadavg = self.roots.read_proc("loadavg")?;
        let threads = Family::gauge("host_threads", "Threads of the whole machine.");
        out.push(threads.with_value(parse_threads(&loadavg)?));
        Ok(())
    }
}

/// The processes by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Census {
    by_state: [usize; STATES.len()],
    truncated: bool,
}

impl Census {
    fn take(proc: &Path, states_read_max: usize) -> Result<Self, CollectError> {
        let pids = pids(proc)?;
        let mut by_state = [0; STATES.len()];
        let truncated = pids.len() > states_read_max;
        if truncated {
            by_state[UNKNOWN] = pids.len();
        } else {
            for pid in &pids {
                // A process that ended meanwhile is none.
                if let Some(state) = read_state(&proc.join(pid).join("stat")) {
                    by_state[state] += 1;
                }
            }
        }
        Ok(Self { by_state, truncated })
    }

    fn families(&self) -> [Family; 2] {
        let mut by_state = Family::gauge(
            "host_processes",
            "Processes by state; all are \"unknown\" when there are too many to ask each one.",
        );
        for (state, n) in STATES.iter().zip(self.by_state) {
            by_state.push(Labels::default().with("state", state), n as f64);
        }
        let truncated = Family::gauge(
            "host_processes_truncated",
            "1 when there are too many processes to read their states.",
        );
        let flag = f64::from(u8::from(self.truncated));
        [by_state, truncated.with_value(flag)]
    }
}

/// The folders of `/proc` that are processes.
fn pids(proc: &Path) -> Result<Vec<String>, CollectError> {
    let entries =
        fs::read_dir(proc).map_err(|cause| CollectError::Read { path: proc.to_owned(), cause })?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter(|name| name.bytes().all(|b| b.is_ascii_digit())).collect())
}

/// The place in [`STATES`] of one process; `None` when it is gone.
fn read_state(stat: &Path) -> Option<usize> {
    // The state stands behind a number and a name of at most 64 bytes.
    let mut buf = [0; 256];
    let n = File::open(stat).ok()?.read(&mut buf).ok()?;
    let letter = state_letter(&buf[..n]);
    Some(letter.map_or(UNKNOWN, state_of))
}

/// `12 (a (name) b) S 1 ...` -> `S`. The name may hold any byte, parentheses too.
fn state_letter(stat: &[u8]) -> Option<u8> {
    let name_end = stat.iter().rposition(|b| *b == b')')?;
    stat.get(name_end + 2).copied()
}

/// See `proc_pid_stat(5)`.
fn state_of(letter: u8) -> usize {
    match letter {
        b'R' => 0,
        b'S' => 1,
        b'D' => 2,
        b'T' | b't' => 3,
        b'Z' => 4,
        b'I' | b'P' => 5,
        _ => UNKNOWN,
    }
}

/// The fourth word of `/proc/loadavg` is `runnable/threads`.
fn parse_threads(loadavg: &str) -> Result<f64, CollectError> {
    let word = loadavg.split_ascii_whitespace().nth(3);
    let threads = word.and_then(|word| word.split_once('/')?.1.parse::<u32>().ok());
    threads.map(f64::from).ok_or_else(|| CollectError::Malformed {
        source_name: "/proc/loadavg".into(),
        reason: "no number of threads".into(),
    })
}

#[cfg(test)]
mod tests;
