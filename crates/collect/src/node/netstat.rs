//! netstat: protocol counters of IP, ICMP, TCP and UDP, untyped as dashboards expect them.

use std::sync::Arc;

use model::{Family, MetricKind};

use super::families::Families;
use super::kernel::{metric_word, number};
use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct NetStat {
    roots: Arc<Roots>,
}

impl NetStat {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for NetStat {
    fn name(&self) -> &'static str {
        "netstat"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let mut families = Families::default();
        for file in ["net/netstat", "net/snmp"] {
            add_tables(&self.roots.read_proc(file)?, &mut families);
        }
        match self.roots.read_proc("net/snmp6") {
            Ok(text) => add_lines(&text, &mut families),
            Err(CollectError::Absent) => {} // a kernel without IPv6
            Err(error) => return Err(error),
        }
        families.finish(out);
        Ok(())
    }
}

fn add(families: &mut Families, protocol: &str, word: &str, value: &str) {
    if let Some(value) = number(value).filter(|_| is_shown(protocol, word)) {
        let name = format!("node_netstat_{}_{}", metric_word(protocol), metric_word(word));
        let description = ("A counter of the network stack.", MetricKind::Untyped);
        families.set(name, description, value);
    }
}

/// Pairs of lines, words above and numbers below: `Udp: InDatagrams NoPorts` / `Udp: 280 0`.
fn add_tables(text: &str, families: &mut Families) {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    while let (Some((protocol, words)), Some((below, values))) = (lines.next(), lines.next()) {
        if protocol != below {
            return;
        }
        let values = values.split_ascii_whitespace();
        for (word, value) in words.split_ascii_whitespace().zip(values) {
            add(families, protocol, word, value);
        }
    }
}

/// `Udp6InDatagrams   280`: the protocol ends with its 6.
fn add_lines(text: &str, families: &mut Families) {
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        if let (Some(key), Some(value)) = (fields.next(), fields.next())
            && let Some(six) = key.find('6')
        {
            let (protocol, word) = key.split_at(six + 1);
            add(families, protocol, word, value);
        }
    }
}

/// The counters shown of several hundred, those of node_exporter's default.
fn is_shown(protocol: &str, word: &str) -> bool {
    if matches!(word, "InErrors" | "InErrs") {
        return true;
    }
    match protocol {
        "Ip" => word == "Forwarding",
        "Ip6" | "IpExt" => matches!(word, "InOctets" | "OutOctets"),
        "Icmp" | "Icmp6" => matches!(word, "InMsgs" | "OutMsgs"),
        "TcpExt" => {
            let starts = word.starts_with("Listen") || word.starts_with("Syncookies");
            let named = ["TCPSynRetrans", "TCPTimeouts", "TCPOFOQueue", "TCPRcvQDrop"];
            starts || named.contains(&word)
        }
        "Tcp" => matches!(
            word,
            "ActiveOpens"
                | "CurrEstab"
                | "InSegs"
                | "OutRsts"
                | "OutSegs"
                | "PassiveOpens"
                | "RetransSegs"
        ),
        "Udp" | "Udp6" => matches!(
            word,
            "InDatagrams" | "NoPorts" | "OutDatagrams" | "RcvbufErrors" | "SndbufErrors"
        ),
        _ => false,
    }
}
