//! Command: `pharos` run to its end, as a person at a shell runs it.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::place::NO_GRPC;

/// Whoever has not ended by then is a server that should not have started.
const DEADLINE: Duration = Duration::from_secs(15);

/// What a command left.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `pharos` in the repository with these arguments, and no variables in its environment but
/// these and the one that leaves the port of gRPC alone. One that does not end by itself is killed after a while.
///
/// # Panics
/// When the binary cannot be run.
pub fn pharos(arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
    pharos_reads(b"", arguments, variables)
}

/// The same with this text on standard input.
///
/// # Panics
/// When the binary cannot be run.
pub fn pharos_reads(input: &[u8], arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
    let mut process = Command::new(crate::binary())
        .args(arguments)
        .env_clear()
        .envs([NO_GRPC])
        .envs(variables.iter().copied())
        .current_dir(crate::root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let pid = Pid::from_child(&process);
    let (mut stdin, input) = (process.stdin.take().expect("it is a pipe"), input.to_vec());
    // One that does not read its input is no fault of the test.
    std::thread::spawn(move || stdin.write_all(&input));
    let (sender, finished) = mpsc::sync_channel(1);
    std::thread::spawn(move || sender.send(process.wait_with_output()));
    let output = finished.recv_timeout(DEADLINE).unwrap_or_else(|_| {
        let _ = kill_process(pid, Signal::KILL);
        finished.recv().expect("a killed process ends")
    });
    let output = output.expect("its output can be read");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
