//! Load: clients that push all kinds of things as fast as they are answered. Each client and each
//! round has names of its own, so that nothing is ever sent twice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use e2e::{Server, eventually};
use serde_json::{Value, json};

use super::Random;
use super::connection::{Answer, Connection};
use super::ledger::{Ledger, Round};

/// Enough to keep a disk busy whose syncs take a millisecond.
const N_CLIENTS: u32 = 16;
const N_BATCHED: i64 = 10;
/// How often the same service reports before the next one does.
const N_REPORTS: u32 = 8;
/// Pushed times begin this long ago, so that none lies ahead of the server's clock.
const BEGIN_AGO: Duration = Duration::from_secs(600);
const DAY_MS: i64 = 86_400_000;

/// Clients at work.
pub(crate) struct Load {
    number: u32,
    began: Instant,
    line: Arc<Line>,
    clients: Vec<JoinHandle<Ledger>>,
}

impl Load {
    /// Starts the clients of a round; they end when the server does.
    pub(crate) fn start(server: &Server, number: u32, seed: u64) -> Self {
        let line = Arc::new(Line::default());
        let client = |client| {
            let pusher = Pusher::new(number, client, seed, Arc::clone(&line));
            let address = server.addresses()[0];
            thread::spawn(move || pusher.run(address))
        };
        let clients = (0..N_CLIENTS).map(client).collect();
        Self { number, began: Instant::now(), line, clients }
    }

    /// Waits for so many acknowledged requests, or for so long, and for the first ones in any case.
    pub(crate) fn wait(&self, n_requests: u64, at_most: Duration) {
        eventually(Duration::from_secs(60), "the load is acknowledged", || {
            let n_acknowledged = self.n_acknowledged();
            let enough = n_acknowledged >= n_requests || self.began.elapsed() >= at_most;
            enough && n_acknowledged >= u64::from(N_CLIENTS)
        });
    }

    /// Requests acknowledged so far.
    pub(crate) fn n_acknowledged(&self) -> u64 {
        self.line.n_acknowledged.load(Ordering::Relaxed)
    }

    /// From now on no answer counts: a machine without power tells nobody anything, although the
    /// process on it may live a little longer here.
    pub(crate) fn cut_line(&self) {
        self.line.is_cut.store(true, Ordering::SeqCst);
    }

    /// Waits for the clients, whose server has ended or is about to.
    pub(crate) fn end(self) -> Round {
        let mut sent = Ledger::default();
        for client in self.clients {
            sent.absorb(client.join().expect("a client does not panic"));
        }
        Round { number: self.number, took: self.began.elapsed(), sent }
    }
}

/// What all clients of a load share.
#[derive(Default)]
struct Line {
    /// Requests acknowledged so far.
    n_acknowledged: AtomicU64,
    /// Nothing that is answered reaches a client any more.
    is_cut: AtomicBool,
}

/// The service under which all pipelines and alerts of a round are listed.
pub(super) fn service_of(round: u32) -> String {
    format!("round-{round}")
}

/// One client.
struct Pusher {
    round: u32,
    client: u32,
    /// Of the times in metrics, Unix milliseconds.
    begin_ms: i64,
    /// Counts metrics, batched or not.
    serial: i64,
    /// Counts everything else.
    n_records: u32,
    random: Random,
    sent: Ledger,
    line: Arc<Line>,
}

/// The server is gone.
struct Gone;

impl Pusher {
    fn new(round: u32, client: u32, seed: u64, line: Arc<Line>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self {
            round,
            client,
            begin_ms: (now - BEGIN_AGO).as_millis() as i64,
            serial: 0,
            n_records: 0,
            random: Random(seed ^ u64::from(client)),
            sent: Ledger::default(),
            line,
        }
    }

    fn run(mut self, address: SocketAddr) -> Ledger {
        if let Ok(mut connection) = Connection::open(address) {
            while self.step(&mut connection).is_ok() {}
        }
        self.sent
    }

    fn step(&mut self, connection: &mut Connection) -> Result<(), Gone> {
        match self.random.next() % 16 {
            0..8 => self.push_metric(connection),
            8..11 => self.push_batch(connection),
            11..13 => self.push_service(connection),
            13 => self.push_pipeline(connection),
            _ => self.push_alert(connection),
        }
    }

    fn push_metric(&mut self, connection: &mut Connection) -> Result<(), Gone> {
        let (metric, name, mark) = self.metric("single");
        let (answer, end) = self.send(connection, "/metrics/", &metric);
        self.sent.metrics.note(answer.is_some(), [(name, mark)].into_iter());
        end
    }

