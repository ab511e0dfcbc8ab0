use std::borrow::Cow;

use proptest::prelude::*;

use super::{Field, Point, PointEnds, Precision, metric_name, read_line};
use crate::lines::{LinesError, Splitter};

fn point(line: &str) -> Point<'_> {
    read_line(line).unwrap().unwrap()
}

fn refused(line: &str) -> String {
    read_line(line).unwrap_err().to_string()
}

fn numbers(line: &str) -> Vec<(String, f64)> {
    let fields = point(line).fields.into_iter();
    let number = |(name, field): (Cow<'_, str>, Field)| match field {
        Field::Number(value) => Some((name.into_owned(), value)),
        Field::Text => None,
    };
    fields.filter_map(number).collect()
}

#[test]
fn a_point_has_a_measurement_tags_fields_and_a_time() {
    let read = point("cpu,host=a,region=eu user=1.5,idle=98 1700000000000000000");
    assert_eq!(read.measurement, "cpu");
    assert_eq!(read.tags, [("host".into(), "a".into()), ("region".into(), "eu".into())]);
    let fields = [("user".into(), Field::Number(1.5)), ("idle".into(), Field::Number(98.0))];
    assert_eq!(read.fields, fields);
    assert_eq!(read.t, Some(1_700_000_000_000_000_000));
    assert_eq!(point("m f=1").t, None);
    assert_eq!(point("  m   f=1   -5 \r").t, Some(-5));
    assert_eq!(read_line(" # a comment"), Ok(None));
    assert_eq!(read_line(" \r"), Ok(None));
}

#[test]
fn fields_are_numbers_booleans_and_texts() {
    let line = r#"m a=1,b=-2i,c=18446744073709551615u,d=t,e=FALSE,f="x, y=\"z\" \\",g=1e3 5"#;
    let expected = [("a", 1.0), ("b", -2.0), ("c", u64::MAX as f64), ("d", 1.0), ("e", 0.0)];
    let mut expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value)).into();
    expected.push(("g".to_owned(), 1000.0));
    assert_eq!(numbers(line), expected);
    assert_eq!(point(line).fields[5], ("f".into(), Field::Text));
    for bad in ["1i5", "9223372036854775808i", "-1u", "1.5i", "NaN", "inf", "yes", "tRUE", "0x1p3"]
    {
        let told = refused(&format!("m f={bad}"));
        assert!(told.starts_with("column 5: expected a number, a boolean"), "{told}");
    }
}

