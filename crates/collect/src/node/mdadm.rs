//! mdadm: Linux software RAID, from /proc/mdstat.

use std::sync::Arc;

use model::Family;

use super::kernel::number;
use crate::{CollectError, Collector, Moment, Roots};

const STATES: [&str; 5] = ["active", "check", "inactive", "recovering", "resync"];

pub(super) struct Mdadm {
    roots: Arc<Roots>,
}

impl Mdadm {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Mdadm {
    fn name(&self) -> &'static str {
        "mdadm"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = self.roots.read_proc("mdstat")?;
        let arrays = parse(&text);
        if !arrays.is_empty() {
            push_families(&arrays, out);
        }
        Ok(())
    }
}

fn push_families(arrays: &[Array<'_>], out: &mut Vec<Family>) {
    let mut blocks = Family::gauge("node_md_blocks", "The array's size in blocks of 1 KiB.");
    let mut synced = Family::gauge("node_md_blocks_synced", "Blocks that are in sync.");
    let mut disks = Family::gauge("node_md_disks", "The array's disks by state.");
    let mut required = Family::gauge("node_md_disks_required", "Disks the array should have.");
    let mut state = Family::gauge("node_md_state", "1 for the state the array is in.");
    for array in arrays {
        let device = array.device;
        blocks.push_with([("device", device)], array.blocks);
        synced.push_with([("device", device)], array.blocks_synced);
        required.push_with([("device", device)], f64::from(array.disks_required));
        for (word, n) in [
            ("active", array.disks_active),
            ("failed", array.disks_failed),
            ("spare", array.disks_spare),
        ] {
            disks.push_with([("device", device), ("state", word)], f64::from(n));
        }
        for word in STATES {
            let is_in = if array.state == word { 1.0 } else { 0.0 };
            state.push_with([("device", device), ("state", word)], is_in);
        }
    }
    out.extend([blocks, synced, disks, required, state]);
}

/// One RAID array.
#[derive(Debug, Default, PartialEq)]
struct Array<'a> {
    device: &'a str,
    state: &'a str,
    blocks: f64,
    blocks_synced: f64,
    disks_active: u32,
    disks_required: u32,
    disks_failed: u32,
    disks_spare: u32,
}

/// An array is a line that starts at the margin and the indented lines below it.
///
/// ```text
/// md0 : active raid1 sdb1[1] sda1[0](F)
///       248896 blocks [2/1] [_U]
///       [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min
/// ```
fn parse(text: &str) -> Vec<Array<'_>> {
    let mut arrays = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(array) = arrays.last_mut() {
                parse_detail(line, array);
            }
        } else if let Some(array) = parse_head(line)
            && arrays.iter().all(|known: &Array<'_>| known.device != array.device)
        {
            arrays.push(array);
        }
    }
    arrays
}

fn parse_head(line: &str) -> Option<Array<'_>> {
    let (device, rest) = line.split_once(" : ")?;
    if matches!(device.trim(), "Personalities" | "unused devices") {
        return None;
    }
    let mut words = rest.split_ascii_whitespace();
    let mut array = Array {
        device: device.trim(),
        // Anything but `active` is an array that does not run.
        state: match words.next()? {
            "active" => "active",
            _ => "inactive",
        },
        ..Array::default()
    };
    // Personalities and `(auto-read-only)` aside, each word is a disk: `sda1[0]`, `sdb1[1](F)`.
    for word in words.filter(|word| word.contains('[')) {
        match word.rsplit_once('(') {
            Some((_, "F)")) => array.disks_failed += 1,
            Some((_, "S)")) => array.disks_spare += 1,
            _ => array.disks_active += 1,
        }
    }
    array.disks_required = array.disks_active;
    Some(array)
}

fn parse_detail<'a>(line: &'a str, array: &mut Array<'a>) {
    if let Some((blocks, rest)) = line.split_once(" blocks") {
        if let Some(blocks) = number(blocks.trim()) {
            array.blocks = blocks;
            array.blocks_synced = blocks;
        }
        // `[2/1]`: two disks wanted, one at work. A stripe without redundancy has no such word.
        let mut words = rest.split_ascii_whitespace();
        let pair = words.find_map(|word| {
            let (required, active) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
            Some((required.parse().ok()?, active.parse().ok()?))
        });
        if let Some((required, active)) = pair {
            (array.disks_required, array.disks_active) = (required, active);
        }
        return;
    }
    let states = [
        ("recovery", "recovering"),
        ("reshape", "recovering"),
        ("resync", "resync"),
        ("check", "check"),
    ];
    let Some((_, state)) = states.into_iter().find(|(word, _)| line.contains(word)) else {
        return;
    };
    array.state = state;
    // `(16775552/195310144)`; while it waits (`resync=DELAYED`, `resync=PENDING`) there is none.
    let synced = line.split_once('(').and_then(|(_, rest)| rest.split_once('/'));
    array.blocks_synced = synced.and_then(|(blocks, _)| number(blocks)).unwrap_or(0.0);
}

#[cfg(test)]
mod tests {
    use super::{Array, parse};

    fn check(text: &str, expected: &Array<'_>) {
        assert_eq!(parse(text), std::slice::from_ref(expected));
    }

    #[test]
    fn a_mirror_that_recovers() {
        check(
            "Personalities : [raid1]\n\
             md1 : active raid1 sdb2[2] sda2[0] sdc2[1](F) sdd2[3](S)\n\
             \x20     195310144 blocks super 1.2 [2/1] [U_]\n\
             \x20     [=>....]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=2K/sec\n\
             \n\
             unused devices: <none>\n",
            &Array {
                device: "md1",
                state: "recovering",
                blocks: 195_310_144.0,
                blocks_synced: 16_775_552.0,
                disks_active: 1,
                disks_required: 2,
                disks_failed: 1,
                disks_spare: 1,
            },
        );
    }

    #[test]
    fn a_stripe_needs_every_disk() {
        check(
            "md2 : active raid0 sda1[0] sdb1[1]\n      314159265 blocks 64k chunks\n",
            &Array {
                device: "md2",
                state: "active",
                blocks: 314_159_265.0,
                blocks_synced: 314_159_265.0,
                disks_active: 2,
                disks_required: 2,
                ..Array::default()
            },
        );
    }

    #[test]
    fn a_check_that_waits_has_synced_nothing() {
        check(
            "md3 : active raid1 sda1[0] sdb1[1]\n      100 blocks [2/2] [UU]\n      \tresync=DELAYED\n",
            &Array {
                device: "md3",
                state: "resync",
                blocks: 100.0,
                blocks_synced: 0.0,
                disks_active: 2,
                disks_required: 2,
                ..Array::default()
            },
        );
    }
}
