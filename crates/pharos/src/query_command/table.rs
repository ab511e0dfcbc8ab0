//! Table: an answer for a person at a terminal.

use std::io::{self, Write};

use model::time::format_rfc3339;

use super::answer::{Data, Series, ms};

/// Writes an answer in aligned columns: of a vector a line a series, of a matrix a line a value
/// below its series.
pub(super) fn write(data: &Data, out: &mut impl Write) -> io::Result<()> {
    match data {
        Data::Scalar((_, value)) | Data::String((_, value)) => writeln!(out, "{}", plain(value)),
        Data::Vector(all) => vector(all, out),
        Data::Matrix(all) => all.iter().try_for_each(|series| matrix(series, out)),
    }
}

fn vector(all: &[Series], out: &mut impl Write) -> io::Result<()> {
    let rows: Vec<(String, String)> = all
        .iter()
        .map(|series| {
            let value = series.points().pop().map(|(_, value)| value);
            (series.name(), value.unwrap_or_default())
        })
        .collect();
    let name_chars = widest(rows.iter().map(|(name, _)| name));
    let value_chars = widest(rows.iter().map(|(_, value)| value));
    for (name, value) in rows {
        writeln!(out, "{name:<name_chars$}  {value:>value_chars$}")?;
    }
    Ok(())
}

fn matrix(series: &Series, out: &mut impl Write) -> io::Result<()> {
    let points = series.points();
    let value_chars = widest(points.iter().map(|(_, value)| value));
    writeln!(out, "{}", series.name())?;
    for (t, value) in points {
        writeln!(out, "  {}  {value:>value_chars$}", format_rfc3339(ms(t)))?;
    }
    Ok(())
}

fn widest<'a>(texts: impl Iterator<Item = &'a String>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}

/// A text as a terminal may show it.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