    fn push_batch(&mut self, connection: &mut Connection) -> Result<(), Gone> {
        let mut metrics = Vec::new();
        let mut items = Vec::new();
        for _ in 0..N_BATCHED {
            let (metric, name, mark) = self.metric("batched");
            metrics.push(metric);
            items.push((name, mark));
        }
        let (answer, end) = self.send(connection, "/metrics/batch", &json!({ "metrics": metrics }));
        self.sent.batched.note(answer.is_some(), items.into_iter());
        end
    }

    /// The next metric: its serial number is its value and makes its time.
    fn metric(&mut self, how: &str) -> (Value, String, i64) {
        self.serial += 1;
        let (serial, t_ms) = (self.serial, self.begin_ms + self.serial);
        let metric_type = format!("{how}-{}", self.client);
        let name = format!("{metric_type} {serial}");
        let metric = json!({
            "service": service_of(self.round),
            "metric_type": metric_type,
            "value": serial,
            "timestamp": t_ms as f64 / 1000.0,
            "labels": { "gpu": serial % 4 },
        });
        (metric, name, t_ms.rem_euclid(DAY_MS))
    }

    fn push_service(&mut self, connection: &mut Connection) -> Result<(), Gone> {
        let n = self.next_record();
        let name = format!("round-{}-client-{}-{}", self.round, self.client, n / N_REPORTS);
        let service =
            json!({ "name": name, "status": "up", "endpoint": format!("http://host:{n}") });
        let (answer, end) = self.send(connection, "/services/", &service);
        self.sent.services.note(answer.is_some(), [(name, i64::from(n))].into_iter());
        end
    }

    fn push_pipeline(&mut self, connection: &mut Connection) -> Result<(), Gone> {
        let n = self.next_record();
        let pipeline_type = format!("run-{}-{}-{n}", self.round, self.client);
        let fails = n.is_multiple_of(2);
        let error = fails.then(|| format!("{pipeline_type} went wrong"));
        let pipeline = json!({
            "pipeline_type": pipeline_type,
            "status": if fails { "failed" } else { "completed" },
            "service": service_of(self.round),
            "error_message": error,
            "metadata": { "n": n },
        });
        let (answer, end) = self.send(connection, "/pipelines/", &pipeline);
        let id = answer.as_ref().map_or(0, Answer::id);
        self.sent.pipelines.note(answer.is_some(), [(pipeline_type, id)].into_iter());
        if let Some(error) = error {
            self.sent.failures.note(answer.is_some(), [(error, id)].into_iter());
        }
        end
    }

    /// Raises an alert, and acknowledges every other one.
    fn push_alert(&mut self, connection: &mut Connection) -> Result<(), Gone> {
        let n = self.next_record();
        let title = format!("alert {} {} {n}", self.round, self.client);
        let service = service_of(self.round);
        let alert =
            json!({ "title": title, "message": "pushed", "severity": 2, "service": service });
        let (answer, end) = self.send(connection, "/alerts/", &alert);
        let id = answer.as_ref().map(Answer::id);
        self.sent.alerts.note(id.is_some(), [(title.clone(), id.unwrap_or(0))].into_iter());
        end?;
        let Some(id) = id.filter(|_| n.is_multiple_of(2)) else { return Ok(()) };
        let user = json!({ "user": self.client.to_string() });
        let (answer, end) = self.send(connection, &format!("/alerts/{id}/acknowledge"), &user);
        let client = i64::from(self.client);
        self.sent.acknowledgements.note(answer.is_some(), [(title, client)].into_iter());
        end
    }

    fn next_record(&mut self) -> u32 {
        self.n_records += 1;
        self.n_records
    }

    /// The answer if it was a success, and whether the server is still there.
    fn send(
        &mut self,
        connection: &mut Connection,
        path: &str,
        body: &Value,
    ) -> (Option<Answer>, Result<(), Gone>) {
        match connection.post(path, body) {
            Err(_) => (None, Err(Gone)),
            // Asked after the answer was read: what counts was answered before the cut.
            Ok(_) if self.line.is_cut.load(Ordering::SeqCst) => (None, Err(Gone)),
            Ok(answer) if answer.status == 200 => {
                self.sent.n_acknowledged += 1;
                self.line.n_acknowledged.fetch_add(1, Ordering::Relaxed);
                (Some(answer), Ok(()))
            }
            Ok(answer) => {
                *self.sent.refusals.entry(answer.status).or_default() += 1;
                (None, Ok(()))
            }
        }
    }
}
