use super::{ACCEPT_BYTES_MAX, negotiate};
use crate::exposition::Format;

/// The `Content-Type` that an `Accept` leads to.
fn answer(accept: &str) -> &'static str {
    negotiate(Some(accept)).content_type()
}

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
const TEXT_UTF8: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8";
const OPENMETRICS: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores";
const OPENMETRICS_UTF8: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
const PROTOBUF: &str = "application/vnd.google.protobuf; \
     proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores";

#[test]
fn known_readers_get_what_they_ask_for_first() {
    // Prometheus 3, without and with native histograms.
    let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
        application/openmetrics-text;version=0.0.1;q=0.5,\
        text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    assert_eq!(answer(prometheus_3), OPENMETRICS_UTF8);
    let with_protobuf = "application/vnd.google.protobuf;\
        proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7";
    assert_eq!(answer(&format!("{prometheus_3},{with_protobuf}")), PROTOBUF);
    // Prometheus 2.0, and a browser.
    assert_eq!(answer("text/plain;version=0.0.4;q=1,*/*;q=0.1"), TEXT);
    assert_eq!(answer("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), TEXT);
    assert_eq!(negotiate(None), Format::DEFAULT);
}

#[test]
fn the_highest_weight_wins_and_the_first_of_equals() {
    let openmetrics = "application/openmetrics-text;version=1.0.0";
    assert_eq!(answer(&format!("text/plain;q=0.4,{openmetrics};q=0.5")), OPENMETRICS);
    assert_eq!(answer(&format!("text/plain;q=0.5,{openmetrics};q=0.4")), TEXT);
    assert_eq!(answer(&format!("text/plain,{openmetrics}")), TEXT);
    assert_eq!(answer(&format!("{openmetrics},text/plain")), OPENMETRICS);
    assert_eq!(answer(&format!("{openmetrics};q=0.001")), OPENMETRICS);
    // Zero means never; no weight, or more than one, is no clause.
    for no_weight in ["0", "0.0", "x", "1.5", "-1", "NaN", "inf", "1e-1"] {
        assert_eq!(answer(&format!("{openmetrics};q={no_weight}")), TEXT, "{no_weight}");
    }
}

#[test]
fn versions_we_do_not_write_are_not_chosen() {
    assert_eq!(answer("application/openmetrics-text;version=0.0.1"), TEXT);
    assert_eq!(answer("application/openmetrics-text"), OPENMETRICS);
    assert_eq!(answer("text/plain;version=2"), TEXT);
    assert_eq!(answer("application/vnd.google.protobuf"), TEXT);
    let text_form = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
        encoding=text";
    assert_eq!(answer(text_form), TEXT);
}

#[test]
fn escaping_is_taken_from_the_chosen_clause_and_only_if_known() {
    assert_eq!(answer("text/plain;escaping=allow-utf-8"), TEXT_UTF8);
    assert_eq!(answer("text/plain;escaping=\"allow-utf-8\""), TEXT_UTF8);
    assert_eq!(answer("text/plain;escaping=<script>"), TEXT);
    assert_eq!(answer("text/plain;escaping=allow-utf-8;q=0.1,text/plain;q=0.2"), TEXT);
    for scheme in ["underscores", "dots", "values", "allow-utf-8"] {
        let content_type = answer(&format!("text/plain;escaping={scheme}"));
        assert!(content_type.ends_with(&format!("; escaping={scheme}")));
    }
}

#[test]
fn odd_spelling_is_read() {
    assert_eq!(answer(" Application/OpenMetrics-Text ; Version = 1.0.0 ; Q=1 , */*"), OPENMETRICS);
    let quoted_comma = "text/plain;note=\"a,b;c\";q=0.1,application/openmetrics-text;q=0.2";
    assert_eq!(answer(quoted_comma), OPENMETRICS);
    for nonsense in ["", ",", ";", ";;q", "text/plain;q", "\"", "a\"b,c", "é/è;ü=1"] {
        assert_eq!(answer(nonsense), TEXT, "{nonsense}");
    }
}

#[test]
fn what_lies_beyond_the_bounds_is_not_read() {
    let openmetrics = "application/openmetrics-text";
    let others = |n: usize| "a/b,".repeat(n);
    assert_eq!(answer(&format!("{}{openmetrics}", others(15))), OPENMETRICS);
    assert_eq!(answer(&format!("{}{openmetrics}", others(16))), TEXT);
    let padded = |bytes: usize| format!("{openmetrics}{}", " ".repeat(bytes - openmetrics.len()));
    assert_eq!(answer(&padded(ACCEPT_BYTES_MAX)), OPENMETRICS);
    assert_eq!(answer(&padded(ACCEPT_BYTES_MAX + 1)), TEXT);
}
