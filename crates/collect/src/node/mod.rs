//! This host, read from /proc, /sys and a few system calls into the `node_*` families.
//!
//! Names, types, labels and units are those of node_exporter's defaults, so that published
//! dashboards and rules keep working. One file per subject, named by node_exporter's word for it;
//! the next one is a file with an `impl Collector` and a line in [`collectors`].

mod arp;
mod bonding;
mod clock_calls;
mod conntrack;
mod cpu;
mod cpufreq;
mod diskstats;
mod dmi;
mod edac;
mod entropy;
mod families;
mod fibrechannel;
mod filefd;
mod filesystem;
mod hwmon;
mod infiniband;
mod kernel;
mod loadavg;
mod mdadm;
mod meminfo;
mod netclass;
mod netdev;
mod netstat;
mod nfs;
mod nvme;
mod os;
mod powersupplyclass;
mod pressure;
mod rapl;
mod schedstat;
mod selinux;
mod sockstat;
mod softnet;
mod stat;
mod table;
mod textfile;
mod thermal_zone;
mod time;
mod timex;
mod udev;
mod udp_queues;
mod uname;
mod vmstat;
mod watchdog;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::{Collector, Roots};

/// Every collector of this folder, in the order they run.
pub(crate) fn collectors(roots: &Roots) -> Vec<Box<dyn Collector>> {
    let roots = Arc::new(roots.clone());
    vec![
        Box::new(arp::Arp::new(&roots)),
        Box::new(bonding::Bonding::new(&roots)),
        Box::new(conntrack::Conntrack::new(&roots)),
        Box::new(cpu::Cpu::new(&roots)),
        Box::new(cpufreq::CpuFreq::new(&roots)),
        Box::new(diskstats::DiskStats::new(&roots)),
        Box::new(dmi::Dmi::new(&roots)),
        Box::new(edac::Edac::new(&roots)),
        Box::new(entropy::Entropy::new(&roots)),
        Box::new(fibrechannel::FibreChannel::new(&roots)),
        Box::new(filefd::FileFd::new(&roots)),
        Box::new(filesystem::Filesystem::new(&roots)),
        Box::new(hwmon::Hwmon::new(&roots)),
        Box::new(infiniband::InfiniBand::new(&roots)),
        Box::new(loadavg::LoadAvg::new(&roots)),
        Box::new(mdadm::Mdadm::new(&roots)),
        Box::new(meminfo::MemInfo::new(&roots)),
        Box::new(netclass::NetClass::new(&roots)),
        Box::new(netdev::NetDev::new(&roots)),
        Box::new(netstat::NetStat::new(&roots)),
        Box::new(nfs::Nfs::new(&roots)),
        Box::new(nvme::Nvme::new(&roots)),
        Box::new(os::Os::new(&roots)),
        Box::new(powersupplyclass::PowerSupplyClass::new(&roots)),
        Box::new(pressure::Pressure::new(&roots)),
        Box::new(rapl::Rapl::new(&roots)),
        Box::new(schedstat::SchedStat::new(&roots)),
        Box::new(selinux::Selinux::new(&roots)),
        Box::new(sockstat::SockStat::new(&roots)),
        Box::new(softnet::Softnet::new(&roots)),
        Box::new(stat::Stat::new(&roots)),
        Box::new(textfile::TextFile),
        Box::new(thermal_zone::ThermalZone::new(&roots)),
        Box::new(time::Time::new(&roots)),
        Box::new(timex::Timex),
        Box::new(udp_queues::UdpQueues::new(&roots)),
        Box::new(uname::Uname),
        Box::new(vmstat::VmStat::new(&roots)),
        Box::new(watchdog::Watchdog::new(&roots)),
    ]
}
