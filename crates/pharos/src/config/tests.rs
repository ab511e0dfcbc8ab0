use std::collections::BTreeMap;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::layer::Layer;
use super::{Config, ConfigError, GrpcListen, env, file};
use crate::cli::ServeArgs;

/// Settings from flags, variables and the text of a file.
fn config(
    flags: &ServeArgs,
    variables: &[(&str, &str)],
    text: &str,
) -> Result<Config, ConfigError> {
    let pairs = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let variables = env::read(&pairs.collect::<BTreeMap<_, _>>())?;
    let file =
        file::parse(text).map_err(|text| ConfigError::File { path: "pharos.toml".into(), text })?;
    Config::from_layer(Layer::from_flags(flags).or(variables).or(file))
}

fn of_file(text: &str) -> Result<Config, ConfigError> {
    config(&ServeArgs::default(), &[], text)
}

fn check_error(text: &str, expect: &Expect) {
    expect.assert_eq(&of_file(text).unwrap_err().to_string());
}

fn addresses(config: &Config) -> Vec<String> {
    config.listen.iter().map(ToString::to_string).collect()
}

#[test]
fn defaults_watch_this_host_on_loopback() {
    let config = of_file("").unwrap();
    assert_eq!(addresses(&config), ["127.0.0.1:8000"]);
    assert_eq!(config.service_name, "monitoring");
    assert_eq!(config.retention, Some(Duration::from_secs(7 * 86_400)));
    assert_eq!(config.silent_after, Duration::from_secs(180));
    assert_eq!(config.collect.unwrap().interval, Duration::from_secs(10));
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let flags = ServeArgs { retention: Some(Duration::from_secs(1)), ..ServeArgs::default() };
    let variables =
        [("METRICS_RETENTION", "2s"), ("PHAROS_DATA_DIR", "/v"), ("LOG_LEVEL", "DEBUG")];
    let text = "retention = \"3s\"\ndata_dir = \"/f\"\nservice_name = \"f\"\nlog.level = \"error\"";
    let config = config(&flags, &variables, text).unwrap();
    assert_eq!(config.retention, Some(Duration::from_secs(1)));
    assert_eq!(config.data_dir, std::path::Path::new("/v"));
    assert_eq!(config.log_level, super::LogLevel::Debug);
    assert_eq!(config.service_name, "f");
}

#[test]
fn the_host_collectors_own_interval_wins() {
    let interval = |variables: &[(&str, &str)]| {
        let config = config(&ServeArgs::default(), variables, "").unwrap();
        config.collect.unwrap().interval.as_secs()
    };
    assert_eq!(interval(&[("METRICS_COLLECTION_INTERVAL", "30")]), 30);
    assert_eq!(interval(&[("METRICS_COLLECTION_INTERVAL", "30"), ("UPDATE_INTERVAL", "15s")]), 15);
}

#[test]
fn ports_of_the_environment_add_up_to_listeners() {
    let listeners = |variables: &[(&str, &str)]| {
        let config =
            config(&ServeArgs::default(), variables, "listen = [\"127.0.0.1:1\"]").unwrap();
        (addresses(&config), config.metrics_listen.map(|address| address.port()))
    };
    assert_eq!(listeners(&[]), (vec!["127.0.0.1:1".to_owned()], None));
    assert_eq!(listeners(&[("PORT", "8082")]).0, ["127.0.0.1:8082"]);
    assert_eq!(listeners(&[("PROMETHEUS_PORT", "9100")]).1, Some(9100));
    assert_eq!(listeners(&[("PROMETHEUS_PORT", "1")]).1, None);
}

#[test]
fn the_compat_profile_adds_its_ports_once() {
    let config = of_file("profile = \"compat\"\nport = 5000").unwrap();
    assert_eq!(addresses(&config), ["127.0.0.1:5000", "127.0.0.1:3000", "127.0.0.1:8082"]);
}

#[test]
fn opentelemetry_is_heard_where_it_is_told() {
    use wire::otlp::{Promotion, Settings, Strategy};
    let default = of_file("").unwrap();
    assert_eq!(default.web.otlp, Settings::default());
    let text = "[otlp]\ngrpc_listen = [\"127.0.0.1:1\"]\ntranslation_strategy = \"NoTranslation\"\n\
                promote_resource_attributes = [\"a\"]\nignore_resource_attributes = [\"b\"]";
    let config_of = |variables: &[(&str, &str)], text: &str| {
        config(&ServeArgs::default(), variables, text).unwrap()
    };
    let told = config_of(&[], text);
    let only = Promotion::Only(vec!["a".to_owned()]);
    assert_eq!((told.web.otlp.strategy, told.web.otlp.promotion), (Strategy::NoTranslation, only));
    let all = config_of(&[], &format!("{text}\npromote_all_resource_attributes = true"));
    assert_eq!(all.web.otlp.promotion, Promotion::AllBut(vec!["b".to_owned()]));
}

