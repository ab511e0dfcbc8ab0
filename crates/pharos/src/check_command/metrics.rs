//! `pharos check metrics`: a page that scrapers read, held to the rules of its format.

use std::io::{self, Write as _};
use std::path::Path;

use wire::openmetrics::{Checked, Dialect, Strictness, check};

use super::{Lint, MetricsArgs};
use crate::exit::{self, Failure};
use crate::input;

/// Far above the largest page that anyone scrapes.
const PAGE_BYTES_MAX: u64 = 1 << 30;

/// Checks a page. What is wrong goes to standard error, a line each: `FILE:LINE:COLUMN: reason`.
///
/// # Errors
/// The page cannot be read at all.
pub(super) fn run(args: &MetricsArgs) -> Result<u8, Failure> {
    let page = input::read(&args.file, PAGE_BYTES_MAX)?;
    let dialect = match (args.openmetrics, args.text) {
        (true, _) => Dialect::OpenMetrics,
        (_, true) => Dialect::Prometheus,
        _ if ends_as_openmetrics(&page) => Dialect::OpenMetrics,
        _ => Dialect::Prometheus,
    };
    let strictness = if args.lenient { Strictness::Lenient } else { Strictness::Strict };
    let mut checked = check(page.as_slice(), dialect, strictness);
    if args.lint == Lint::None {
        checked.hints.clear();
    }
    report(&checked, dialect, &args.file)
}

fn ends_as_openmetrics(page: &[u8]) -> bool {
    let page = page.strip_suffix(b"\n").unwrap_or(page);
    page == b"# EOF" || page.ends_with(b"\n# EOF")
}

fn report(checked: &Checked, dialect: Dialect, file: &Path) -> Result<u8, Failure> {
    let mut err = io::stderr().lock();
    let shown = if file == Path::new("-") { "stdin".into() } else { file.to_string_lossy() };
    for problem in &checked.problems {
        writeln!(err, "{shown}:{problem}")?;
    }
    let n_unlisted = checked.n_problems - checked.problems.len() as u64;
    if n_unlisted > 0 {
        writeln!(err, "{shown}: and {n_unlisted} more")?;
    }
    for hint in &checked.hints {
        writeln!(err, "{hint}")?;
    }
    if checked.n_problems > 0 {
        return Ok(exit::FAILED);
    }
    let name = match dialect {
        Dialect::OpenMetrics => "OpenMetrics 1.0",
        Dialect::Prometheus => "Prometheus text 0.0.4",
    };
    let Checked { n_families, n_samples, .. } = checked;
    writeln!(io::stdout(), "{shown}: valid {name}, {n_families} families, {n_samples} samples")?;
    Ok(if checked.hints.is_empty() { exit::OK } else { exit::INVALID })
}
