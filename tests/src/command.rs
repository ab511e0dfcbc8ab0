//! Command: `pharos` run to its end, as a person at a shell runs it.

use std::process::{Command, Stdio};

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

/// Runs `pharos` with these arguments and nothing but these variables in its environment.
///
/// # Panics
/// When the binary cannot be run.
pub fn pharos(arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
    let output = Command::new(crate::binary())
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
