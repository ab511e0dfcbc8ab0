//! The command line as people and scripts use it: what is printed, what the shell is told, and that
//! a mistake is shown where it is.

mod check;
mod push;
mod query;

use e2e::{Finished, Server, Starting};

/// What a command left, as one text.
fn told(finished: &Finished) -> String {
    let Finished { code, stdout, stderr } = finished;
    let code = code.map_or("a signal".to_owned(), |code| code.to_string());
    // Carriage returns are made visible.
    format!("{stdout}--- stderr\n{stderr}--- exit {code}\n").replace('\r', "␍")
}

/// A server that keeps samples of any age and has none of its own.
fn keeping() -> Server {
    Starting::default().arg("--no-collect").arg("--retention").arg("0").start()
}
