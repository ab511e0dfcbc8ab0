//! Keeper: a shell that outlives the test by a moment and takes a server with it. Servers that many
//! tests share live in statics, which are never dropped, and a test may be killed.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Waits for the end of its input, which comes with the end of this process.
const SCRIPT: &str = r#"read -r _; kill -KILL "$1"; rm -rf -- "$2""#;

/// One such shell.
#[derive(Debug)]
pub(crate) struct Keeper(Child);

impl Keeper {
    /// Watches over a process and its directory.
    pub(crate) fn of(pid: u32, dir: &Path) -> Self {
        let keeper = Command::new("sh")
            .args(["-c", SCRIPT, "keeper", &pid.to_string()])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        Self(keeper)
    }

    /// The process is about to be ended by someone else.
    pub(crate) fn dismiss(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
