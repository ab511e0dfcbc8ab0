//! diskstats: reads, writes, discards and flushes of each disk, and what udev knows about it.

use std::sync::Arc;

use model::Family;

use super::kernel::number;
use super::table::{Column, Scale, Table, labels};
use super::udev::Properties;
use crate::{CollectError, Collector, Moment, Roots};

/// A sector here is 512 bytes, whatever the disk's own is.
const SECTOR_BYTES: Scale = Scale::Times(512.0);
const MILLISECONDS: Scale = Scale::Over(1000.0);

/// In the order of a disk's numbers. Linux before 4.18 has the first 11, before 5.5 the first 15.
const COLUMNS: &[Column] = &[
    Column::counter("", "node_disk_reads_completed_total", "Reads done."),
    Column::counter("", "node_disk_reads_merged_total", "Reads merged with a neighbour."),
    Column::counter("", "node_disk_read_bytes_total", "Bytes read.").scaled(SECTOR_BYTES),
    Column::counter("", "node_disk_read_time_seconds_total", "Time spent by all reads.")
        .scaled(MILLISECONDS),
    Column::counter("", "node_disk_writes_completed_total", "Writes done."),
    Column::counter("", "node_disk_writes_merged_total", "Writes merged with a neighbour."),
    Column::counter("", "node_disk_written_bytes_total", "Bytes written.").scaled(SECTOR_BYTES),
    Column::counter("", "node_disk_write_time_seconds_total", "Time spent by all writes.")
        .scaled(MILLISECONDS),
    Column::gauge("", "node_disk_io_now", "Operations in flight."),
    Column::counter("", "node_disk_io_time_seconds_total", "Time with operations in flight.")
        .scaled(MILLISECONDS),
    Column::counter(
        "",
        "node_disk_io_time_weighted_seconds_total",
        "Time with operations in flight, times their number.",
    )
    .scaled(MILLISECONDS),
    Column::counter("", "node_disk_discards_completed_total", "Discards done."),
    Column::counter("", "node_disk_discards_merged_total", "Discards merged with a neighbour."),
    Column::counter("", "node_disk_discarded_sectors_total", "Sectors of 512 bytes discarded."),
    Column::counter("", "node_disk_discard_time_seconds_total", "Time spent by all discards.")
        .scaled(MILLISECONDS),
    Column::counter("", "node_disk_flush_requests_total", "Flushes done."),
    Column::counter(
        "",
        "node_disk_flush_requests_time_seconds_total",
        "Time spent by all flushes.",
    )
    .scaled(MILLISECONDS),
];

/// What udev's ATA probe found out.
const ATA_COLUMNS: &[Column] = &[
    Column::gauge("ID_ATA_WRITE_CACHE", "node_disk_ata_write_cache", "1 with a write cache."),
    Column::gauge(
        "ID_ATA_WRITE_CACHE_ENABLED",
        "node_disk_ata_write_cache_enabled",
        "1 while the write cache is used.",
    ),
    Column::gauge(
        "ID_ATA_ROTATION_RATE_RPM",
        "node_disk_ata_rotation_rate_rpm",
        "Rotations per minute, 0 without moving parts.",
    ),
];

pub(super) struct DiskStats {
    roots: Arc<Roots>,
}

