//! Questions: what is asked of all three servers, and how much less processor time ours may take.

use crate::query::scenes::CPU_METRICS;

/// What an answer covers, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Span {
    Instant,
    Range { length_s: i64, step_s: i64 },
}

/// What is measured as one answer.
pub(crate) struct Question {
    pub(crate) what: String,
    /// Asked one after the other; together they are one answer. [`NTH`] in them is another text each
    /// time.
    pub(crate) expressions: Vec<String>,
    pub(crate) span: Span,
    /// How many times faster than VictoriaMetrics and than Prometheus ours is meant to be.
    pub(crate) faster: Option<[f64; 2]>,
    pub(crate) like_victoria: LikeVictoria,
}

/// Whether VictoriaMetrics means the same by the question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum LikeVictoria {
    Yes,
    /// Its rates and increases begin at the last sample before the window, and are not extrapolated
    /// to its edges.
    NotItsRates,
}

/// Stands for two hexadecimal digits that change from answer to answer.
pub(crate) const NTH: &str = "$NTH";

const HOURS_2: i64 = 7_200;

impl Question {
    fn new(what: impl Into<String>, expressions: &[&str], span: Span) -> Self {
        let expressions: Vec<String> = expressions.iter().map(|text| (*text).to_owned()).collect();
        let has_rates = expressions.iter().any(|text| text.contains("rate("));
        let like_victoria = if has_rates { LikeVictoria::NotItsRates } else { LikeVictoria::Yes };
        Self { what: what.into(), expressions, span, faster: None, like_victoria }
    }

    fn faster(mut self, than_victoria: f64, than_prometheus: f64) -> Self {
        self.faster = Some([than_victoria, than_prometheus]);
        self
    }
}

/// Of services, queues and hosts: so many counters, gauges and hosts.
pub(crate) fn of_fleet(n_counters: usize, n_gauges: usize, n_hosts: usize) -> Vec<Question> {
    let range = |step_s| Span::Range { length_s: HOURS_2, step_s };
    let rate = ["sum by (handler) (rate(http_requests_total[5m]))"];
    let rate_of =
        |step_s| format!("`sum by (...) (rate(c[5m]))`, {n_counters} series, 2 h, step {step_s} s");
    let quantile = "histogram_quantile(0.99, sum by (le, handler) \
                    (rate(http_request_duration_seconds_bucket[5m])))";
    let instant = [
        "sum by (queue) (queue_length)",
        "avg by (queue) (queue_length)",
        "max by (queue) (queue_length)",
        "min by (queue) (queue_length)",
        "count by (queue) (queue_length)",
        "stddev by (queue) (queue_length)",
    ];
    vec![
        Question::new(rate_of(60), &rate, range(60)).faster(4.0, 12.0),
        Question::new(rate_of(15), &rate, range(15)).faster(3.0, 20.0),
        Question::new(
            format!("plain sum of {n_gauges} series, 2 h, step 60 s"),
            &["sum(queue_length)"],
            range(60),
        )
        .faster(6.0, 25.0),
        Question::new(
            format!("six instant aggregates of {n_gauges} series"),
            &instant,
            Span::Instant,
        )
        .faster(10.0, 30.0),
        Question::new(
            format!("`histogram_quantile` of {n_hosts} hosts, 2 h, step 60 s"),
            &[quantile],
            range(60),
        )
        .faster(3.0, 15.0),
        Question::new(
            format!("a dashboard of {} panels, one host, 2 h, step 30 s", PANELS.len()),
            &PANELS,
            range(30),
        ),
        Question::new(
            format!("the same panels over {n_hosts} hosts"),
            &PANELS
                .map(|panel| panel.replace("instance=\"node-007:9100\"", "job=\"node\""))
                .each_ref()
                .map(String::as_str),
            range(30),
        ),
    ]
}

