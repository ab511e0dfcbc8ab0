//! nfs: what this host asks of NFS servers, from /proc/net/rpc/nfs.

use std::sync::Arc;

use model::{Family, Labels};

use super::kernel::number;
use super::table::{Column, Table};
use crate::{CollectError, Collector, Moment, Roots};

/// The place of each number after the word `rpc`.
const RPC: &[Column] = &[
    Column::counter("0", "node_nfs_rpcs_total", "Calls made."),
    Column::counter("1", "node_nfs_rpc_retransmissions_total", "Calls repeated."),
    Column::counter(
        "2",
        "node_nfs_rpc_authentication_refreshes_total",
        "Times the credentials were renewed.",
    ),
];

/// The procedures of each version in the kernel's order; newer kernels know more of them.
const VERSION_2: &str = "Null GetAttr SetAttr Root Lookup ReadLink Read WrCache Write Create Remove \
     Rename Link SymLink MkDir RmDir ReadDir FsStat";
const VERSION_3: &str = "Null GetAttr SetAttr Lookup Access ReadLink Read Write Create MkDir \
     SymLink MkNod Remove RmDir Rename Link ReadDir ReadDirPlus FsStat FsInfo PathConf Commit";
const VERSION_4: &str = "Null Read Write Commit Open OpenConfirm OpenNoattr OpenDowngrade Close \
     Setattr FsInfo Renew SetClientID SetClientIDConfirm Lock Lockt Locku Access Getattr Lookup \
     LookupRoot Remove Rename Link Symlink Create Pathconf StatFs ReadLink ReadDir ServerCaps \
     DelegReturn GetACL SetACL FsLocations ReleaseLockowner Secinfo FsidPresent ExchangeID \
     CreateSession DestroySession Sequence GetLeaseTime ReclaimComplete GetDeviceInfo LayoutGet \
     LayoutCommit LayoutReturn SecinfoNoName TestStateID FreeStateID GetDeviceList \
     BindConnToSession DestroyClientID Seek Allocate DeAllocate LayoutStats Clone";

pub(super) struct Nfs {
    roots: Arc<Roots>,
}

impl Nfs {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Nfs {
    fn name(&self) -> &'static str {
        "nfs"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = self.roots.read_proc("net/rpc/nfs")?;
        push_network(&numbers(&text, "net"), out);
        let rpc = numbers(&text, "rpc");
        let mut table = Table::new(RPC);
        table.row(&Labels::default(), |column| {
            rpc.get(column.source.parse::<usize>().ok()?).copied()
        });
        table.finish(out);

        let mut requests = Family::counter("node_nfs_requests_total", "Procedures called.");
        for (line, version, procedures) in
            [("proc2", "2", VERSION_2), ("proc3", "3", VERSION_3), ("proc4", "4", VERSION_4)]
        {
            // The first number says how many follow.
            let counts = numbers(&text, line).into_iter().skip(1);
            for (method, count) in procedures.split_ascii_whitespace().zip(counts) {
                requests.push_with([("method", method), ("proto", version)], count);
            }
        }
        if !requests.points.is_empty() {
            out.push(requests);
        }
        Ok(())
    }
}

/// `net 18628 0 18628 6`: packets in all, by UDP, by TCP, and connections.
fn push_network(numbers: &[f64], out: &mut Vec<Family>) {
    let [_, udp, tcp, connections] = *numbers else {
        return;
    };
    let mut packets = Family::counter("node_nfs_packets_total", "Packets sent and received.");
    packets.push_with([("protocol", "udp")], udp);
    packets.push_with([("protocol", "tcp")], tcp);
    out.push(packets);
    let made = Family::counter("node_nfs_connections_total", "TCP connections made.");
    out.push(made.with_value(connections));
}

/// The numbers of the line that begins with this word.
fn numbers(text: &str, word: &str) -> Vec<f64> {
    let mut lines = text.lines().map(str::split_ascii_whitespace);
    let line = lines.find_map(|mut fields| (fields.next() == Some(word)).then_some(fields));
    line.map(|fields| fields.map_while(number).collect()).unwrap_or_default()
}
