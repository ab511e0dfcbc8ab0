//! Prometheus' own API over the real binary, as a dashboard calls it: every endpoint, both methods,
//! and what is said of a request that makes no sense.

use std::io::Read as _;
use std::sync::OnceLock;

use e2e::{Answer, Client, Server, eventually};
use serde_json::{Value, json};

use crate::remote_write::{block, field, series};
use crate::shared::{SOON, encoded, keyed, page};

/// The first sample, Unix milliseconds; then one each 15 seconds for 10 minutes.
const START_MS: u64 = 1_700_000_000_000;
const STEP_MS: u64 = 15_000;
const N: u64 = 41;
/// The last sample, Unix seconds.
const END_S: u64 = (START_MS + (N - 1) * STEP_MS) / 1000;

/// A server with two hosts whose counters go up by 15 and 30 each step, and a gauge.
fn client() -> Client {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let start = || {
        let server = Server::with_config("retention = 0\n[collect]\nenabled = false\n");
        let one = |i: u64| {
            let t_ms = START_MS + i * STEP_MS;
            let counter = |host: &str, by: u64| {
                let labels = [("__name__", "requests_total"), ("host", host), ("job", "web")];
                series(&labels, (i * by) as f64, t_ms)
            };
            let gauge = [("__name__", "temperature"), ("job", "lab"), ("http.status", "200")];
            [counter("a", 15), counter("b", 30), series(&gauge, -1.5e-7, t_ms)].concat()
        };
        let help = "\x08\x01\x12\x0erequests_total\x22\x09Requests.\x2a\x05tries";
        let message: Vec<u8> = (0..N).flat_map(one).chain(field(3, help.as_bytes())).collect();
        let written = server.client().request("POST", "/api/v1/write").body(block(&message));
        written.send().expect(204);
        server
    };
    SERVER.get_or_init(start).client()
}

fn get(path: &str, parameters: &[(&str, &str)]) -> Answer {
    client().get(&format!("/api/v1/{path}?{}", encoded(parameters)))
}

fn post(path: &str, parameters: &[(&str, &str)]) -> Answer {
    let request = client().request("POST", &format!("/api/v1/{path}"));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    request.body(encoded(parameters)).send()
}

#[track_caller]
fn data(answer: Answer) -> Value {
    let answer = answer.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let mut body = answer.json();
    assert_eq!(body["status"], "success", "{body}");
    body["data"].take()
}

/// What both methods answer, which is the same.
#[track_caller]
fn both(path: &str, parameters: &[(&str, &str)]) -> Value {
    let (got, posted) = (data(get(path, parameters)), data(post(path, parameters)));
    assert_eq!(got, posted, "{path} {parameters:?}");
    got
}

fn at(seconds: u64) -> String {
    seconds.to_string()
}

#[test]
fn a_panel_asks_for_a_range() {
    let (start, end) = (at(END_S - 60), at(END_S));
    let times = [("start", start.as_str()), ("end", end.as_str()), ("step", "30")];
    let query = [("query", "sum by (job) (irate(requests_total[1m]))")];
    let result = both("query_range", &[&query[..], &times[..]].concat());
    let expected = json!({"resultType": "matrix", "result": [{
        "metric": {"job": "web"},
        "values": [[END_S - 60, "3"], [END_S - 30, "3"], [END_S, "3"]],
    }]});
    assert_eq!(result, expected);
    let fine = [
        ("query", "temperature"),
        ("start", "1700000060.5"),
        ("end", "1700000061"),
        ("step", "500ms"),
    ];
    let values = json!([[1_700_000_060.5, "-1.5e-07"], [1_700_000_061, "-1.5e-07"]]);
    assert_eq!(both("query_range", &fine)["result"][0]["values"], values);
}

