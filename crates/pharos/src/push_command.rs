//! `pharos push`: samples from the command line, a file or a pipe to a running server.
//!
//! Lines go out in batches; what may pass - a server that restarts, is busy or away - is tried again
//! with growing pauses, and a sample that arrives twice is stored once. The last line on standard
//! error says how many lines the server took.

mod args;
mod batches;
mod one;
mod send;

use std::io::{self, Write as _};

use stdx::Env;

use crate::exit::{self, FAILED, Failure};
use crate::server_args::block_on;
pub(crate) use args::PushArgs;
use batches::Batches;
use send::{Sender, Taken};

/// Sends everything and says how much was taken.
///
/// # Errors
/// What is to be sent cannot be read, or the server does not take it.
pub(crate) fn run(args: &PushArgs) -> Result<u8, Failure> {
    let env = Env::system();
    let batches = match args.words.as_slice() {
        [] => Batches::of_file(&args.file, args.format)?,
        words => {
            let line = one::line(words, args.timestamp, env.clock.now_ms());
            Batches::of_line(line.map_err(|error| Failure::new(exit::USAGE, error))?)
        }
    };
    let sender = Sender { server: args.server.server()?, n_retries: args.retries, env };
    let mut all = Taken::default();
    let sent = block_on(send_all(batches, &sender, &mut all));
    let Taken { n_taken, n_refused, reasons } = &all;
    let mut err = io::stderr().lock();
    for reason in reasons {
        writeln!(err, "refused: {reason}")?;
    }
    let n_lines = n_taken + n_refused;
    if sent.is_ok() || n_lines > 0 {
        writeln!(err, "{n_taken} of {n_lines} lines taken by {}", sender.server.shown())?;
    }
    sent?;
    Ok(if *n_refused == 0 { exit::OK } else { FAILED })
}

async fn send_all(mut batches: Batches, sender: &Sender, all: &mut Taken) -> Result<(), Failure> {
    while let Some(batch) = batches.next()? {
        all.add(sender.send(batch).await?);
    }
    Ok(())
}
