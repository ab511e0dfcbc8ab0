//! `pharos check query`: an expression, read and type-checked without a server.

use std::io::{self, Write as _};

use promql::{parse, pretty, to_json};

use super::QueryArgs;
use crate::exit::{self, Failure};
use crate::{caret, input};

/// Checks an expression.
///
/// # Errors
/// It cannot be read from standard input.
pub(super) fn run(args: &QueryArgs) -> Result<u8, Failure> {
    let text = input::expression(&args.expr)?;
    let expr = match parse(&text) {
        Ok(expr) => expr,
        Err(error) => {
            write!(io::stderr(), "{}", caret::show(&text, &error))?;
            return Ok(exit::INVALID);
        }
    };
    let mut out = io::stdout();
    if args.json {
        writeln!(out, "{}", to_json(&expr))?;
    } else if args.format {
        writeln!(out, "{}", pretty(&expr))?;
    } else {
        writeln!(out, "valid, of type {}", expr.value_type())?;
    }
    Ok(exit::OK)
}