/// What the usual dashboard of a node exporter asks.
const PANELS: [&str; 12] = [
    "100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\",instance=\"node-007:9100\"}[5m])))",
    "sum by (mode) (rate(node_cpu_seconds_total{instance=\"node-007:9100\"}[5m]))",
    "node_load1{instance=\"node-007:9100\"}",
    "node_load5{instance=\"node-007:9100\"} / count by (instance, job) (node_cpu_seconds_total{mode=\"idle\",instance=\"node-007:9100\"})",
    "node_memory_MemTotal_bytes{instance=\"node-007:9100\"} - node_memory_MemAvailable_bytes{instance=\"node-007:9100\"}",
    "100 * (1 - node_memory_MemAvailable_bytes{instance=\"node-007:9100\"} / node_memory_MemTotal_bytes{instance=\"node-007:9100\"})",
    "rate(node_disk_read_bytes_total{instance=\"node-007:9100\"}[5m])",
    "rate(node_disk_written_bytes_total{instance=\"node-007:9100\"}[5m])",
    "rate(node_disk_io_time_seconds_total{instance=\"node-007:9100\"}[5m])",
    "8 * rate(node_network_receive_bytes_total{instance=\"node-007:9100\",device!=\"lo\"}[5m])",
    "8 * rate(node_network_transmit_bytes_total{instance=\"node-007:9100\",device!=\"lo\"}[5m])",
    "100 - 100 * node_filesystem_avail_bytes{instance=\"node-007:9100\"} / node_filesystem_size_bytes{instance=\"node-007:9100\"}",
];

/// Of pods: matchers that no index can answer by a prefix. Each answer has other digits in its
/// pattern, because VictoriaMetrics keeps what a pattern selects.
pub(crate) fn of_pods(n_pods: usize) -> Vec<Question> {
    let inside = format!("count by (namespace) (pod_memory_bytes{{pod=~\".+-.*{NTH}-.+\"}})");
    let end =
        format!("count by (namespace) (pod_memory_bytes{{pod=~\"app-0[0-9]-.*[0-9]{NTH}\"}})");
    let not =
        format!("count by (namespace) (pod_memory_bytes{{pod!~\".*{NTH}.*\",node=\"node-0007\"}})");
    let alternatives =
        format!("count by (namespace) (pod_memory_bytes{{pod=~\"app-(01|17)-{NTH}.*\"}})");
    vec![
        Question::new(format!("regex matcher over {n_pods} series"), &[&inside], Span::Instant)
            .faster(5.0, 10.0),
        Question::new(format!("regex of an end, {n_pods} series"), &[&end], Span::Instant),
        Question::new(
            format!("regex of a beginning, {n_pods} series"),
            &[&alternatives],
            Span::Instant,
        ),
        Question::new(format!("negative regex on a node, {n_pods} series"), &[&not], Span::Instant),
    ]
}

/// Of the devops case, over so many hours of so many hosts.
pub(crate) fn of_devops(n_hosts: usize, n_hours: i64) -> Vec<Question> {
    let eight = "host_(1|5|9|20|41|66|77|93)";
    let hour_means = |n_metrics: usize| -> Vec<String> {
        let mean = |metric: &&str| format!("avg by (hostname) (avg_over_time({metric}[1h]))");
        CPU_METRICS.iter().take(n_metrics).map(mean).collect()
    };
    let maxima = |n_metrics: usize, hosts: &str, window: &str| -> Vec<String> {
        let max = |metric: &&str| {
            format!(
                "max by (hostname) (max_over_time({metric}{{hostname=~\"{hosts}\"}}[{window}]))"
            )
        };
        CPU_METRICS.iter().rev().take(n_metrics).map(max).collect()
    };
    let question = |what: &str, expressions: &[String], span| {
        let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
        Question::new(what, &expressions, span)
    };
    let hourly = Span::Range { length_s: (n_hours - 1) * 3_600, step_s: 3_600 };
    let by_minute = Span::Range { length_s: 3_600, step_s: 60 };
    vec![
        question(
            &format!("double-groupby-all: 10 metrics of {n_hosts} hosts, 1 h means, {n_hours} h"),
            &hour_means(10),
            hourly,
        )
        .faster(4.0, 20.0),
        question("double-groupby-1", &hour_means(1), hourly),
        question("double-groupby-5", &hour_means(5), hourly),
        question("single-groupby-1-1-1", &maxima(1, "host_7", "1m"), by_minute),
        question("single-groupby-5-8-1", &maxima(5, eight, "1m"), by_minute),
        question("cpu-max-all-8", &maxima(10, eight, "1h"), hourly),
        question("lastpoint", &CPU_METRICS.map(str::to_owned), Span::Instant),
        question(
            "high-cpu-all",
            &["count(max_over_time(cpu_usage_user[1m]) > 90)".to_owned()],
            by_minute,
        ),
    ]
}