#[test]
fn a_stat_asks_for_a_moment() {
    let end = at(END_S);
    let ask = |query: &str| both("query", &[("query", query), ("time", &end)]);
    let vector = ask("requests_total{host=\"a\"}");
    assert_eq!(
        vector,
        json!({"resultType": "vector", "result": [{
            "metric": {"__name__": "requests_total", "host": "a", "job": "web"},
            "value": [END_S, "600"],
        }]})
    );
    assert_eq!(
        ask("1e21"),
        json!({"resultType": "scalar",
        "result": [END_S, "1000000000000000000000"]})
    );
    assert_eq!(
        ask("\"<text>\""),
        json!({"resultType": "string",
        "result": [END_S, "<text>"]})
    );
    let matrix = ask("requests_total{host=\"b\"}[30s]");
    assert_eq!(matrix["result"][0]["values"], json!([[END_S - 15, "1170"], [END_S, "1200"]]));
    let now = data(get("query", &[("query", "time()")]));
    assert!(now["result"][0].as_f64().unwrap() > END_S as f64);
    let url = client().request("POST", "/api/v1/query?query=1%2B1&time=4");
    assert_eq!(data(url.send())["result"], json!([4, "2"]));
    client().get("/api/v1/query/?query=1").expect(200);
}

#[test]
fn a_variable_asks_what_there_is() {
    let (start, end) = (at(END_S - 60), at(END_S));
    let times = [("start", start.as_str()), ("end", end.as_str())];
    let with = |parameters: &[(&'static str, &'static str)]| [&times[..], parameters].concat();
    let all = json!(["__name__", "host", "http.status", "job"]);
    assert_eq!(both("labels", &[]), all);
    assert_eq!(both("labels", &times), all);
    let of_one = both("labels", &with(&[("match[]", "temperature")]));
    assert_eq!(of_one, json!(["__name__", "http.status", "job"]));
    let values = |name: &str, parameters: &[(&str, &str)]| {
        data(get(&format!("label/{name}/values"), parameters))
    };
    assert_eq!(values("__name__", &times), json!(["requests_total", "temperature"]));
    assert_eq!(values("host", &[]), json!(["a", "b"]));
    assert_eq!(values("job", &with(&[("match[]", "{host=~\".+\"}")])), json!(["web"]));
    assert_eq!(values("U__http_2e_status", &[]), json!(["200"]));
    assert_eq!(values("http.status", &times), json!(["200"]));
    assert_eq!(values("nothing", &[]), json!([]));
    assert_eq!(values("host", &[("start", "1000"), ("end", "2000")]), json!([]));
    let found = both(
        "series",
        &with(&[
            ("match[]", "{host=\"b\"}"),
            ("match[]", "temperature"),
            ("match[]", "{job=\"lab\"}"),
        ]),
    );
    assert_eq!(
        found,
        json!([
            {"__name__": "requests_total", "host": "b", "job": "web"},
            {"__name__": "temperature", "http.status": "200", "job": "lab"},
        ])
    );
    assert_eq!(both("series", &[("match[]", "temperature"), ("end", "1000")]), json!([]));
}

#[test]
fn an_editor_asks_about_the_text() {
    let query = [("query", "sum(rate(foo{a=\"b\"}[5m]))by(x)/  2")];
    assert_eq!(both("format_query", &query), "sum by (x) (rate(foo{a=\"b\"}[5m])) / 2");
    let tree = both("parse_query", &query);
    assert_eq!((&tree["type"], &tree["op"]), (&json!("binaryExpr"), &json!("/")));
    assert_eq!(tree["lhs"]["grouping"], json!(["x"]));
    let metadata = data(get("metadata", &[]));
    let said = json!([{"type": "counter", "unit": "tries", "help": "Requests."}]);
    assert_eq!(metadata, json!({ "requests_total": said }));
    assert_eq!(data(get("metadata", &[("metric", "other")])), json!({}));
    assert_eq!(data(get("metadata", &[("limit", "0")])), json!({}));
    for all in ["0", "-1", "1"] {
        assert_eq!(data(get("metadata", &[("limit_per_metric", all)])), metadata, "{all}");
    }
    assert_eq!(both("query_exemplars", &[("query", "requests_total")]), json!([]));
    post("query_exemplars", &[("query", "1")]).expect(204);
}

#[test]
fn an_editor_is_told_what_the_metrics_of_this_host_are() {
    let server = Server::start();
    let of = |metric: &str| {
        let path = format!("/api/v1/metadata?metric={metric}");
        server.client().json(&path)["data"][metric][0].take()
    };
    eventually(SOON, "the host was read", || of("node_cpu_seconds_total")["type"] == "counter");
    assert!(!of("node_cpu_seconds_total")["help"].as_str().unwrap().is_empty());
    assert_eq!(of("pharos_http_request_duration_seconds")["type"], "histogram");
    let all = server.client().json("/api/v1/metadata")["data"].take();
    assert!(all.as_object().unwrap().len() > 100);
    assert_eq!(server.client().json("/api/v1/metadata?metric=nothing")["data"], json!({}));
}

