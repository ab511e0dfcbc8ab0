//! Idle: what watching this one machine costs while nobody looks, beside the three programs that
//! are its usual alternative, in the same minute.

use std::time::Duration;

use crate::Bench;
use crate::peers::Peers;
use crate::process::{self, FineMeter};
use crate::report::{Report, Row, complain};
use crate::server::Server;

const WARM_UP: Duration = Duration::from_secs(30);
const N_SECONDS: u32 = 60;
const RESIDENT_BYTES_MAX: u64 = 25_000_000;

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let peers = Peers::start(bench)?;
    let server = Server::start(bench, "idle", &[("UPDATE_INTERVAL", "15")])?;
    complain(&format!("idle: {} s to warm up, {N_SECONDS} s measured", WARM_UP.as_secs()));
    std::thread::sleep(WARM_UP);
    let [ours, theirs] = watch([&server.pids(), &peers.pids()])?;

    let beside = |figure: String| format!("prometheus + node_exporter + alertmanager: {figure}");
    let mb = |use_: &Use| format!("{:.1} MB", use_.resident_bytes_max as f64 / 1e6);
    let row = Row::new("idle, resident memory (largest)", mb(&ours)).beside(beside(mb(&theirs)));
    report.add(row.limit("25 MB", ours.resident_bytes_max <= RESIDENT_BYTES_MAX));
    let share = |use_: &Use| format!("{:.3} % of a core", use_.core_percent());
    let row = Row::new("idle, processor", share(&ours)).beside(beside(share(&theirs)));
    report.add(row.limit("the three together", ours.cpu <= theirs.cpu));
    Ok(())
}

/// What a group of processes used.
struct Use {
    resident_bytes_max: u64,
    cpu: Duration,
}

impl Use {
    fn core_percent(&self) -> f64 {
        self.cpu.as_secs_f64() / f64::from(N_SECONDS) * 100.0
    }
}

/// Watches both groups over the same time.
fn watch(groups: [&[u32]; 2]) -> anyhow::Result<[Use; 2]> {
    let mut watched = groups.map(Watched::new);
    for watched in &mut watched {
        watched.before = watched.meter.look(watched.pids)?;
    }
    for _ in 0..N_SECONDS {
        std::thread::sleep(Duration::from_secs(1));
        for watched in &mut watched {
            watched.look()?;
        }
    }
    Ok(watched.map(|watched| watched.used))
}

struct Watched<'a> {
    pids: &'a [u32],
    meter: FineMeter,
    before: Duration,
    used: Use,
}

impl<'a> Watched<'a> {
    fn new(pids: &'a [u32]) -> Self {
        let used = Use { resident_bytes_max: 0, cpu: Duration::ZERO };
        Self { pids, meter: FineMeter::default(), before: Duration::ZERO, used }
    }

    fn look(&mut self) -> anyhow::Result<()> {
        self.used.cpu = self.meter.look(self.pids)?.saturating_sub(self.before);
        let resident_bytes = process::resident_bytes(self.pids)?;
        self.used.resident_bytes_max = self.used.resident_bytes_max.max(resident_bytes);
        Ok(())
    }
}
