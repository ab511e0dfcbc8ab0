use std::borrow::Cow;

use proptest::prelude::*;

use super::{Format, Row, read_row};

fn format(text: &str) -> Format {
    Format::parse(text).unwrap()
}

fn row<'l>(format: &'l Format, line: &'l str) -> Row<'l> {
    read_row(format, line).unwrap().unwrap()
}

#[test]
fn columns_are_labels_metrics_and_a_time() {
    let format = format("1:time:unix_s,2:label:host,3:metric:cpu,5:metric:mem");
    let read = row(&format, "1700000000,\"a,\"\"b\"\"\",0.5,passed over,1e3,more\r");
    assert_eq!(read.t_ms, Some(1_700_000_000_000));
    assert_eq!(read.labels, [("host", Cow::from("a,\"b\""))]);
    assert_eq!(read.values, [("cpu", 0.5), ("mem", 1000.0)]);
    assert_eq!(row(&format, "1,a,,b, 2 ").values, [("mem", 2.0)], "an empty value is none");
    assert_eq!(read_row(&format, " \r"), Ok(None));
}

#[test]
fn times_are_written_in_many_ways() {
    for (kind, text, t_ms) in [
        ("unix_s", "2", 2000),
        ("unix_s", "1.5", 1500),
        ("unix_ms", "-7", -7),
        ("unix_us", "1999", 1),
        ("unix_ns", "1700000000123999999", 1_700_000_000_123),
        ("rfc3339", "1970-01-01T00:00:01.25Z", 1250),
        ("rfc3339", "1970-01-01T01:00:00+01:00", 0),
    ] {
        let format = format(&format!("1:metric:m,2:time:{kind}"));
        assert_eq!(row(&format, &format!("1,{text}")).t_ms, Some(t_ms), "{kind} {text}");
    }
}

#[test]
fn what_is_wrong_with_a_row_is_named_with_its_column() {
    let format = format("1:metric:m,2:time:unix_s,3:label:l");
    for (line, told) in [
        ("x,1,a", "column 1: expected a number, found \",1,a\""),
        ("1", "column 2: expected \",\" and a further column, found the end of the line"),
        ("1,y,a", "column 3: expected a time as the format says, found \",a\""),
        ("1,2,\"a", "column 5: expected a value with a closing quote, found \"\\\"a\""),
        ("1,2,\"a\"b", "column 8: expected \",\" or the end of the line, found \"b\""),
    ] {
        let error = read_row(&format, line).unwrap_err().to_string();
        let (place, _) = told.split_once(", found").unwrap();
        assert!(error.starts_with(place), "{line}: {error}");
    }
}

#[test]
fn formats_are_checked() {
    for (text, told) in [
        ("", "expected the number of a column"),
        ("0:metric:m", "from 1 to 1024"),
        ("1025:metric:m", "from 1 to 1024"),
        ("1:metric", "expected column:kind:context"),
        ("1:metric:", "expected column:kind:context"),
        ("1:value:m", "a column is metric, label or time"),
        ("1:time:custom:2006", "a time is unix_s"),
        ("1:label:l", "no column is a metric"),
        ("1:metric:m,1:label:l", "the column is given twice"),
        ("1:metric:m,2:time:unix_s,3:time:unix_s", "the time is given twice"),
    ] {
        let error = Format::parse(text).unwrap_err().to_string();
        assert!(error.contains(told), "{text:?}: {error}");
    }
    assert!(Format::parse("3:metric:a:b, 1:label:l").is_ok(), "a context may have colons");
}

proptest! {
    #[test]
    fn any_line_is_a_row_or_an_error(line in ".{0,80}") {
        let format = format("1:metric:m,2:time:rfc3339,3:label:l,4:metric:n");
        if let Err(error) = read_row(&format, &line) {
            prop_assert!(error.column >= 1 && error.column <= line.chars().count() + 1);
        }
    }

    #[test]
    fn any_text_is_a_format_or_an_error(text in "[0-9:,a-z_]{0,40}") {
        let _ = Format::parse(&text);
    }

    #[test]
    fn quoted_values_are_read_back(values in proptest::collection::vec("[a-zé,\"]{0,6}", 1..5)) {
        let columns: Vec<String> =
            (0..values.len()).map(|i| format!("{}:label:l{i}", i + 2)).collect();
        let format = format(&format!("1:metric:m,{}", columns.join(",")));
        let quoted = |value: &String| format!("\"{}\"", value.replace('"', "\"\""));
        let line = format!("1,{}", values.iter().map(quoted).collect::<Vec<_>>().join(","));
        let read: Vec<String> =
            row(&format, &line).labels.iter().map(|(_, value)| value.to_string()).collect();
        prop_assert_eq!(read, values);
    }
}
