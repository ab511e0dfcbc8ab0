//! `pharos query`: what an expression gives on a running server, for a person or a program.
//!
//! The expression is read here first: a mistake is shown where it is, and no server is asked. Data
//! goes to standard output; warnings of the server go to standard error.

mod answer;
mod args;
mod csv;
mod sparkline;
mod table;
mod times;

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, anyhow};
use stdx::Env;

use crate::exit::{self, Failure, INVALID, UNREACHABLE};
use crate::server_args::{Server, block_on};
use crate::{caret, input};
use answer::Answer;
pub(crate) use args::QueryArgs;
use args::{Output, Tier};
use times::Times;

/// An answer has at most so many bytes.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Clears a terminal and goes to its beginning.
const CLEAR: &str = "\x1b[H\x1b[2J";
const FORM: &str = "application/x-www-form-urlencoded";

/// Asks, once or again and again, and prints what it gives.
///
/// # Errors
/// The expression is wrong, the server cannot be reached or does not answer it.
pub(crate) fn run(args: &QueryArgs) -> Result<u8, Failure> {
    let expr = input::expression(&args.expr)?;
    if let Err(error) = promql::parse(&expr) {
        write!(io::stderr(), "{}", caret::show(&expr, &error))?;
        return Ok(INVALID);
    }
    let output = args.output.unwrap_or(match io::stdout().is_terminal() {
        true => Output::Table,
        false => Output::Json,
    });
    if output == Output::Sparkline && !args.times.is_range() {
        let reason = anyhow!("a sparkline needs a range: give --range, or --start");
        return Err(Failure::new(exit::USAGE, reason));
    }
    let server = args.server.server()?;
    block_on(async {
        loop {
            let asked = once(args, &server, &expr, output).await;
            let Some(pause) = args.watch else { return asked.map(|()| exit::OK) };
            match asked {
                // It may be back when we are.
                Err(Failure { code: UNREACHABLE, error: Some(error) }) => {
                    writeln!(io::stderr(), "pharos: {error:#}")?;
                }
                asked => asked?,
            }
            tokio::time::sleep(pause).await;
        }
    })
}

async fn once(
    args: &QueryArgs,
    server: &Server,
    expr: &str,
    output: Output,
) -> Result<(), Failure> {
    let times = Times::of(&args.times, Env::system().clock.now_ms())
        .map_err(|error| Failure::new(exit::USAGE, error))?;
    let (path, form) = request(expr, &times, args.tier)?;
    let said = server.post(path, FORM, form, ANSWER_BYTES_MAX).await?;
    if !said.status.is_success() {
        return Err(said.failure());
    }
    let answer = Answer::read(&said.body).context("the server's answer is not understood")?;
    let mut out = io::stdout().lock();
    if args.watch.is_some() && out.is_terminal() {
        out.write_all(CLEAR.as_bytes())?;
    }
    match output {
        Output::Json => {
            out.write_all(said.body.trim_ascii_end())?;
            out.write_all(b"\n")?;
        }
        Output::Csv => csv::write(&answer.data, &mut out)?,
        Output::Table => table::write(&answer.data, &mut out)?,
        Output::Sparkline => sparkline::write(&answer.data, &times, &mut out)?,
    }
    out.flush()?;
    let mut err = io::stderr().lock();
    for (kind, notes) in [("warning", &answer.warnings), ("note", &answer.infos)] {
        for note in notes {
            writeln!(err, "{kind}: {note}")?;
        }
    }
    Ok(())
}

/// The path and the form of a question.
fn request(
    expr: &str,
    times: &Times,
    tier: Option<Tier>,
) -> anyhow::Result<(&'static str, Vec<u8>)> {
    let (path, fields) = match *times {
        Times::Instant { t_ms } => ("/api/v1/query", vec![("time", seconds(t_ms))]),
        Times::Range { start_ms, end_ms, step_ms } => (
            "/api/v1/query_range",
            vec![
                ("start", seconds(start_ms)),
                ("end", seconds(end_ms)),
                ("step", seconds(step_ms)),
            ],
        ),
    };
    let tier = tier.map(|tier| match tier {
        Tier::Auto => ("tier", "auto"),
        Tier::Raw => ("tier", "raw"),
    });
    let all = fields.iter().map(|(name, value)| (*name, value.as_str())).chain(tier);
    let all = all.chain(std::iter::once(("query", expr)));
    // A form is written as the query of an address is.
    let url = reqwest::Url::parse_with_params("http://form/", all)?;
    Ok((path, url.query().unwrap_or_default().as_bytes().to_vec()))
}

/// Unix milliseconds as the API takes times.
fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let ms = ms.unsigned_abs();
    format!("{sign}{}.{:03}", ms / 1000, ms % 1000)
}
