//! `features`: what this server can do of what servers of this API differ in, in the groups in which
//! Prometheus tells it. Groups of things that there are none of here are left out: services that
//! targets are found by, and what templates of alerts are made of.

use axum::response::Response;
use promql::{AggregateOp, FUNCTIONS};
use serde_json::{Map, Value, json};

use super::form::Fields;
use super::targets::fixed;

/// What the language has beside functions and operators; all of it is always on.
const PROMQL: [&str; 18] = [
    "anchored",
    "at_modifier",
    "bool",
    "by",
    "delayed_name_removal",
    "duration_expr",
    "fill",
    "fill_left",
    "fill_right",
    "group_left",
    "group_right",
    "ignoring",
    "negative_offset",
    "offset",
    "on",
    "per_query_lookback_delta",
    "smoothed",
    "subqueries",
];

/// Operators between two expressions, or between a label and a text.
const OPERATORS: [&str; 21] = [
    "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">=", "</", ">/", "and",
    "or", "unless", "=~", "!~", "@",
];

/// What is there and what is not.
#[utoipa::path(
    get, path = "/api/v1/features", tag = "prometheus",
    responses((status = 200, description = "`data` has groups of names, each true or false", body = Object))
)]
pub(crate) async fn features(form: Fields) -> Response {
    fixed(&form, &all().to_string())
}

fn all() -> Value {
    let aggregates = AggregateOp::ALL.iter().map(|op| op.as_str());
    let mut promql = on(PROMQL);
    for name in ["per_step_stats", "type_and_unit_labels"] {
        promql.insert(name.to_owned(), false.into());
    }
    promql.insert("without".to_owned(), true.into());
    json!({
        "api": {
            "admin": true,
            "exclude_alerts": true,
            "label_values_match": true,
            "lifecycle": false,
            "otlp_write_receiver": true,
            "query_stats": true,
            "query_warnings": true,
            "remote_write_receiver": true,
            "time_range_labels": true,
            "time_range_series": true,
        },
        "otlp_receiver": { "delta_conversion": true, "native_delta_ingestion": false },
        "promql": promql,
        "promql_functions": on(FUNCTIONS.iter().map(|function| function.name)),
        "promql_operators": on(OPERATORS.into_iter().chain(aggregates)),
        "tsdb": { "exemplar_storage": true, "native_histograms": true },
    })
}

fn on<'n>(names: impl IntoIterator<Item = &'n str>) -> Map<String, Value> {
    names.into_iter().map(|name| (name.to_owned(), Value::from(true))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{OPERATORS, PROMQL, all};

    /// A query with each thing that the language is said to have.
    const EXAMPLES: [(&str, &str); 19] = [
        ("anchored", "rate(a[5m] anchored)"),
        ("at_modifier", "a @ 1"),
        ("bool", "a == bool 1"),
        ("by", "sum by (b) (a)"),
        ("delayed_name_removal", "-a"),
        ("duration_expr", "a[5m * 2]"),
        ("fill", "a + fill(1) b"),
        ("fill_left", "a + fill_left(1) b"),
        ("fill_right", "a + fill_right(1) b"),
        ("group_left", "a * on (x) group_left b"),
        ("group_right", "a * on (x) group_right b"),
        ("ignoring", "a * ignoring (x) b"),
        ("negative_offset", "a offset -5m"),
        ("offset", "a offset 5m"),
        ("on", "a * on (x) b"),
        ("per_query_lookback_delta", "a"),
        ("smoothed", "a smoothed"),
        ("subqueries", "rate(a[5m:1m])"),
        ("without", "sum without (b) (a)"),
    ];

    #[test]
    fn what_the_language_is_said_to_have_is_read() {
        for (name, query) in EXAMPLES {
            assert!(promql::parse(query).is_ok(), "{name}: {query}");
            assert_eq!(all()["promql"][name], true, "{name}");
        }
        let shown: BTreeSet<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
        assert!(PROMQL.iter().all(|name| shown.contains(name)), "an example for each");
    }

    #[test]
    fn operators_are_read() {
        for op in OPERATORS {
            let query = match op {
                "=~" | "!~" => format!("{{a=\"b\",c{op}\"d\"}}"),
                "@" => "a @ 1".to_owned(),
                _ => format!("a {op} b"),
            };
            assert!(promql::parse(&query).is_ok(), "{query}");
        }
        let told = all();
        let operators = told["promql_operators"].as_object().unwrap();
        assert_eq!(operators.len(), OPERATORS.len() + promql::AggregateOp::ALL.len());
        assert_eq!((&operators["limit_ratio"], &operators[">="]), (&true.into(), &true.into()));
    }

    #[test]
    fn functions_are_those_that_there_are() {
        let told = all();
        let functions = told["promql_functions"].as_object().unwrap();
        assert_eq!(functions.len(), promql::FUNCTIONS.len());
        assert_eq!(functions["rate"], true);
    }
}