#[test]
fn what_there_is_none_of_is_well_formed() {
    for (path, expected) in [
        ("targets", json!({"activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {}})),
        ("targets/metadata", json!([])),
        ("scrape_pools", json!({"scrapePools": []})),
        ("rules", json!({"groups": []})),
        ("rules?type=alert", json!({"groups": []})),
        ("alerts", json!({"alerts": []})),
        ("alertmanagers", json!({"activeAlertmanagers": [], "droppedAlertmanagers": []})),
    ] {
        assert_eq!(data(client().get(&format!("/api/v1/{path}"))), expected, "{path}");
    }
}

#[test]
fn the_server_tells_of_itself() {
    let status = |what: &str| data(get(&format!("status/{what}"), &[]));
    let build = status("buildinfo");
    assert!(build["version"].as_str().unwrap().starts_with("3."), "{build}");
    assert!(build["revision"].as_str().unwrap().starts_with("pharos-"), "{build}");
    let flags = status("flags");
    assert_eq!(flags["query.timeout"], "2m");
    assert_eq!(flags["query.lookback-delta"], "5m");
    assert_eq!(flags["query.max-samples"], "50000000");
    let runtime = status("runtimeinfo");
    assert_eq!(runtime["reloadConfigSuccess"], true);
    assert_eq!(runtime["corruptionCount"], 0);
    let features = data(get("features", &[]));
    assert_eq!(features["promql_functions"]["histogram_quantile"], true);
    assert_eq!(features["promql_operators"]["<="], true);
    assert_eq!(
        (&features["api"]["admin"], &features["promql"]["bool"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(data(get("notifications", &[])), json!([]));
    assert_eq!(get("status/tsdb", &[("limit", "1"), ("other", "x")]).status, 200);
    let yaml = status("config")["yaml"].as_str().unwrap().to_owned();
    assert!(yaml.contains("retention: 0s\n") && yaml.contains("  timeout: 2m\n"), "{yaml}");
    assert_eq!(status("walreplay"), json!({"min": 0, "max": 0, "current": 0}));
    let head = status("tsdb")["headStats"].take();
    assert_eq!((&head["numSeries"], &head["chunkCount"]), (&json!(3), &json!(3)));
    assert_eq!((&head["minTime"], &head["maxTime"]), (&json!(START_MS), &json!(END_S * 1000)));
}

#[test]
fn a_server_scrapes_the_newest_samples() {
    let server = Server::with_config("[collect]\nenabled = false\n");
    let now_ms = std::time::SystemTime::now();
    let now_ms = now_ms.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let message = [
        series(&[("__name__", "up"), ("job", "a")], 0.0, now_ms - 60_000),
        series(&[("__name__", "up"), ("job", "a")], 1.0, now_ms - 1000),
        series(&[("__name__", "down"), ("instance", "i")], 2.5, now_ms - 2000),
        series(&[("__name__", "old")], 1.0, now_ms - 400_000),
        series(&[("__name__", "ended")], f64::from_bits(0x7ff0_0000_0000_0002), now_ms - 1000),
    ];
    let written = server.client().request("POST", "/api/v1/write").body(block(&message.concat()));
    written.send().expect(204);
    let page = server.client().get("/federate?match[]=up&match[]=%7B__name__%3D~%22.%2B%22%7D");
    let page = page.expect(200);
    assert!(page.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let expected = format!(
        "# TYPE down untyped\ndown{{instance=\"i\"}} 2.5 {}\n\
         # TYPE up untyped\nup{{job=\"a\",instance=\"\"}} 1 {}\n",
        now_ms - 2000,
        now_ms - 1000,
    );
    assert_eq!(page.text(), expected);
    assert_eq!(server.client().get("/federate").expect(200).text(), "");
    let protobuf = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                    encoding=delimited";
    let asked = server.client().request("GET", "/federate?match[]=up").header("Accept", protobuf);
    let page = asked.send().expect(200);
    assert!(page.header("content-type").unwrap().starts_with(protobuf));
    assert_eq!(page.header("vary"), Some("Accept, Accept-Encoding"));
    assert!(page.body.windows(8).any(|bytes| bytes == b"instance"), "{:?}", page.text());
    let refused = server.client().get("/federate?match[]=%7B%7D").expect(400).text();
    assert_eq!(refused, "match[] must contain at least one non-empty matcher\n");
}

#[test]
fn mistakes_are_told_as_clients_expect_them() {
    let s = at(END_S - 60);
    let e = at(END_S);
    let range = |query: &str, start: &str, end: &str, step: &str| {
        let parameters = [("query", query), ("start", start), ("end", end), ("step", step)];
        format!("query_range?{}", encoded(&parameters))
    };
    for (path, status, kind, message) in [
        (
            "query?query=sum(".to_owned(),
            400,
            "bad_data",
            "invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis",
        ),
        (
            "query".to_owned(),
            400,
            "bad_data",
            "invalid parameter \"query\": unknown position: parse error: no expression found in input",
        ),
        (
            "query?query=1&time=noon".to_owned(),
            400,
            "bad_data",
            "invalid parameter \"time\": invalid time value for 'time': cannot parse \"noon\" to a valid timestamp",
        ),
        (
            "query?query=1&timeout=soon".to_owned(),
            400,
            "bad_data",
            "invalid parameter \"timeout\": cannot parse \"soon\" to a valid duration",
        ),
        (
            "query?query=1&limit=-1".to_owned(),
            400,
            "bad_data",
            "invalid parameter \"limit\": limit must be non-negative",
        ),
        (
            "query?query=1&lookback_delta=x".to_owned(),
            400,
            "bad_data",
            "error parsing lookback delta duration: cannot parse \"x\" to a valid duration",
        ),
        (
            range("x[5m]", &s, &e, "15"),
            400,
            "bad_data",
            "invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
        ),
        (
            range("x", &e, &s, "15"),
            400,
            "bad_data",
            "invalid parameter \"end\": end timestamp must not be before start time",
        ),
        (
            range("x", "", &s, "15"),
            400,
            "bad_data",
            "invalid parameter \"start\": cannot parse \"\" to a valid timestamp",
        ),
        (
            range("x", &s, &e, "0"),
            400,
            "bad_data",
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ),
        (
            range("x", "0", "11001", "1"),
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ),
        (
            format!("query?time={e}&query=requests_total*on()requests_total"),
            422,
            "execution",
            "many-to-many matching not allowed",
        ),
        ("series".to_owned(), 400, "bad_data", "no match[] parameter provided"),
        (
            "series?match[]=%7B%7D".to_owned(),
            400,
            "bad_data",
            "invalid parameter \"match[]\": match[] must contain at least one non-empty matcher",
        ),
        (
            "labels?start=x".to_owned(),
            400,
            "bad_data",
            "invalid parameter \"start\": invalid time value for 'start': cannot parse \"x\" to a valid timestamp",
        ),
        (
            "query_exemplars?query=x&start=2&end=1".to_owned(),
            400,
            "bad_data",
            "end timestamp must not be before start timestamp",
        ),
        ("metadata?limit=x".to_owned(), 400, "bad_data", "limit must be a number"),
        (
            "targets/metadata?match_target=%7B".to_owned(),
            400,
            "bad_data",
            "invalid parameter \"match_target\": 1:2: parse error: ",
        ),
        ("status/tsdb?limit=0".to_owned(), 400, "bad_data", "limit must be a positive number"),
        ("label/%FF/values".to_owned(), 400, "bad_data", "invalid label name"),
        ("label/U__/values".to_owned(), 400, "bad_data", "invalid label name: \"\""),
        (
            "rules?type=nope".to_owned(),
            400,
            "bad_data",
            "invalid parameter \"type\": not supported value \"nope\"",
        ),
        ("format_query?query=(".to_owned(), 400, "bad_data", "invalid parameter \"query\": 1:2: "),
    ] {
        let answer = client().get(&format!("/api/v1/{path}"));
        let body = answer.clone().expect(status).json();
        assert_eq!(
            (&body["status"], &body["errorType"]),
            (&json!("error"), &json!(kind)),
            "{path}"
        );
        let said = body["error"].as_str().unwrap();
        assert!(said.contains(message), "{path}: {said}");
    }
    let raw = get("query", &[("query", "1 < < 2")]).expect(400).text();
    assert!(raw.contains("\\u003c") && !raw.contains('<'), "{raw}");
    client().request("DELETE", "/api/v1/query?query=1").send().refused(405);
    client().get("/api/v1/nonsense").refused(404);
}

#[test]
fn too_much_is_refused_and_told() {
    let server = Server::with_config(
        "retention = 0\n[collect]\nenabled = false\n[query]\nsamples = 35\nlookback = \"1m\"\n",
    );
    let message: Vec<u8> =
        (0..60).flat_map(|i| series(&[("__name__", "m")], 1.0, START_MS + i * 1000)).collect();
    let written = server.client().request("POST", "/api/v1/write").body(block(&message));
    written.send().expect(204);
    let ask = |query: &str| {
        server
            .client()
            .get(&format!("/api/v1/query?{}&{query}", encoded(&[("time", "1700000059")])))
    };
    let refused = ask("query=m%5B1m%5D").expect(422).json();
    assert_eq!(refused["errorType"], "execution");
    let said = "query processing would load too many samples into memory in query execution";
    assert_eq!(refused["error"], said);
    assert_eq!(data(ask("query=m%5B5s%5D"))["result"][0]["values"].as_array().unwrap().len(), 5);
    let later = |lookback: &str| {
        let query = format!("/api/v1/query?query=m&time=1700000130{lookback}");
        data(server.client().get(&query))["result"].as_array().unwrap().len()
    };
    assert_eq!((later(""), later("&lookback_delta=80"), later("&lookback_delta=1m30s")), (0, 1, 1));
}

#[test]
fn limits_cut_and_say_so() {
    let truncated = json!(["results truncated due to limit"]);
    let end = at(END_S);
    let time = ("time", end.as_str());
    let all = ("match[]", "{job!=\"\"}");
    for (path, parameters) in [
        ("query", vec![("query", "requests_total"), time]),
        ("series", vec![all]),
        ("labels", vec![all]),
        ("label/host/values", vec![]),
        (
            "query_range",
            vec![("query", "requests_total"), ("start", &end), ("end", &end), ("step", "1")],
        ),
    ] {
        let limited = |limit: &'static str| {
            get(path, &[&parameters[..], &[("limit", limit)]].concat()).expect(200).json()
        };
        let one = limited("1");
        assert_eq!(one["warnings"], truncated, "{path}");
        let list = one["data"].as_array().or_else(|| one["data"]["result"].as_array()).unwrap();
        assert_eq!(list.len(), 1, "{path}");
        for whole in [limited("0"), limited("100")] {
            assert_eq!(whole["warnings"], Value::Null, "{path}");
        }
    }
}

#[test]
fn doubts_are_told_with_their_place() {
    let end = at(END_S);
    let body = get("query", &[("query", "rate(temperature[1m])"), ("time", &end)]).expect(200);
    let info = "PromQL info: metric might not be a counter, name does not end in \
                _total/_sum/_count/_bucket: \"temperature\" (1:6)";
    assert_eq!(body.json()["infos"], json!([info]));
    let query = "quantile(2, requests_total)";
    let body = get("query", &[("query", query), ("time", &end)]).expect(200).json();
    let warning = "PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)";
    assert_eq!(body["warnings"], json!([warning]));
    assert_eq!(body["infos"], Value::Null);
}

#[test]
fn who_asks_is_told_what_it_took() {
    let (start, end) = (at(END_S - 60), at(END_S));
    let ask = |more: &[(&str, &str)]| {
        let query = [
            ("query", "sum(rate(requests_total[1m]))"),
            ("start", start.as_str()),
            ("end", end.as_str()),
            ("step", "15"),
        ];
        get("query_range", &[&query[..], more].concat()).expect(200).json()
    };
    let plain = ask(&[]);
    assert_eq!((&plain["data"]["stats"], &plain["data"]["trace"]), (&Value::Null, &Value::Null));
    let stats = ask(&[("stats", "all")])["data"]["stats"].take();
    // Two series, five steps with four samples each; eight samples of each were read.
    assert_eq!(stats["samples"]["totalQueryableSamples"], 40);
    assert_eq!(stats["samples"]["samplesRead"], 16);
    // One series after the other.
    assert!(stats["samples"]["peakSamples"].as_u64().unwrap() >= 8);
    for time in [
        "evalTotalTime",
        "resultSortTime",
        "queryPreparationTime",
        "innerEvalTime",
        "execQueueTime",
        "execTotalTime",
    ] {
        assert!(stats["timings"][time].as_f64().unwrap() >= 0.0, "{time}");
    }
    assert_eq!(ask(&[("stats", "what")])["warnings"].as_array().unwrap().len(), 1);
    let trace = ask(&[("trace", "1")])["data"]["trace"].take();
    let spans = trace["spans"].as_array().unwrap();
    let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["queue", "parse", "eval", "encode"]);
    let select = &spans[2]["spans"][0];
    assert_eq!((&select["name"], &select["series"]), (&json!("select"), &json!(2)));
    assert_eq!(select["samples"], 16);
}

#[test]
fn answers_are_compressed_as_asked() {
    let (start, end) = (at(END_S - 600), at(END_S));
    let path = format!("/api/v1/query_range?query=requests_total&start={start}&end={end}&step=1");
    let plain = client().get(&path).expect(200);
    assert_eq!(plain.header("vary"), Some("Accept-Encoding"));
    assert_eq!(plain.header("content-encoding"), None);
    let ask = |accept: &str| {
        client().request("GET", &path).header("Accept-Encoding", accept).send().expect(200)
    };
    let gzip = ask("gzip, deflate");
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&gzip.body[..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);
    let zstd = ask("gzip, zstd");
    assert_eq!(zstd.header("content-encoding"), Some("zstd"));
    assert_eq!(zstd.body[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    assert!(zstd.body.len() < plain.body.len() / 4, "{}", zstd.body.len());
    let accept = client().request("GET", &path).header("Accept", "text/html").send().expect(200);
    assert_eq!(accept.header("content-type"), Some("application/json"));
}

/// Takes longer than any test: ten thousand windows of a hundred thousand values, a thousand times.
const SLOW: &str = "sum_over_time(quantile_over_time(0.5,vector(1)[1000s:10ms])[100s:10ms])";

fn slow_path(more: &str) -> String {
    let times = [("query", SLOW), ("start", "0"), ("end", "11000"), ("step", "1")];
    format!("/api/v1/query_range?{}{more}", encoded(&times))
}

/// A server on which one query runs at a time and none waits.
fn narrow() -> Server {
    Server::with_config("[collect]\nenabled = false\n[query]\nrunning = 1\nwaiting = 0\n")
}

fn ended(server: &Server, outcome: &str) -> f64 {
    let page = page(&server.client());
    let mut all = page.all("pharos_queries_total");
    all.find(|one| one.labels["outcome"] == outcome).unwrap().value
}

fn n_running(server: &Server) -> f64 {
    page(&server.client()).only("pharos_queries_running")
}

#[test]
fn a_query_ends_when_its_client_goes_away() {
    let server = narrow();
    let connection = server.client().request("GET", &slow_path("")).open();
    eventually(SOON, "the query runs", || n_running(&server) == 1.0);
    let refused = server.client().get("/api/v1/query?query=1").expect(503);
    assert_eq!(refused.json()["errorType"], "unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    drop(connection);
    eventually(SOON, "the query ends", || n_running(&server) == 0.0);
    assert_eq!((ended(&server, "canceled"), ended(&server, "refused")), (1.0, 1.0));
    server.client().get("/api/v1/query?query=1").expect(200);
}

#[test]
fn a_query_ends_when_its_time_is_over() {
    let server = narrow();
    let answer = server.client().get(&slow_path("&timeout=50ms")).expect(503).json();
    assert_eq!(answer["errorType"], "timeout");
    assert_eq!(answer["error"], "query timed out in expression evaluation");
    eventually(SOON, "the query ends", || n_running(&server) == 0.0);
    assert_eq!(ended(&server, "timed_out"), 1.0);
    let config = "[collect]\nenabled = false\n[query]\ntimeout = \"50ms\"\n";
    let server = Server::with_config(config);
    let answer = server.client().get(&slow_path("&timeout=1h")).expect(503).json();
    assert_eq!(answer["errorType"], "timeout", "the server's own bound stays");
}

#[test]
fn keys_are_asked_for_as_everywhere() {
    let form = |client: &Client| {
        let request = client.request("POST", "/api/v1/query");
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request.body("query=1").send()
    };
    form(&keyed()).refused(401);
    form(&keyed().authorized("Bearer scrape-secret")).refused(403);
    form(&keyed().authorized("Bearer read-secret")).expect(200);
}
