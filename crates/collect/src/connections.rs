//! Connections: how many sockets there are in each state.
//!
//! The state of every socket stands only in the kernel's tables, which are dear to walk; the
//! kernel's own counters tell beforehand when a table is too large, and then they are the answer.

mod table;

use std::sync::Arc;
use std::time::Duration;

use model::{Family, Labels};
use stdx::Clock;

use crate::pace::Pace;
use crate::{CollectError, Collector, Moment, Roots};
use table::{OTHER, STATES, States};

/// Beyond this many TCP sockets, or UDP sockets, their table is not read.
const SOCKETS_MAX: u64 = 4096;

/// The store's usual interval gets a fresh reading, the live view repeats it.
const SPACING: Duration = Duration::from_secs(9);

const TCP_ESTABLISHED: usize = 1;
const TCP_TIME_WAIT: usize = 6;

pub(crate) struct ConnectionsCollector {
    roots: Roots,
    pace: Pace,
    last: Option<Connections>,
    sockets_max: u64,
}

impl ConnectionsCollector {
    pub(crate) fn new(roots: Roots, clock: Arc<dyn Clock>) -> Self {
        Self { roots, pace: Pace::new(clock, SPACING), last: None, sockets_max: SOCKETS_MAX }
    }
}

impl Collector for ConnectionsCollector {
    fn name(&self) -> &'static str {
        "host_connections"
    }

    fn collect(&mut self, moment: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let (roots, max) = (&self.roots, self.sockets_max);
        let read = self.pace.read(moment.monotonic, || Connections::read(roots, max));
        if let Some(connections) = read {
            self.last = None;
            self.last = Some(connections?);
        }
        // A reading that failed is repeated as what it was: nothing.
        let connections = self.last.as_ref().ok_or(CollectError::Absent)?;
        out.extend(connections.families());
        Ok(())
    }
}

/// The sockets of this network namespace, IPv4 and IPv6 together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Connections {
    tcp: States,
    udp: States,
    truncated: bool,
}

impl Connections {
    fn read(roots: &Roots, sockets_max: u64) -> Result<Self, CollectError> {
        let counters = Counters::read(roots)?;
        let mut connections = Self::default();
        if counters.tcp() > sockets_max {
            connections.truncated = true;
            connections.tcp = counters.tcp_states();
        } else {
            connections.tcp = read_tables(roots, ["net/tcp", "net/tcp6"])?;
        }
        if counters.udp > sockets_max {
            connections.truncated = true;
            connections.udp[OTHER] = counters.udp;
        } else {
            connections.udp = read_tables(roots, ["net/udp", "net/udp6"])?;
        }
        Ok(connections)
    }

    fn families(&self) -> [Family; 2] {
        let mut by_state = Family::gauge(
            "host_connections",
            "Sockets by protocol and state, IPv4 and IPv6 together; \"unknown\" are those whose \
             state was not read.",
        );
        let mut push = |protocol: &str, state: &str, n: u64| {
            let labels = Labels::default().with("protocol", protocol).with("state", state);
            by_state.push(labels, n as f64);
        };
        for (state, n) in STATES.iter().zip(self.tcp) {
            push("tcp", state, n);
        }
        let udp_established = self.udp[TCP_ESTABLISHED];
        let udp_all: u64 = self.udp.iter().sum();
        let udp_rest = udp_all - udp_established - self.udp[OTHER];
        push("udp", "established", udp_established);
        push("udp", "unconnected", udp_rest);
        push("udp", STATES[OTHER], self.udp[OTHER]);
        let truncated = Family::gauge(
            "host_connections_truncated",
            "1 when there are too many sockets to read their states.",
        );
        let flag = f64::from(u8::from(self.truncated));
        [by_state, truncated.with_value(flag)]
    }
}

/// Both tables of a protocol; without IPv6 there is one.
fn read_tables(roots: &Roots, files: [&str; 2]) -> Result<States, CollectError> {
    let mut states = States::default();
    for file in files {
        match table::read(&roots.proc.join(file), &mut states) {
            Ok(()) | Err(CollectError::Absent) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(states)
}

/// What the kernel counts without a walk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counters {
    tcp_in_use: u64,
    tcp_time_wait: u64,
    tcp_established: u64,
    udp: u64,
}

impl Counters {
    fn read(roots: &Roots) -> Result<Self, CollectError> {
        let sockstat = roots.read_proc("net/sockstat")?;
        let sockstat6 = roots.read_proc("net/sockstat6").unwrap_or_default();
        let snmp = roots.read_proc("net/snmp").unwrap_or_default();
        let in_use = |text: &str, key: &str| named_number(text, key, "inuse");
        Ok(Self {
            tcp_in_use: in_use(&sockstat, "TCP:") + in_use(&sockstat6, "TCP6:"),
            tcp_time_wait: named_number(&sockstat, "TCP:", "tw"),
            tcp_established: established(&snmp),
            udp: in_use(&sockstat, "UDP:") + in_use(&sockstat6, "UDP6:"),
        })
    }

    /// A socket that waits out its time is no longer in use.
    fn tcp(self) -> u64 {
        self.tcp_in_use + self.tcp_time_wait
    }

    fn tcp_states(self) -> States {
        let mut states = States::default();
        states[TCP_ESTABLISHED] = self.tcp_established;
        states[TCP_TIME_WAIT] = self.tcp_time_wait;
        states[OTHER] = self.tcp_in_use.saturating_sub(self.tcp_established);
        states
    }
}

/// `TCP: inuse 5 orphan 0 tw 2`, key `TCP:`, name `tw` -> 2; 0 when it is not there. A number that
/// no machine reaches is cut to 32 bits, so that sums stay sums.
fn named_number(text: &str, key: &str, name: &str) -> u64 {
    let find = || {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        let mut words = line.split_ascii_whitespace();
        words.find(|word| *word == name)?;
        words.next()?.parse::<u64>().ok()
    };
    find().unwrap_or(0).min(u64::from(u32::MAX))
}

/// `CurrEstab` of `/proc/net/snmp`, where a line of names stands above a line of numbers.
fn established(snmp: &str) -> u64 {
    let find = || {
        let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Tcp:"));
        let mut names = lines.next()?.split_ascii_whitespace();
        let at = names.position(|name| name == "CurrEstab")?;
        let number = lines.next()?.split_ascii_whitespace().nth(at)?;
        number.parse::<u32>().ok()
    };
    find().map_or(0, u64::from)
}

#[cfg(test)]
mod tests;
