//! How long queries take over a store on disk, in processor time: the shapes that dashboards ask.
//!
//! ```text
//! cargo run --release -p tsdb --example queries [-- [--plain] [--head] [NAME [ROUNDS]]]
//! ```
//!
//! `--plain` evaluates step by step, `--head` leaves all samples in memory, `NAME` runs the queries
//! whose names have it in them. A figure is the mean of so many rounds (20), of one thread.

#![expect(clippy::unwrap_used, reason = "a panic is the report")]
#![expect(clippy::print_stdout, reason = "this is what it is for")]
#![expect(clippy::disallowed_methods, reason = "it reads its arguments and the clock")]

use std::path::Path;
use std::time::Instant;

use model::{Labels, Sample};
use promql::{Engine, Options, QueryValue};
use stdx::Env;
use storage::{Appender as _, Series, SeriesBatch};
use tsdb::{Config, Db, Driver};

const START_MS: i64 = 1_700_000_000_000;
const HOUR_MS: i64 = 3_600_000;

/// A set of series: their name, how many, how many samples of each, and how far apart.
struct Load {
    metric: &'static str,
    n_series: usize,
    n_samples: usize,
    pace_ms: i64,
}

const LOADS: [Load; 5] = [
    Load { metric: "requests_total", n_series: 2_000, n_samples: 500, pace_ms: 15_000 },
    Load { metric: "level", n_series: 20_000, n_samples: 480, pace_ms: 15_000 },
    Load { metric: "wide", n_series: 200_000, n_samples: 4, pace_ms: 15_000 },
    Load { metric: "cpu", n_series: 10_000, n_samples: 1440, pace_ms: 30_000 },
    Load { metric: "latency_bucket", n_series: 750, n_samples: 500, pace_ms: 15_000 },
];

struct Query {
    name: &'static str,
    metric: usize,
    text: &'static str,
    range_ms: i64,
    step_ms: i64,
}

const QUERIES: [Query; 17] = [
    Query {
        name: "sum by rate, 60 s",
        metric: 0,
        text: "sum by (job) (rate(requests_total[5m]))",
        range_ms: 2 * HOUR_MS,
        step_ms: 60_000,
    },
    Query {
        name: "sum by rate, 15 s",
        metric: 0,
        text: "sum by (job) (rate(requests_total[5m]))",
        range_ms: 2 * HOUR_MS,
        step_ms: 15_000,
    },
    Query {
        name: "rate rows, 60 s",
        metric: 0,
        text: "rate(requests_total[5m])",
        range_ms: 2 * HOUR_MS,
        step_ms: 60_000,
    },
    Query {
        name: "ratio, 60 s",
        metric: 0,
        text: "sum by (job) (rate(requests_total[5m]) / rate(requests_total[10m]))",
        range_ms: 2 * HOUR_MS,
        step_ms: 60_000,
    },
    Query {
        name: "topk rate, 60 s",
        metric: 0,
        text: "topk(5, rate(requests_total[5m]))",
        range_ms: 2 * HOUR_MS,
        step_ms: 60_000,
    },
    Query {
        name: "sum 20 k, 60 s",
        metric: 1,
        text: "sum(level)",
        range_ms: 2 * HOUR_MS,
        step_ms: 60_000,
    },
    Query { name: "instant count 20 k", metric: 1, text: "count(level)", range_ms: 0, step_ms: 0 },
    Query { name: "instant sum 20 k", metric: 1, text: "sum(level)", range_ms: 0, step_ms: 0 },
    Query {
        name: "instant by 20 k",
        metric: 1,
        text: "avg by (job) (level)",
        range_ms: 0,
        step_ms: 0,
    },
    Query {
        name: "instant max rate 20 k",
        metric: 1,
        text: "max(rate(level[5m]))",
        range_ms: 0,
        step_ms: 0,
    },
    Query { name: "instant rows 20 k", metric: 1, text: "level > 5000", range_ms: 0, step_ms: 0 },
    Query {
        name: "regex all of 200 k",
        metric: 2,
        text: "count(wide{instance=~\".*[0-9].*\"})",
        range_ms: 0,
        step_ms: 0,
    },
    Query {
        name: "regex tenth of 200 k",
        metric: 2,
        text: "count(wide{instance=~\"host-.*7\"})",
        range_ms: 0,
        step_ms: 0,
    },
    Query {
        name: "regex by 200 k",
        metric: 2,
        text: "sum by (job) (wide{instance=~\".*[0-9].*\"})",
        range_ms: 0,
        step_ms: 0,
    },
    Query {
        name: "double groupby",
        metric: 3,
        text: "avg by (instance) (avg_over_time({__name__=~\"cpu.*\"}[1h]))",
        range_ms: 12 * HOUR_MS,
        step_ms: HOUR_MS,
    },
    Query {
        name: "histogram_quantile",
        metric: 4,
        text: "histogram_quantile(0.99, sum by (le, instance) (rate(latency_bucket[5m])))",
        range_ms: 2 * HOUR_MS,
        step_ms: 60_000,
    },
    Query {
        name: "histogram_quantile all",
        metric: 4,
        text: "histogram_quantile(0.99, sum by (le) (rate(latency_bucket[5m])))",
        range_ms: 2 * HOUR_MS,
        step_ms: 60_000,
    },
];