/// A port that serves everything already is not asked for twice.
#[test]
fn grpc_is_heard_on_its_own_port_unless_told_otherwise() {
    let config_of = |variables: &[(&str, &str)], text: &str| {
        config(&ServeArgs::default(), variables, text).unwrap()
    };
    let heard = |variables: &[(&str, &str)], text: &str| {
        let GrpcListen { addresses, is_asked_for } = config_of(variables, text).grpc_listen;
        (addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), is_asked_for)
    };
    let file = "[otlp]\ngrpc_listen = [\"127.0.0.1:1\"]";
    assert_eq!(heard(&[], ""), ("127.0.0.1:4317".to_owned(), false));
    assert_eq!(heard(&[], "listen = [\"127.0.0.1:4317\"]"), (String::new(), false));
    assert_eq!(heard(&[("PROMETHEUS_PORT", "4317")], ""), (String::new(), false));
    assert_eq!(heard(&[], file), ("127.0.0.1:1".to_owned(), true));
    assert_eq!(heard(&[], "[otlp]\ngrpc_listen = []"), (String::new(), true));
    let variable = |value: &'static str| [("PHAROS_OTLP_GRPC_LISTEN", value)];
    assert_eq!(heard(&variable("off"), file), (String::new(), true));
    assert_eq!(heard(&variable(""), file), ("127.0.0.1:1".to_owned(), true));
    let two = variable("127.0.0.1:2,[::1]:3");
    assert_eq!(heard(&two, file), ("127.0.0.1:2 [::1]:3".to_owned(), true));
    let change = config_of(&two, file).restart_needed(&config_of(&[], file));
    assert_eq!(change, ["otlp.grpc_listen"]);
    let wrong = config(&ServeArgs::default(), &variable("on"), "").unwrap_err().to_string();
    assert!(wrong.contains("PHAROS_OTLP_GRPC_LISTEN") && wrong.contains("\"on\""), "{wrong}");
}

#[test]
fn series_are_bounded_by_the_first_layer_that_says_so() {
    assert_eq!(of_file("").unwrap().series, storage::SeriesLimits::default());
    let text = "[limits]\nseries = 30\nseries_per_metric = 20\nseries_per_source = 10";
    let bounds = |flags: &ServeArgs, variables: &[(&str, &str)]| {
        let storage::SeriesLimits { total, per_metric, per_source } =
            config(flags, variables, text).unwrap().series;
        [total, per_metric, per_source]
    };
    let flags = ServeArgs::default();
    assert_eq!(bounds(&flags, &[]), [Some(30), Some(20), Some(10)]);
    let variables = [
        ("PHAROS_SERIES_MAX", "3"),
        ("PHAROS_METRIC_SERIES_MAX", "2"),
        ("PHAROS_SOURCE_SERIES_MAX", "1"),
    ];
    assert_eq!(bounds(&flags, &variables), [Some(3), Some(2), Some(1)]);
    let flags = ServeArgs {
        series_max: Some(300),
        metric_series_max: Some(0),
        source_series_max: Some(100),
        ..flags
    };
    assert_eq!(bounds(&flags, &variables), [Some(300), None, Some(100)], "0 is no bound");
}

#[test]
fn rollups_are_kept_for_months_and_years_and_zero_makes_none() {
    let days = |n: u64| Some(Duration::from_secs(n * 86_400));
    let tiers = |config: super::Config| (config.retention_5m, config.retention_1h);
    assert_eq!(tiers(of_file("").unwrap()), (days(90), days(5 * 365)));
    let text = "retention_5m = \"30d\"\nretention_1h = 0";
    assert_eq!(tiers(of_file(text).unwrap()), (days(30), None));
    let flags = ServeArgs { retention_5m: Some(Duration::ZERO), ..ServeArgs::default() };
    let variables = [("PHAROS_RETENTION_5M", "1d"), ("PHAROS_RETENTION_1H", "1y")];
    assert_eq!(tiers(config(&flags, &variables, text).unwrap()), (None, days(365)));
    let changed = of_file(text).unwrap().restart_needed(&of_file("").unwrap());
    assert_eq!(changed, ["retention_5m", "retention_1h"]);
}

#[test]
fn retention_zero_keeps_everything() {
    assert_eq!(of_file("retention = 0").unwrap().retention, None);
}

#[test]
fn retention_by_size_comes_from_every_layer() {
    let size = |flag: Option<u64>, variables: &[(&str, &str)], text: &str| {
        let flags = ServeArgs { retention_size: flag, ..ServeArgs::default() };
        config(&flags, variables, text).unwrap().retention_size_bytes
    };
    let file = "retention_size = \"3KiB\"";
    assert_eq!(size(Some(1), &[("PHAROS_RETENTION_SIZE", "2KB")], file), Some(1));
    assert_eq!(size(None, &[("PHAROS_RETENTION_SIZE", "2KB")], file), Some(2000));
    assert_eq!(size(None, &[], file), Some(3072));
    assert_eq!(size(None, &[], "retention_size = 5"), Some(5));
    assert_eq!(size(Some(0), &[], file), None);
    assert_eq!(size(None, &[], ""), None);
}

