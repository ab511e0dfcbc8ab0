//! Push: how many metrics enter while each answer waits for the disk, one at a time over many
//! connections and in large batches over few.

use std::sync::Barrier;
use std::time::Duration;

use anyhow::Context as _;

use crate::http::{self, Connection};
use crate::latency::{Latencies, Quantiles};
use crate::report::{Report, Row, complain};
use crate::server::Server;
use crate::{Bench, disk, process};

const LOAD: Duration = Duration::from_secs(8);
const N_SINGLE_CLIENTS: usize = 32;
const N_BATCH_CLIENTS: usize = 4;
const N_BATCH_SAMPLES: usize = 1000;
/// Different bodies per client, so that values are not always the same.
const N_BODIES: usize = 8;
const SINGLES_PER_SECOND_MIN: f64 = 5_000.0;
const SAMPLES_PER_SECOND_MIN: f64 = 300_000.0;

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let disk = disk::durable_appends(bench)?;
    report.add(Row::new("this disk, 24 KiB append + fdatasync", disk.to_string()));
    let server = Server::start(bench, "push", &[("UPDATE_INTERVAL", "15")])?;
    measure_singles(bench, &server, &disk, report)?;
    measure_batches(bench, &server, report)
}

fn measure_singles(
    bench: &Bench,
    server: &Server,
    disk: &Quantiles,
    report: &mut Report,
) -> anyhow::Result<()> {
    let client = |client: usize| bodies(client, 1, "/metrics");
    let done = load(bench, server, (0..N_SINGLE_CLIENTS).map(client).collect())?;
    let rate = done.n_requests as f64 / done.took.as_secs_f64();
    let what = format!("`POST /metrics`, {N_SINGLE_CLIENTS} connections");
    let row = Row::new(&what, format!("{rate:.0} requests/s"));
    let beside = format!("disk alone {:.0} syncs/s; {}", 1.0 / disk.p50.as_secs_f64(), done.loader);
    report.add(row.limit("≥ 5,000 requests/s", rate >= SINGLES_PER_SECOND_MIN).beside(beside));
    let cpu_us = done.server_cpu.as_secs_f64() * 1e6 / done.n_requests as f64;
    report.add(Row::new(
        format!("{what}, server's processor"),
        format!("{cpu_us:.0} µs per request"),
    ));
    report.add(Row::new(format!("{what}, durable answer"), done.quantiles.to_string()));
    Ok(())
}

fn measure_batches(bench: &Bench, server: &Server, report: &mut Report) -> anyhow::Result<()> {
    let client = |client: usize| bodies(client, N_BATCH_SAMPLES, "/metrics/batch");
    let done = load(bench, server, (0..N_BATCH_CLIENTS).map(client).collect())?;
    let n_samples = (done.n_requests * N_BATCH_SAMPLES) as f64;
    let rate = n_samples / done.took.as_secs_f64();
    let what = format!("`POST /metrics/batch` of {N_BATCH_SAMPLES}, {N_BATCH_CLIENTS} connections");
    let row = Row::new(&what, format!("{rate:.0} samples/s"));
    report
        .add(row.limit("≥ 300,000 samples/s", rate >= SAMPLES_PER_SECOND_MIN).beside(done.loader));
    let cpu_us = done.server_cpu.as_secs_f64() * 1e6 / n_samples;
    report
        .add(Row::new(format!("{what}, server's processor"), format!("{cpu_us:.2} µs per sample")));
    report.add(Row::new(format!("{what}, durable answer"), done.quantiles.to_string()));
    let resident = process::resident_bytes(&server.pids())? as f64 / 1e6;
    report.add(Row::new("resident memory after both loads", format!("{resident:.1} MB")));
    Ok(())
}

/// A request whose times are written into it before it is sent.
struct Body {
    request: Vec<u8>,
    /// Where each time of [`TIME_BYTES`] digits begins.
    times: Vec<usize>,
}

/// As wide as each time that is written.
const TIME_SLOT: &str = "0000000000.000";
const TIME_BYTES: usize = TIME_SLOT.len();