fn labels(load: &Load, i: usize) -> Labels {
    let pairs = |instance: String, le: String| {
        vec![
            ("instance", instance),
            ("job", format!("job-{}", i % 10)),
            ("datacenter", format!("eu-central-{}", i % 3)),
            ("rack", format!("rack-{}", i % 50)),
            ("os", "Ubuntu22.04LTS".to_owned()),
            ("arch", "x86".to_owned()),
            ("le", le),
        ]
    };
    match load.metric {
        "cpu" => {
            let pairs = pairs(format!("host-{:06}", i % 1000), String::new());
            Labels::of_metric(&format!("cpu_{}", i / 1000), pairs).unwrap()
        }
        "latency_bucket" => {
            let bound = if i % 15 == 14 { "+Inf".to_owned() } else { format!("{}", i % 15) };
            Labels::of_metric(load.metric, pairs(format!("host-{:06}", i / 15), bound)).unwrap()
        }
        metric => {
            let pairs = pairs(format!("host-{i:06}"), String::new());
            Labels::of_metric(metric, pairs).unwrap()
        }
    }
}

fn fill(db: &Db, load: &Load) {
    let mut seed = 88_172_645_463_325_252_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let is_counter = load.metric.ends_with("_total") || load.metric.ends_with("_bucket");
    let mut batch = Vec::new();
    for i in 0..load.n_series {
        let mut value = 0.0;
        let sample = |s: usize| {
            value = match i % 10 {
                _ if is_counter => value + (random() % 1000) as f64,
                0..=4 => value + (random() % 1000) as f64,
                5 | 6 => 42.0,
                7 | 8 => (random() % 10_000) as f64 / 100.0,
                _ => random() as f64 / 3.0,
            };
            // Targets are scraped at different moments.
            let t_ms = START_MS + (s as i64 + 1) * load.pace_ms + (i % 7) as i64 * 100;
            Sample::new(t_ms, value)
        };
        let samples = (0..load.n_samples).map(sample).collect();
        batch.push(Series::of_floats(labels(load, i), samples));
        if batch.len() == 5_000 || i + 1 == load.n_series {
            db.append_batch(&SeriesBatch::new("bench", &batch)).unwrap();
            db.commit_once();
            batch.clear();
        }
    }
}

fn processor_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
}

fn n_values(value: &QueryValue) -> usize {
    match value {
        QueryValue::Vector(series) => series.len(),
        QueryValue::Matrix(series) => series.iter().map(|series| series.points.len()).sum(),
        _ => 1,
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let mut plain_args = args.iter().filter(|arg| !arg.starts_with("--"));
    let wanted = plain_args.next().cloned().unwrap_or_default();
    let n_rounds: usize = plain_args.next().map_or(20, |n| n.parse().unwrap());
    for (nth, load) in LOADS.iter().enumerate() {
        let queries: Vec<&Query> =
            QUERIES.iter().filter(|q| q.metric == nth && q.name.contains(&wanted)).collect();
        if queries.is_empty() {
            continue;
        }
        let dir = std::env::temp_dir().join(format!("queries-{}", std::process::id()));
        let mut config = Config::new(Path::new(&dir));
        config.driver = Driver::Manual;
        let db = Db::open(config, &Env::system()).unwrap();
        db.warm().unwrap();
        let began = Instant::now();
        fill(&db, load);
        let end_ms = START_MS + (load.n_samples as i64 + 1) * load.pace_ms;
        if !has("--head") {
            db.flush(end_ms).unwrap();
        }
        println!("{}: {} series, filled in {:?}", load.metric, load.n_series, began.elapsed());
        let options = Options { is_plain: has("--plain"), ..Options::default() };
        let engine = Engine::new(db.clone(), options);
        for query in queries {
            ask(&engine, query, end_ms, n_rounds);
        }
        db.close().unwrap();
        drop((engine, db));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

fn ask(engine: &Engine, query: &Query, end_ms: i64, n_rounds: usize) {
    let began_ms = processor_ms();
    let mut n = 0;
    for _ in 0..n_rounds {
        let answer = match query.step_ms {
            0 => engine.instant(query.text, end_ms),
            step_ms => engine.range(query.text, end_ms - query.range_ms, end_ms, step_ms),
        };
        n = n_values(&answer.unwrap().value);
    }
    // The clock has a tick of milliseconds, so that single rounds cannot be told.
    let mean_ms = (processor_ms() - began_ms) / n_rounds as f64;
    println!("  {:<24} {mean_ms:>9.2} ms  {n} values", query.name);
}