#[test]
fn commas_blanks_and_equal_signs_are_escaped() {
    let read = point(r#"a\,b\ c=d,t\=1=v\,\ \=2,u=x\y f\ 1=1 9"#);
    assert_eq!(read.measurement, "a,b c=d");
    assert_eq!(read.tags, [("t=1".into(), "v, =2".into()), ("u".into(), "x\\y".into())]);
    assert_eq!(read.fields, [("f 1".into(), Field::Number(1.0))]);
    // In the name of a measurement an equal sign is nothing to be escaped.
    assert_eq!(point(r"a\=b,t=1 f=1").measurement, r"a\=b");
    assert_eq!(point("a=b f=1").measurement, "a=b");
    // A backslash before one that escapes is a letter.
    assert_eq!(point(r"m,t=a\\ b f=1").tags, [("t".into(), r"a\ b".into())]);
}

#[test]
fn what_is_wrong_is_named_with_its_column() {
    for (line, told) in [
        ("m", "column 2: expected a blank and the fields, found the end of the line"),
        (",t=1 f=1", "column 1: expected the name of a measurement, found \",t=1 f=1\""),
        ("m,t f=1", "column 4: expected \"=\" and a tag's value, found \" f=1\""),
        ("m,t= f=1", "column 5: expected a tag's value, found \" f=1\""),
        ("m f", "column 4: expected \"=\" and a field's value, found the end of the line"),
        ("m f=1,", "column 7: expected the name of a field, found the end of the line"),
        ("m f=\"x", "column 5: expected a text with a closing quote, found \"\\\"x\""),
        ("m f=1 x", "column 7: expected a time in whole units, found \"x\""),
        ("m f=1 1 2", "column 9: expected the end of the line, found \"2\""),
        ("m f=\"x\"y", "column 8: expected a blank and the time, found \"y\""),
    ] {
        assert_eq!(refused(line), told);
    }
    let many: String = (0..1025).map(|i| format!(",t{i}=1")).collect();
    assert!(refused(&format!("m{many} f=1")).contains("at most 1024 tags"));
}

fn split(text: &str, piece_bytes: usize) -> Vec<String> {
    let mut splitter = Splitter::new(PointEnds::default(), 64);
    let mut lines = Vec::new();
    let mut each = |_, line: Result<&[u8], LinesError>| {
        lines.push(line.map_or_else(|e| e.to_string(), |l| String::from_utf8_lossy(l).into()));
        Ok::<_, ()>(())
    };
    for piece in text.as_bytes().chunks(piece_bytes) {
        splitter.feed(piece, &mut each).unwrap();
    }
    splitter.finish(&mut each).unwrap();
    lines
}

#[test]
fn a_line_feed_within_a_text_ends_no_point() {
    let text = "m f=\"a\nb \\\" \n\" 1\n# it's \"a comment\nm,t=\"a f=1\nm f=1,g=\"\n\",h=2\n";
    let expected =
        ["m f=\"a\nb \\\" \n\" 1", "# it's \"a comment", "m,t=\"a f=1", "m f=1,g=\"\n\",h=2"];
    for piece_bytes in 1..text.len() {
        assert_eq!(split(text, piece_bytes), expected, "{piece_bytes}");
    }
}

/// What ends the tags, and so may begin a text, is the same for who splits lines and who reads them:
/// else a line with a fault would take the next ones with it.
#[test]
fn a_blank_behind_two_backslashes_belongs_to_its_tag() {
    for line in [r#"m,path=C:\\ x="f=1"#, r#"m,path=C:\\ v\="y f=1,g="a\\" 5"#, r#"m f=1\ "x"#] {
        assert_eq!(split(&format!("{line}\nm f=2\n"), 7), [line, "m f=2"]);
    }
}

/// A quote that nobody closes costs its own lines up to the bound, and not the rest of the body.
#[test]
fn an_open_quote_does_not_eat_the_body() {
    let filler = "x\n".repeat(40);
    let lines = split(&format!("m f=\"{filler}good f=1\n"), 16);
    assert_eq!(lines[0], "line 1 is longer than 64 bytes");
    assert_eq!(lines.last().unwrap(), "good f=1");
}

#[test]
fn names_are_what_queries_can_ask_for() {
    for (measurement, field, name) in [
        ("cpu", "usage_user", "cpu_usage_user"),
        ("temperature", "value", "temperature"),
        ("", "value", "_value"),
        ("disk.io", "read-bytes", "disk_io_read_bytes"),
        ("5min", "a b", "_5min_a_b"),
        ("größe", "value", "gr__e"),
    ] {
        assert_eq!(metric_name(measurement, field), name);
    }
}

#[test]
fn times_are_rounded_down_to_milliseconds() {
    let ms = |word: &str, t| Precision::of_word(word).unwrap().to_ms(t);
    assert_eq!(ms("ns", 1_700_000_000_123_999_999), Some(1_700_000_000_123));
    assert_eq!(ms("n", -1), Some(-1));
    assert_eq!((ms("us", 1_999), ms("u", 1_000), ms("ms", 7)), (Some(1), Some(1), Some(7)));
    assert_eq!((ms("s", 2), ms("m", 2), ms("h", 2)), (Some(2000), Some(120_000), Some(7_200_000)));
    assert_eq!(ms("h", i64::MAX), None);
    assert_eq!(Precision::of_word("d"), None);
}

/// A text as the protocol escapes it.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| [Some('\\').filter(|_| ",= ".contains(c)), Some(c)])
        .flatten()
        .collect()
}

proptest! {
    #[test]
    fn any_bytes_are_a_point_or_an_error(line in ".{0,80}") {
        if let Err(error) = read_line(&line) {
            prop_assert!(error.column >= 1 && error.column <= line.chars().count() + 1);
        }
    }

    #[test]
    fn what_is_written_is_read(
        measurement in "[a-z,= ]{0,5}[a-z]",
        tags in proptest::collection::vec(("[a-z,= ]{0,4}[a-z]", "[a-zé,= ]{0,4}[a-z]"), 0..4),
        values in proptest::collection::vec(-1e9_f64..1e9, 1..4),
        t in any::<i64>(),
    ) {
        prop_assume!(!measurement.starts_with(' '));
        let mut line = escaped(&measurement).replace("\\=", "=");
        for (name, value) in &tags {
            line.push_str(&format!(",{}={}", escaped(name), escaped(value)));
        }
        let fields: Vec<String> =
            values.iter().enumerate().map(|(i, value)| format!("f{i}={value:?}")).collect();
        line.push_str(&format!(" {} {t}", fields.join(",")));
        let read = point(&line);
        prop_assert_eq!(&read.measurement, &measurement);
        let read_tags: Vec<(String, String)> =
            read.tags.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        prop_assert_eq!(read_tags, tags);
        let read_values: Vec<f64> = numbers(&line).into_iter().map(|(_, value)| value).collect();
        prop_assert_eq!(read_values, values);
        prop_assert_eq!(read.t, Some(t));
    }

    #[test]
    fn points_end_at_the_same_places_whatever_the_pieces(text in "[mf =,\"\\\\\n#]{0,60}", n in 1..9_usize) {
        prop_assert_eq!(split(&text, n), split(&text, usize::MAX));
    }
}
