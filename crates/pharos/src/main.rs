//! The binary: reads flags, environment and file, wires the parts together, and runs them until it
//! is told to stop. It alone names the engines behind `storage`, and it alone knows files of
//! settings.

mod about;
mod app;
mod caret;
mod check_command;
mod cli;
mod config;
mod exit;
mod input;
mod listeners;
mod logging;
mod own_metrics;
mod process;
mod push_command;
mod query_command;
mod server_args;
mod tsdb_command;
mod web_client;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use cli::{Cli, Command, ServeArgs};
use config::Config;
use exit::{FAILED, INVALID};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(flags) => serve(&flags),
        Command::Check(check) => exit::code(check_command::run(&check)),
        Command::Query(args) => exit::code(query_command::run(&args)),
        Command::Push(args) => exit::code(push_command::run(&args)),
        Command::Tsdb(command) => exit::code(tsdb_command::run(&command)),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "pharos", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Command::Version => print(&format!("pharos {}\n", env!("CARGO_PKG_VERSION"))),
    }
}

fn serve(flags: &ServeArgs) -> ExitCode {
    let config = match Config::load(flags) {
        Ok(config) => config,
        Err(error) => return complain(&error.to_string(), INVALID),
    };
    match app::run(flags, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("{error:#}"), FAILED),
    }
}

/// Writes data to standard output; a reader that went away is no error of ours.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn complain(text: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "pharos: {text}");
    ExitCode::from(code)
}
