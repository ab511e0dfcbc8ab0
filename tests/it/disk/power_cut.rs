//! Power cuts: the disk stops in the middle of the load, and comes back with what was synced.

use crate::durability::{Load, Random, environment, live_again_and_again};
use e2e::Server;

use super::loop_disk::LoopDisk;

/// Cuts in each run of the tests; `make soak` asks for more.
const N_CUTS: u32 = 5;
/// A long run begins with an empty disk now and then, or reading back would take most of it.
const CUTS_PER_DISK: u32 = 20;
const DISK_MEBIBYTES: u64 = 512;

#[test]
fn power_cuts_under_load_lose_nothing_and_double_nothing() {
    let mut random = Random::from_environment();
    let mut n_left = environment("PHAROS_POWER_CUTS").unwrap_or(N_CUTS);
    while n_left > 0 {
        let Some(disk) = LoopDisk::mount(DISK_MEBIBYTES) else { return };
        let n_here = n_left.min(CUTS_PER_DISK);
        let cut = |server: &mut Server, load: &Load| {
            // First, because a sync that is under way while the disk goes may come back with
            // success: the kernel finds the journal gone and nothing left to wait for.
            load.cut_line();
            disk.cut_power();
            server.kill();
            disk.mount_again();
        };
        let outcome = live_again_and_again(&disk.data_dir(), n_here, &mut random, cut);
        println!("{n_here} power cuts, {outcome}");
        assert!(outcome.refusals.is_empty(), "refused before the cut: {:?}", outcome.refusals);
        n_left -= n_here;
    }
}