#[test]
fn retention_rules_stand_in_their_order_and_only_shorten() {
    let rule = |selector: &str, keep: &str| {
        format!("[[retention_rules]]\nmatch = '{selector}'\nkeep = \"{keep}\"\n")
    };
    let text = rule("up{job=\"a\"}", "1d") + &rule("{__name__!=\"\"}", "2d");
    let rules = of_file(&text).unwrap().retention_rules;
    let kept: Vec<_> =
        rules.iter().map(|r| (r.matchers.len(), r.keep.as_secs() / 86_400)).collect();
    assert_eq!(kept, [(2, 1), (1, 2)]);
    assert!(of_file(&(String::from("retention = 0\n") + &rule("up", "9y"))).is_ok());
    check_error(
        &rule("up", "8d"),
        &expect![
            "retention rule 1 keeps its series for 8d, longer than the retention of 7d: raise the retention, and shorten it for all others by a last rule such as match = '{__name__!=\"\"}'"
        ],
    );
    check_error(
        &rule("up{job=a}", "1d"),
        &expect![[r#"
            pharos.toml: TOML parse error at line 2, column 9
              |
            2 | match = 'up{job=a}'
              |         ^^^^^^^^^^^
            at character 8: expected a quoted text, found 'a'"#]],
    );
}

#[test]
fn others_may_connect_only_with_a_key_or_when_told_so() {
    check_error(
        "listen = [\"0.0.0.0:8000\"]",
        &expect![
            "refusing to listen on 0.0.0.0:8000, which others can reach, without any key: add a [[keys]] entry to the configuration file or set PHAROS_API_KEY; or pass --insecure-open if everyone who can connect may read and write"
        ],
    );
    assert!(of_file("listen = [\"0.0.0.0:8000\"]\ninsecure_open = true").is_ok());
    let keyed =
        "listen = [\"0.0.0.0:8000\"]\n[[keys]]\nname = \"a\"\nkey = \"b\"\nscopes = [\"read\"]";
    assert!(of_file(keyed).is_ok());
    assert!(of_file("listen = [\"[::1]:8000\", \"[::ffff:127.0.0.1]:8001\"]").is_ok());
}

#[test]
fn a_mistake_is_shown_with_its_line_and_a_caret() {
    check_error(
        "service_name = \"a\"\nretention = \"5x\"\n",
        &expect![[r#"
            pharos.toml: TOML parse error at line 2, column 13
              |
            2 | retention = "5x"
              |             ^^^^
            not a duration: "5x", at character 1: expected one of the units y w d h m s ms, from large to small (examples: 30, 10ms, 30s, 5m, 24h, 7d)"#]],
    );
    check_error(
        "[collect]\nintervall = 3\n",
        &expect![[r#"
            pharos.toml: TOML parse error at line 2, column 1
              |
            2 | intervall = 3
              | ^^^^^^^^^
            unknown field `intervall`, expected one of `enabled`, `interval`, `proc`, `sys`, `root`, `nvml`"#]],
    );
}

#[test]
fn a_secret_is_never_shown() {
    let text = "[[keys]]\nname = \"a\"\nkey = \"canary\" oops\n";
    let shown = of_file(text).unwrap_err().to_string();
    assert!(shown.contains("line 3") && !shown.contains("canary"), "{shown}");
    let text = "[[keys]]\nname = \"a\"\nkey = \"canary\"\nscopes = [\"no\"]\n";
    assert!(!of_file(text).unwrap_err().to_string().contains("canary"));
    for text in [
        "keys = [{ name = \"a\", key = \"canary\", scopes = [\"no\"] }]",
        "[[keys]]\nname = \"a\"\nsecret = \"canary\"",
        "keys = \"canary\"",
        "[[keys]]\nkey = 'canary",
    ] {
        let shown = of_file(text).unwrap_err().to_string();
        assert!(!shown.contains("canary"), "{shown}");
    }
    let variables = [("PHAROS_API_KEY", "canary"), ("PORT", "x")];
    let error = config(&ServeArgs::default(), &variables, "").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[test]
fn an_empty_secret_is_refused() {
    let text = "[[keys]]\nname = \"a\"\nkey = \" \"\nscopes = [\"read\"]\n";
    assert!(of_file(text).unwrap_err().to_string().contains("a key must not be empty"));
}

#[test]
fn a_wrong_variable_is_named() {
    let variables = [("UPDATE_INTERVAL", "soon")];
    let error = config(&ServeArgs::default(), &variables, "").unwrap_err();
    expect![[r#"environment variable UPDATE_INTERVAL: not a duration: "soon", at character 0: expected a number (examples: 30, 10ms, 30s, 5m, 24h, 7d)"#]]
        .assert_eq(&error.to_string());
}
