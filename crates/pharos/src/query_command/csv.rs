//! CSV (RFC 4180): a line a value, a column a label.

use std::collections::BTreeSet;
use std::io::{self, Write};

use model::time::format_rfc3339;

use super::answer::{Data, Series, ms};

/// Writes an answer. The first line names the columns: the labels of all series, then `time` (RFC
/// 3339, UTC) and `value`. A series without a label has nothing in its column.
pub(super) fn write(data: &Data, out: &mut impl Write) -> io::Result<()> {
    match data {
        Data::Scalar((t, value)) | Data::String((t, value)) => {
            line(["time", "value"].into_iter(), out)?;
            line([format_rfc3339(ms(*t)).as_str(), value].into_iter(), out)
        }
        Data::Vector(all) | Data::Matrix(all) => table(all, out),
    }
}

fn table(all: &[Series], out: &mut impl Write) -> io::Result<()> {
    let names: BTreeSet<&str> =
        all.iter().flat_map(|series| series.metric.keys().map(String::as_str)).collect();
    line(names.iter().copied().chain(["time", "value"]), out)?;
    for series in all {
        for (t, value) in series.points() {
            let label = |name: &&str| series.metric.get(*name).map_or("", String::as_str);
            let time = format_rfc3339(ms(t));
            let fields = names.iter().map(label).chain([time.as_str(), value.as_str()]);
            line(fields, out)?;
        }
    }
    Ok(())
}

fn line<'a>(fields: impl Iterator<Item = &'a str>, out: &mut impl Write) -> io::Result<()> {
    let fields: Vec<String> = fields.map(quoted).collect();
    write!(out, "{}\r\n", fields.join(","))
}

/// A field in quotes where it needs them.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field.to_owned()
}
