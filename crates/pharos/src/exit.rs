//! Exit: what the shell is told. A script can tell a wrong expression from a server that is away.

use std::process::ExitCode;

/// Done, and all is well.
pub(crate) const OK: u8 = 0;
/// Something failed.
pub(crate) const FAILED: u8 = 1;
/// Flags that do not fit together, as clap says it.
pub(crate) const USAGE: u8 = 2;
/// What was given is wrong: settings, an expression; of `check metrics`, right but unwise.
pub(crate) const INVALID: u8 = 3;
/// The server wants a key, or another one.
pub(crate) const NO_ACCESS: u8 = 4;
/// The server cannot be reached.
pub(crate) const UNREACHABLE: u8 = 5;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the shell is told.
    pub(crate) code: u8,
    /// What a person is told; nothing more, if it was told already.
    pub(crate) error: Option<anyhow::Error>,
}

impl Failure {
    /// A failure of this kind.
    pub(crate) fn new(code: u8, error: anyhow::Error) -> Self {
        Self { code, error: Some(error) }
    }

    /// The same failure, with what it means for the command in front of it.
    pub(crate) fn context(self, meaning: &'static str) -> Self {
        Self { error: self.error.map(|error| error.context(meaning)), ..self }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(FAILED, error)
    }
}

impl From<std::io::Error> for Failure {
    /// Standard output that somebody closed (`| head`) is no failure to speak of.
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self { code: OK, error: None },
            _ => anyhow::Error::from(error).into(),
        }
    }
}

/// The exit of a command, after its failure was told.
pub(crate) fn code(result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(code) => code.into(),
        Err(Failure { code, error: None }) => code.into(),
        Err(Failure { code, error: Some(error) }) => crate::complain(&format!("{error:#}"), code),
    }
}