impl DiskStats {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for DiskStats {
    fn name(&self) -> &'static str {
        "diskstats"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = self.roots.read_proc("diskstats")?;
        let mut table = Table::new(COLUMNS);
        let mut facts = Facts::new();
        for line in text.lines() {
            let mut fields = line.split_ascii_whitespace();
            let (Some(major), Some(minor), Some(device)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            if is_left_out(device) {
                continue;
            }
            let labels = labels([("device", device)]);
            if !table.begins(&labels) {
                continue;
            }
            let numbers = fields.map_while(number).take(COLUMNS.len());
            for (column, value) in numbers.enumerate() {
                table.put(column, &labels, value);
            }
            let udev = Properties::of_block_device(&self.roots.root, major, minor);
            facts.push(device, (major, minor), &udev);
        }
        table.finish(out);
        facts.finish(out);
        Ok(())
    }
}

/// The families that hold words instead of counts.
struct Facts {
    info: Family,
    filesystem: Family,
    device_mapper: Family,
    ata: Table,
}

impl Facts {
    fn new() -> Self {
        Self {
            info: Family::gauge("node_disk_info", "The disk in words, always 1."),
            filesystem: Family::gauge(
                "node_disk_filesystem_info",
                "The file system on the whole disk, always 1.",
            ),
            device_mapper: Family::gauge(
                "node_disk_device_mapper_info",
                "The device mapper's words for the disk, always 1.",
            ),
            ata: Table::new(ATA_COLUMNS),
        }
    }

    fn push(&mut self, device: &str, (major, minor): (&str, &str), udev: &Properties) {
        // The number printed on the disk, the kernel's short one, the one virtio disks have.
        let serial = udev.first_of(&["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"]);
        self.info.push_with(
            [
                ("device", device),
                ("major", major),
                ("minor", minor),
                ("model", udev.get("ID_MODEL")),
                ("path", udev.get("ID_PATH")),
                ("revision", udev.get("ID_REVISION")),
                ("serial", serial),
                ("wwn", udev.get("ID_WWN")),
            ],
            1.0,
        );
        let filesystem = udev.get("ID_FS_TYPE");
        if !filesystem.is_empty() {
            self.filesystem.push_with(
                [
                    ("device", device),
                    ("type", filesystem),
                    ("usage", udev.get("ID_FS_USAGE")),
                    ("uuid", udev.get("ID_FS_UUID")),
                    ("version", udev.get("ID_FS_VERSION")),
                ],
                1.0,
            );
        }
        let name = udev.get("DM_NAME");
        if !name.is_empty() {
            self.device_mapper.push_with(
                [
                    ("device", device),
                    ("lv_layer", udev.get("DM_LV_LAYER")),
                    ("lv_name", udev.get("DM_LV_NAME")),
                    ("name", name),
                    ("uuid", udev.get("DM_UUID")),
                    ("vg_name", udev.get("DM_VG_NAME")),
                ],
                1.0,
            );
        }
        if !udev.get("ID_ATA").is_empty() {
            let labels = labels([("device", device)]);
            self.ata.row(&labels, |column| number(udev.get(column.source)));
        }
    }

    fn finish(self, out: &mut Vec<Family>) {
        let words = [self.info, self.filesystem, self.device_mapper];
        let filled = |family: &Family| !family.points.is_empty();
        out.extend(words.into_iter().filter(filled));
        self.ata.finish(out);
    }
}

/// RAM disks, loops, floppies, and partitions: their traffic is already their disk's.
fn is_left_out(device: &str) -> bool {
    let stem = device.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == device.len() {
        return false;
    }
    if matches!(stem, "ram" | "loop" | "fd") {
        return true;
    }
    // sda1, vdb2, xvdc3, sdaa4
    let disk = ["xvd", "hd", "sd", "vd"].iter().find_map(|kind| stem.strip_prefix(kind));
    if let Some(letters) = disk {
        return !letters.is_empty() && letters.chars().all(|c| c.is_ascii_lowercase());
    }
    // nvme0n1p1
    stem.starts_with("nvme") && stem.ends_with('p')
}

#[cfg(test)]
mod tests {
    use super::is_left_out;

    #[test]
    fn partitions_and_pretended_disks_are_left_out() {
        for device in
            ["ram0", "loop12", "fd0", "sda1", "vdb2", "hdc3", "xvdd4", "sdaa5", "nvme0n1p1"]
        {
            assert!(is_left_out(device), "{device}");
        }
        for device in ["sda", "vda", "nvme0n1", "md127", "dm-3", "zram0", "sr0", "mmcblk0", ""] {
            assert!(!is_left_out(device), "{device}");
        }
    }
}
