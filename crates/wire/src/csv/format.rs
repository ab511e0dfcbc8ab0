//! Format: which column is what.

use super::TimeFormat;

/// Columns that a format names, and the number of the last one.
const COLUMNS_MAX: usize = 1024;

/// What stands in which column; a column that it does not name is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// What each column is, from the first to the last that is named.
    pub(super) columns: Vec<Column>,
}

/// What a column is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    Nothing,
    /// The values of this metric.
    Metric(String),
    /// The values of this label.
    Label(String),
    Time(TimeFormat),
}

/// A format is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("part {part:?}: {reason}")]
pub struct FormatError {
    /// The part between two commas; empty when it concerns the whole.
    pub part: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Format {
    /// Reads a format such as `1:time:unix_s,2:label:host,3:metric:cpu_usage`.
    ///
    /// # Errors
    /// See [`FormatError`].
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let mut columns = Vec::new();
        for part in text.split(',') {
            let error = |reason| FormatError { part: part.chars().take(64).collect(), reason };
            let (number, column) = column(part).map_err(error)?;
            if columns.len() < number {
                columns.resize(number, Column::Nothing);
            }
            let is_second_time = matches!(column, Column::Time(_))
                && columns.iter().any(|other| matches!(other, Column::Time(_)));
            if is_second_time {
                return Err(error("the time is given twice"));
            }
            if std::mem::replace(&mut columns[number - 1], column) != Column::Nothing {
                return Err(error("the column is given twice"));
            }
        }
        if !columns.iter().any(|column| matches!(column, Column::Metric(_))) {
            let reason = "no column is a metric";
            return Err(FormatError { part: String::new(), reason });
        }
        Ok(Self { columns })
    }
}

fn column(part: &str) -> Result<(usize, Column), &'static str> {
    const SHAPE: &str = "expected column:kind:context, such as 2:label:host";
    let mut words = part.trim().splitn(3, ':');
    let number = words.next().and_then(|number| number.parse::<usize>().ok());
    let number = number.filter(|number| (1..=COLUMNS_MAX).contains(number));
    let number = number.ok_or("expected the number of a column, from 1 to 1024")?;
    let kind = words.next().ok_or(SHAPE)?;
    let context = words.next().filter(|context| !context.is_empty()).ok_or(SHAPE)?;
    let column = match kind {
        "metric" => Column::Metric(context.to_owned()),
        "label" => Column::Label(context.to_owned()),
        "time" => Column::Time(time_format(context)?),
        _ => return Err("a column is metric, label or time"),
    };
    Ok((number, column))
}

fn time_format(word: &str) -> Result<TimeFormat, &'static str> {
    Ok(match word {
        "unix_s" => TimeFormat::UnixS,
        "unix_ms" => TimeFormat::UnixMs,
        "unix_us" => TimeFormat::UnixUs,
        "unix_ns" => TimeFormat::UnixNs,
        "rfc3339" => TimeFormat::Rfc3339,
        _ => return Err("a time is unix_s, unix_ms, unix_us, unix_ns or rfc3339"),
    })
}