impl Body {
    fn stamp(&mut self, t_ms: i64) {
        let text = format!("{}.{:03}", t_ms / 1000, t_ms % 1000);
        for at in &self.times {
            self.request[*at..at + TIME_BYTES].copy_from_slice(text.as_bytes());
        }
    }
}

/// The requests of one client: always the same series, each time with other values.
fn bodies(client: usize, n_samples: usize, path: &str) -> Vec<Body> {
    let body = |nth: usize| {
        let items: Vec<String> = (0..n_samples).map(|i| item(client, i, nth)).collect();
        let json = match n_samples {
            1 => items.concat(),
            _ => format!("{{\"metrics\":[{}]}}", items.join(",")),
        };
        let request = http::post_head(path, json.len()) + &json;
        let times = request.match_indices(TIME_SLOT).map(|(at, _)| at).collect();
        Body { request: request.into_bytes(), times }
    };
    (0..N_BODIES).map(body).collect()
}

/// One metric; its value is a percentage with one decimal that looks random.
fn item(client: usize, series: usize, nth: usize) -> String {
    let mixed = (client * 7919 + series * 104_729 + nth * 1_299_709).wrapping_mul(2_654_435_761);
    let value = (mixed >> 8) % 1000;
    format!(
        "{{\"service\":\"client-{client}\",\"metric_type\":\"load-{series}\",\
         \"value\":{}.{},\"timestamp\":{TIME_SLOT}}}",
        value / 10,
        value % 10
    )
}

/// What a load did.
struct Done {
    n_requests: usize,
    took: Duration,
    quantiles: Quantiles,
    server_cpu: Duration,
    /// What the load itself took from the machine that both share.
    loader: String,
}

/// All clients send as fast as they are answered, each on its own connection.
fn load(bench: &Bench, server: &Server, clients: Vec<Vec<Body>>) -> anyhow::Result<Done> {
    complain(&format!("push: {} connections for {} s", clients.len(), LOAD.as_secs()));
    let own = [std::process::id()];
    let barrier = Barrier::new(clients.len());
    let cpu_before = (process::cpu_time(&server.pids())?, process::cpu_time(&own)?);
    let began = bench.env.clock.monotonic();
    let latencies = std::thread::scope(|scope| {
        let client = |bodies| scope.spawn(|| send_for_a_while(bench, server, bodies, &barrier));
        let threads: Vec<_> = clients.into_iter().map(client).collect();
        let mut all = Latencies::default();
        for thread in threads {
            all.absorb(thread.join().expect("a client does not panic")?);
        }
        anyhow::Ok(all)
    })?;
    let took = bench.env.clock.monotonic().saturating_sub(began);
    let server_cpu = process::cpu_time(&server.pids())?.saturating_sub(cpu_before.0);
    let own_cpu = process::cpu_time(&own)?.saturating_sub(cpu_before.1);
    let core_percent = |cpu: Duration| cpu.as_secs_f64() / took.as_secs_f64() * 100.0;
    let (of_server, of_loader) = (core_percent(server_cpu), core_percent(own_cpu));
    Ok(Done {
        n_requests: latencies.len(),
        took,
        quantiles: latencies.quantiles(),
        server_cpu,
        loader: format!("server {of_server:.0} %, loader {of_loader:.0} % of a core"),
    })
}

fn send_for_a_while(
    bench: &Bench,
    server: &Server,
    mut bodies: Vec<Body>,
    barrier: &Barrier,
) -> anyhow::Result<Latencies> {
    let clock = &bench.env.clock;
    let connection = Connection::open(server.address);
    barrier.wait();
    let mut connection = connection?;
    let mut latencies = Latencies::default();
    // One sample per second of each series, from some time ago on.
    let mut t_ms = clock.now_ms() - Duration::from_hours(24).as_millis() as i64;
    let deadline = clock.monotonic() + LOAD;
    loop {
        for body in &mut bodies {
            t_ms += 1000;
            body.stamp(t_ms);
            let began = clock.monotonic();
            if began > deadline {
                return Ok(latencies);
            }
            connection.exchange(&body.request).context("a push was not answered well")?;
            latencies.add(clock.monotonic().saturating_sub(began));
        }
    }
}
