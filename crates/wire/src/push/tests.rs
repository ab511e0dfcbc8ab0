use proptest::prelude::*;

use super::json::NodeSeed;
use super::*;

/// The error of a body as (field, message).
fn refused<T: std::fmt::Debug>(got: Result<T, PushError>) -> (String, String) {
    let error = got.unwrap_err();
    (error.field.clone(), error.to_string())
}

fn syntax_of<T: std::fmt::Debug>(got: Result<T, PushError>) -> String {
    let error = got.unwrap_err();
    assert!(matches!(error.kind, PushErrorKind::Syntax { .. }), "{error:?}");
    assert_eq!((error.field.as_str(), error.index), ("", None));
    error.to_string()
}

/// A metric with one more field, as JSON text.
fn metric_with(field: &str) -> String {
    format!(r#"{{"service":"s","metric_type":"m","value":1,{field}}}"#)
}

#[test]
fn broken_bodies_are_told_apart() {
    let said = |body: &[u8]| syntax_of(parse_service(body));
    assert_eq!(said(b""), "the body is empty at line 1 column 0");
    assert_eq!(said(b" \n "), "the body is empty at line 2 column 1");
    assert_eq!(
        said(b"\xef\xbb\xbf{}"),
        "the body starts with a byte order mark, which JSON does not allow at line 1 column 1"
    );
    assert_eq!(
        said(b"{\n  \"name\": \"api\",\n  // the name\n}"),
        "comments are not JSON at line 3 column 3"
    );
    assert_eq!(
        said(b"{\"name\":\n\"a\xffb\"}"),
        "the body is not UTF-8 from byte 11 on at line 2 column 3"
    );
    assert_eq!(
        said(b"{\"name\":\"cut \xe2\x82"),
        "the body is not UTF-8 from byte 13 on at line 1 column 14"
    );
}

#[test]
fn utf8_is_checked_even_where_a_field_is_ignored() {
    let body = b"{\"user\":\"ada\",\"other\":\"\xc0\x80\"}";
    assert!(syntax_of(parse_acknowledge(body)).starts_with("the body is not UTF-8 from byte 23"));
    syntax_of(parse_acknowledge(br#"{"user":"ada","other":"\ud800"}"#));
}

#[test]
fn depth_is_bounded_wherever_it_is() {
    let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    let objects = |n: usize| format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n));
    for deep in [nested as fn(usize) -> String, objects] {
        // The body is one level, the batch's item the third.
        let ignored = |n: usize| metric_with(&format!("\"x\":{}", deep(n)));
        let item = |n: usize| format!("{{\"metrics\":[{}]}}", ignored(n));
        let metadata = |n: usize| {
            format!(r#"{{"type":"t","status":"running","metadata":{{"a":{}}}}}"#, deep(n))
        };
        parse_metric(ignored(DEPTH_MAX - 1).as_bytes()).unwrap();
        parse_metric_batch(item(DEPTH_MAX - 3).as_bytes()).unwrap();
        parse_pipeline(metadata(DEPTH_MAX - 2).as_bytes()).unwrap();
        for said in [
            syntax_of(parse_metric(ignored(DEPTH_MAX).as_bytes())),
            syntax_of(parse_metric_batch(item(DEPTH_MAX - 2).as_bytes())),
            syntax_of(parse_metric_batch(deep(DEPTH_MAX + 1).as_bytes())),
            syntax_of(parse_pipeline(metadata(DEPTH_MAX - 1).as_bytes())),
            syntax_of(parse_service(deep(DEPTH_MAX + 1).as_bytes())),
            syntax_of(parse_service(deep(100_000).as_bytes())),
            syntax_of(parse_metric_batch("[".repeat(100_000).as_bytes())),
            syntax_of(parse_pipeline(metadata(100_000).as_bytes())),
        ] {
            assert!(said.starts_with("nested deeper than 64 levels at line 1 column "), "{said}");
        }
        assert_eq!(refused(parse_service(nested(DEPTH_MAX).as_bytes())).0, "");
    }
}

#[test]
fn brackets_inside_texts_are_not_depth() {
    let text = "[{".repeat(1000);
    let alert = format!(r#"{{"title":"t","message":"{text}","severity":1}}"#);
    assert_eq!(parse_alert(alert.as_bytes()).unwrap().message, text);
}

#[test]
fn texts_may_be_as_long_as_their_bound() {
    let x = |n: usize| "x".repeat(n);
    let service = |name: &str, endpoint: &str| {
        let body = format!(r#"{{"name":"{name}","status":"up","endpoint":"{endpoint}"}}"#);
        parse_service(body.as_bytes())
    };
    let alert = |title: &str, message: &str| {
        let body = format!(r#"{{"title":"{title}","message":"{message}","severity":1}}"#);
        parse_alert(body.as_bytes())
    };
    service(&x(NAME_BYTES_MAX), &x(ENDPOINT_BYTES_MAX)).unwrap();
    alert(&x(TITLE_BYTES_MAX), &x(MESSAGE_BYTES_MAX)).unwrap();
    for (got, field) in [
        (refused(service(&x(NAME_BYTES_MAX + 1), "")), "name"),
        (refused(service("a", &x(ENDPOINT_BYTES_MAX + 1))), "endpoint"),
        (refused(alert(&x(TITLE_BYTES_MAX + 1), "")), "title"),
        (refused(alert("a", &x(MESSAGE_BYTES_MAX + 1))), "message"),
    ] {
        assert_eq!(got.0, field);
        assert!(got.1.ends_with(" are taken"), "{}", got.1);
    }
    assert_eq!(service(&x(NAME_BYTES_MAX + 1), "").unwrap_err().kind, PushErrorKind::Limit);
}

#[test]
fn a_bad_word_is_not_echoed_at_any_length() {
    let word = "x".repeat(1_000_000);
    for said in [
        refused(parse_service(format!(r#"{{"name":"a","status":"{word}"}}"#).as_bytes())).1,
        refused(parse_metric(metric_with(&format!(r#""timestamp":"{word}""#)).as_bytes())).1,
        refused(parse_metric(metric_with(&format!(r#""labels":{{"{word}":1}}"#)).as_bytes())).1,
        syntax_of(parse_metric(word.as_bytes())),
        syntax_of(parse_metric(format!("\"{word}").as_bytes())),
    ] {
        assert!(said.len() < 200, "{}", said.len());
    }
}

#[test]
fn labels_have_bounds() {
    let labels = |n: usize| {
        let pairs: Vec<String> = (0..n).map(|i| format!("\"l{i}\":{i}")).collect();
        metric_with(&format!("\"labels\":{{{}}}", pairs.join(",")))
    };
    let full = labels(LABELS_MAX);
    assert_eq!(parse_metric(full.as_bytes()).unwrap().labels().count(), LABELS_MAX);
    assert_eq!(
        refused(parse_metric(labels(LABELS_MAX + 1).as_bytes())),
        ("labels".to_owned(), "field \"labels\" has more than 64 elements".to_owned())
    );
    let label = |name_bytes: usize, value_bytes: usize| {
        let (name, value) = ("n".repeat(name_bytes), "v".repeat(value_bytes));
        let body = metric_with(&format!(r#""labels":{{"{name}":"{value}"}}"#));
        parse_metric(body.as_bytes()).map(|metric| metric.labels().count())
    };
    assert_eq!(label(LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX), Ok(1));
    assert_eq!(label(LABEL_NAME_BYTES_MAX + 1, 1).unwrap_err().kind, PushErrorKind::Limit);
    assert_eq!(label(1, LABEL_VALUE_BYTES_MAX + 1).unwrap_err().field, "labels.n");
}

#[test]
fn a_batch_has_a_bound_on_items() {
    let batch = |n: usize| {
        let items = vec![r#"{"service":"s","metric_type":"m","value":1}"#; n].join(",");
        format!(r#"{{"metrics":[{items}]}}"#)
    };
    assert_eq!(
        parse_metric_batch(batch(BATCH_ITEMS_MAX).as_bytes()).unwrap().len(),
        BATCH_ITEMS_MAX
    );
    let error = parse_metric_batch(batch(BATCH_ITEMS_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!((error.kind, error.field.as_str()), (PushErrorKind::Limit, "metrics"));
    assert_eq!(error.to_string(), "the batch has more than 10000 items");
}

#[test]
fn a_body_has_a_bound_on_samples() {
    let metric = |n: usize| {
        let ones = vec!["1"; n].join(",");
        format!(r#"{{"service":"s","metric_type":"m","value":[{ones}],"timestamp":[{ones}]}}"#)
    };
    let most = metric(BATCH_SAMPLES_MAX);
    assert_eq!(parse_metric(most.as_bytes()).unwrap().samples().len(), BATCH_SAMPLES_MAX);
    let error = parse_metric(metric(BATCH_SAMPLES_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!((error.kind, error.field.as_str()), (PushErrorKind::Limit, "value"));
    let half = metric(BATCH_SAMPLES_MAX / 2);
    assert_eq!(parse_metric_batch(format!("[{half},{half}]").as_bytes()).unwrap().len(), 2);
    let over = format!("[{half},{half},{}]", metric(1));
    let said = refused(parse_metric_batch(over.as_bytes())).1;
    assert_eq!(said, "the batch has more than 100000 samples");
}

#[test]
fn metadata_has_a_bound() {
    let metadata = |json: &str| {
        let body = format!(r#"{{"type":"t","status":"running","metadata":{json}}}"#);
        parse_pipeline(body.as_bytes()).map(|push| push.metadata_json.unwrap())
    };
    let text = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
    let most = text(METADATA_BYTES_MAX);
    assert_eq!(metadata(&most), Ok(most));
    assert_eq!(metadata(&text(METADATA_BYTES_MAX + 1)).unwrap_err().kind, PushErrorKind::Limit);
    let digits = |n: usize| format!("{{\"a\":[{}]}}", vec!["1"; n].join(","));
    let most = digits((METADATA_BYTES_MAX - 7) / 2);
    assert_eq!(metadata(&most), Ok(most));
    assert_eq!(metadata(&digits(1_000_000)).unwrap_err().kind, PushErrorKind::Limit);
}

#[test]
fn what_is_not_wanted_is_not_kept() {
    let body = format!("[{}[{}]]", "[1,2],".repeat(10), "1,".repeat(1000) + "1");
    for most in [0, 5] {
        let mut budget = most;
        let seed = NodeSeed { depth: 0, budget: &mut budget };
        assert_eq!(json::read(body.as_bytes(), seed), Ok(json::Node::LargeArray));
        assert_eq!(budget, 0);
    }
}

#[test]
fn texts_are_borrowed_from_the_body() {
    let body = metric_with(r#""labels":{"zone":"a"}"#);
    let metric = parse_metric(body.as_bytes()).unwrap();
    let inside = |text: &str| body.as_bytes().as_ptr_range().contains(&text.as_ptr());
    assert!(inside(metric.service()) && inside(metric.metric_type()));
    assert!(metric.labels().all(|(name, value)| inside(name) && inside(value)));
}

/// JSON with the fields that parsers look at, in all types.
fn json_text() -> impl Strategy<Value = String> {
    let names = "name|status|service|metric_type|value|timestamp|labels|metrics|metadata|type|\
        severity|title|message|user|é";
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<f64>().prop_map(|f| format!("{f:?}")),
        any::<i64>().prop_map(|i| i.to_string()),
        prop::sample::select(vec!["up", "running", "a", "", "3", "2026-01-31", "\\u0041"])
            .prop_map(|text| format!("\"{text}\"")),
        Just("oops".to_owned()),
    ];
    scalar.prop_recursive(5, 40, 5, move |inner| {
        let names: Vec<&str> = names.split('|').collect();
        let pair = (prop::sample::select(names), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec(pair, 0..6).prop_map(|pairs| {
                let pairs: Vec<String> =
                    pairs.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
                format!("{{{}}}", pairs.join(" ,"))
            }),
        ]
    })
}

/// Runs every parser on a body; each error's kind, or `None`.
fn all_kinds(body: &[u8]) -> [Option<PushErrorKind>; 6] {
    [
        parse_service(body).err(),
        parse_metric(body).err(),
        parse_metric_batch(body).err(),
        parse_pipeline(body).err(),
        parse_alert(body).err(),
        parse_acknowledge(body).err(),
    ]
    .map(|error| error.map(|error| error.kind))
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(body: Vec<u8>) {
        all_kinds(&body);
    }

    #[test]
    fn no_json_like_text_makes_a_parser_panic(body in "[\\[\\]{}\",:0-9eE+\\-.a-z\\\\ \n/]{0,60}") {
        all_kinds(body.as_bytes());
    }

    /// Whether a body is JSON does not depend on what is looked for in it.
    #[test]
    fn broken_json_is_a_syntax_error_for_every_parser(body in json_text(), cut: prop::sample::Index) {
        for body in [&body[..], body.get(..cut.index(body.len() + 1)).unwrap_or_default()] {
            let is_json = serde_json::from_str::<serde_json::Value>(body).is_ok();
            for kind in all_kinds(body.as_bytes()) {
                let is_syntax = matches!(kind, Some(PushErrorKind::Syntax { .. }));
                prop_assert_eq!(is_syntax, !is_json, "{}", body);
            }
        }
    }

    #[test]
    fn what_a_client_writes_is_what_is_read(
        service in "\\PC{1,20}",
        metric_type in "\\PC{1,20}",
        value in any::<f64>().prop_filter("JSON has no others", |value| value.is_finite()),
        t_ms in prop::option::of(-1_000_000_000_000i64..4_000_000_000_000),
        labels in prop::collection::btree_map("[^\0]{1,9}", "(?s).{1,9}", 0..5),
    ) {
        prop_assume!(labels.keys().all(|name| !RESERVED_LABELS.contains(&name.as_str())));
        let body = serde_json::json!({
            "service": service, "metric_type": metric_type, "value": value,
            "timestamp": t_ms.map(|t_ms| t_ms as f64 / 1000.0), "labels": labels,
        });
        for text in [body.to_string(), format!("{body:#}")] {
            let metric = parse_metric(text.as_bytes()).unwrap();
            prop_assert_eq!(metric.service(), &service);
            prop_assert_eq!(metric.metric_type(), &metric_type);
            let [sample] = metric.samples() else { panic!("one sample") };
            prop_assert_eq!(sample.value.to_bits(), value.to_bits());
            prop_assert_eq!(sample.t_ms, t_ms);
            let read: Vec<_> = metric.labels().collect();
            let written: Vec<_> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            prop_assert_eq!(read, written);
            prop_assert_eq!(metric.series("x").len(), 3 + labels.len());
            let batch = format!("[{text},{text}]");
            prop_assert_eq!(parse_metric_batch(batch.as_bytes()), Ok(vec![metric.clone(), metric]));
        }
    }

    #[test]
    fn metadata_is_kept_as_it_was_meant(value in json_text()) {
        let metadata = format!("{{\"a\": {value}}}");
        let Ok(want) = serde_json::from_str::<serde_json::Value>(&metadata) else { return Ok(()) };
        let body = format!(r#"{{"type":"t","status":"running","metadata":{metadata}}}"#);
        let kept = parse_pipeline(body.as_bytes()).unwrap().metadata_json.unwrap();
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&kept).unwrap(), want);
    }
}
