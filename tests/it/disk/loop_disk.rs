//! Loop disk: ext4 in a file, mounted for one test. It can be filled to the last block, and its
//! power can be cut: what the file system had not been told to keep is then gone.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Takes the mount away when its input ends, which comes with the end of the test, however that
/// came about.
const KEEPER: &str = r#"read -r _; umount -- "$1" || umount --lazy -- "$1"; rm -rf -- "$2""#;

/// `FS_IOC_SHUTDOWN` with `NOLOGFLUSH`, from Linux' `uapi/linux/fs.h`: from now on nothing reaches
/// the disk, and what the journal does not hold already never will. Debian is never without Perl,
/// and calling it here would take unsafe code.
const SHUTDOWN: &str = r#"open my $root, "<", $ARGV[0] or die "$ARGV[0]: $!\n";
my $flags = pack("L", 2);
ioctl $root, 0x8004587d, $flags or die "shutdown: $!\n";"#;

/// Blocks of the file system; a page each, as usual.
const BLOCK_BYTES: usize = 4096;

/// A mounted disk of our own. Dropping it takes it away; servers on it must have ended.
#[derive(Debug)]
pub(super) struct LoopDisk {
    dir: TempDir,
    keeper: Child,
}

impl LoopDisk {
    /// Makes and mounts one of this size. `None` says why not and counts as skipped.
    pub(super) fn mount(mebibytes: u64) -> Option<Self> {
        let dir = tempfile::Builder::new().prefix("pharos-disk-").tempdir().unwrap();
        let (image, root) = (dir.path().join("image"), dir.path().join("root"));
        File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
        fs::create_dir(&root).unwrap();
        let mut make = Command::new("mkfs.ext4");
        // Nothing is held back for root, and the journal takes the least it can.
        make.args(["-q", "-F", "-b", "4096", "-m", "0", "-J", "size=4"]).arg(&image);
        let made = run(&mut make).and_then(|()| mount(&image, &root));
        if let Err(reason) = made {
            println!("skipped: no loop disk can be had: {reason}");
            return None;
        }
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .args([&root, dir.path()])
            .stdin(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        Some(Self { dir, keeper })
    }

    /// Its top folder.
    pub(super) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// Where servers keep their data on it.
    pub(super) fn data_dir(&self) -> PathBuf {
        self.root().join("data")
    }

    /// Takes all the room there is, but for so much.
    pub(super) fn leave(&self, mebibytes: u64) {
        self.fill();
        let ballast = File::options().write(true).open(self.ballast()).unwrap();
        let taken = ballast.metadata().unwrap().len();
        ballast.set_len(taken - (mebibytes << 20)).unwrap();
        ballast.sync_all().unwrap();
    }

    /// Takes all the room there is.
    pub(super) fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.ballast()).unwrap();
        let mut block_is_taken = || match ballast.write(&[1; BLOCK_BYTES]) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
                // What was promised for bookkeeping and not needed is free after this.
                ballast.sync_all().unwrap();
                false
            }
        };
        while block_is_taken() || block_is_taken() {}
    }

    /// Gives all the room back that was taken so.
    pub(super) fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.root().join("ballast")
    }

    /// Cuts the power, as far as the disk is concerned. Every write and sync fails from now on.
    pub(super) fn cut_power(&self) {
        let mut perl = Command::new("perl");
        run(perl.args(["-e", SHUTDOWN]).arg(self.root())).unwrap();
    }

    /// Mounts it anew, which replays its journal. Nobody may have files open on it.
    pub(super) fn mount_again(&self) {
        let root = self.root();
        run(Command::new("umount").arg(&root)).unwrap();
        mount(&self.dir.path().join("image"), &root).unwrap();
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        // This ends its input first.
        let _ = self.keeper.wait();
    }
}

fn mount(image: &Path, root: &Path) -> Result<(), String> {
    run(Command::new("mount").args(["-o", "loop"]).args([image, root]))
}

/// Runs a command to its end; an error is what it said.
fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Without this, a test that loses nothing in a power cut would say nothing.
#[test]
fn a_power_cut_takes_what_was_not_synced() {
    let Some(disk) = LoopDisk::mount(16) else { return };
    let [synced, unsynced] = ["synced", "unsynced"].map(|name| disk.root().join(name));
    let mut file = File::create(&synced).unwrap();
    file.write_all(b"kept").unwrap();
    file.sync_all().unwrap();
    fs::write(&unsynced, b"lost").unwrap();
    file.write_all(b" and lost").unwrap();
    drop(file);
    disk.cut_power();
    assert!(fs::write(disk.root().join("later"), b"never").is_err());
    disk.mount_again();
    assert_eq!(fs::read(&synced).unwrap(), b"kept");
    assert!(!unsynced.exists());
}

#[test]
fn a_full_disk_takes_nothing_and_comes_back() {
    let Some(disk) = LoopDisk::mount(16) else { return };
    let [before, during] = ["before", "during"].map(|name| disk.root().join(name));
    disk.leave(1);
    fs::write(&before, b"room").unwrap();
    disk.fill();
    assert_eq!(fs::write(&during, b"none").unwrap_err().kind(), ErrorKind::StorageFull);
    disk.free();
    fs::write(&during, b"room").unwrap();
}
