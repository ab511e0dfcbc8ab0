//! What was acknowledged is kept: over kills at any moment, over a stop under load, and never twice.
//! Clients push everything that can be pushed as fast as they are answered and write down what was
//! acknowledged; after each restart it is read back, item by item.

mod connection;
mod ledger;
mod load;
mod tally;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Client, Server, Starting, eventually, pharos};
use rustix::process::Signal;
use serde_json::json;

use crate::shared::SOON;
use ledger::add_up;
use tally::{Kept, read_back};

pub(crate) use ledger::Round;
pub(crate) use load::Load;
pub(crate) use tally::Tally;

/// Kills in each run of the tests; `make soak` asks for more.
const N_KILLS: u32 = 20;
/// A long run begins with an empty directory now and then, or reading back would take most of it.
const KILLS_PER_DIR: u32 = 50;
/// Between how many acknowledged requests and how many the server is killed.
const KILL_AFTER: (u64, u64) = (500, 6000);
/// A slow machine is not loaded longer than this: the moment is random all the same.
pub(crate) const LOAD_MAX: Duration = Duration::from_millis(1500);
/// How soon after its start a server must acknowledge a write again.
const RESTART_MAX: Duration = Duration::from_secs(5);

#[test]
fn kills_under_load_lose_nothing_and_double_nothing() {
    let mut random = Random::from_environment();
    let n_kills = environment("PHAROS_KILLS").unwrap_or(N_KILLS);
    let mut all = Outcome::default();
    let mut n_left = n_kills;
    while n_left > 0 {
        let n_here = n_left.min(KILLS_PER_DIR);
        let dir = tempfile::tempdir().unwrap();
        let kill = |server: &mut Server, _: &Load| server.kill();
        all.absorb(live_again_and_again(dir.path(), n_here, &mut random, kill));
        n_left -= n_here;
    }
    println!("{n_kills} kills, {all}");
    assert!(all.n_flushes > 0, "no kill can have met a flush");
    assert!(all.refusals.is_empty(), "a healthy server refused writes: {:?}", all.refusals);
}

/// What some rounds came to.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Acknowledged.
    n_requests: u64,
    /// How many requests were answered with anything but success, by status.
    pub(crate) refusals: BTreeMap<u16, u64>,
    loaded: Duration,
    /// How often samples were moved into blocks and blocks merged meanwhile.
    n_flushes: u64,
    tally: Tally,
}

impl Outcome {
    fn absorb(&mut self, other: Self) {
        self.n_requests += other.n_requests;
        add_up(&mut self.refusals, other.refusals);
        self.loaded += other.loaded;
        self.n_flushes += other.n_flushes;
        self.tally.absorb(other.tally);
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n_requests, tally, .. } = self;
        let rate = *n_requests as f64 / self.loaded.as_secs_f64();
        let n_flushes = self.n_flushes;
        writeln!(
            f,
            "{n_requests} requests acknowledged, {rate:.0} per second, {n_flushes} flushes"
        )?;
        write!(f, "{tally}")
    }
}

/// Loads and ends servers over one directory; looks for each round after the next start, and for
/// all of them in the end. `end` must take the process away, and may do to the disk what it likes.
pub(crate) fn live_again_and_again(
    dir: &Path,
    n_lives: u32,
    random: &mut Random,
    mut end: impl FnMut(&mut Server, &Load),
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rounds: Vec<Round> = Vec::new();
    for number in 1..=n_lives {
        let (mut server, ready_after) = restart(dir);
        if let Some(last) = rounds.last() {
            check(&server.client(), last).expect_whole();
        }
        let load = Load::start(&server, number, random.next());
        let address = server.addresses()[0];
        let flushing = thread::spawn(move || flush_and_merge_until_gone(address));
        load.wait(random.between(KILL_AFTER), LOAD_MAX);
        end(&mut server, &load);
        outcome.n_flushes += flushing.join().unwrap();
        let round = load.end();
        println!("round {number}: {} requests/s, ready after {ready_after:.1?}", round.rate());
        outcome.n_requests += round.n_acknowledged();
        add_up(&mut outcome.refusals, round.refusals().clone());
        outcome.loaded += round.took;
        rounds.push(round);
    }
    let (server, _) = restart(dir);
    let client = server.client();
    for round in &rounds {
        outcome.tally.absorb(Tally::of(round, &read_back(&client, round.number)));
    }
    outcome.tally.expect_whole().expect_load();
    assert!(!server.log().contains("\"ERROR\""), "{}", server.log());
    outcome
}

#[test]
fn a_stop_under_load_ends_in_time_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut server, _) = restart(dir.path());
    // Somebody watches: a stream without an end must not hold the stop up.
    let _watcher = server.client().request("GET", "/api/v1/monitoring/live").open();
    let load = Load::start(&server, 1, 7);
    load.wait(KILL_AFTER.1, LOAD_MAX);
    let asked = Instant::now();
    let status = server.stop();
    let took = asked.elapsed();
    let round = load.end();
    println!("stopped in {took:.1?} under {} requests/s", round.rate());
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(took < Duration::from_secs(10), "the stop took {took:?}");
    let (server, _) = restart(dir.path());
    check(&server.client(), &round).expect_whole().expect_load();
}

#[test]
fn a_second_signal_ends_the_stop_at_once() {
    let mut server = Server::start();
    // A request whose body never comes keeps the first stop waiting.
    let _unfinished = begin_request(server.addresses()[0]);
    server.signal(Signal::TERM);
    eventually(SOON, "the stop begins", || server.log().contains("stopping"));
    let asked = Instant::now();
    let status = server.stop();
    assert_eq!(status.code(), Some(1), "{}", server.log());
    assert!(asked.elapsed() < Duration::from_secs(2), "took {:?}", asked.elapsed());
}

#[test]
fn a_directory_in_use_is_refused_and_named() {
    let server = Server::start();
    let dir = server.data_dir().to_str().unwrap();
    let second = pharos(&["--listen", "127.0.0.1:0", "--data-dir", dir], &[]);
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    for words in [dir, "held by another process"] {
        assert!(second.stderr.contains(words), "{:?} is not in {}", words, second.stderr);
    }
    server.client().get("/-/ready").expect(200);
}

/// Sends the head of a request, and no body although the server has asked for it.
/// Asks for flushes and merges all the time, so that the end meets them half done. Says how often
/// one was done.
fn flush_and_merge_until_gone(address: SocketAddr) -> u64 {
    let ask = |what: &str| -> io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SOON))?;
        let head = format!("POST /api/v1/admin/tsdb/{what} HTTP/1.1\r\nHost: {address}\r\n");
        write!(stream, "{head}Content-Length: 0\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    let mut n_done = 0;
    while let Ok(done) = ask("flush").and_then(|flushed| Ok(ask("compact")? && flushed)) {
        n_done += u64::from(done);
        // Without a break blocks would be all that the machine is busy with.
        thread::sleep(Duration::from_millis(20));
    }
    n_done
}

fn begin_request(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let head =
        "POST /metrics/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut said = [0; 25];
    stream.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Starts a server over data that is there already; how long until it acknowledged a write.
pub(crate) fn restart(dir: &Path) -> (Server, Duration) {
    let asked = Instant::now();
    let server = Starting::default().data_dir(dir).start();
    let first = json!({ "service": "restart", "metric_type": "restart", "value": 1 });
    server.client().post("/metrics/", &first).expect(200);
    let took = asked.elapsed();
    assert!(took < RESTART_MAX, "the first write after a restart took {took:?}");
    (server, took)
}

/// Reads one round back and says what is there of it.
pub(crate) fn check(client: &Client, round: &Round) -> Tally {
    let kept: Kept = read_back(client, round.number);
    let tally = Tally::of(round, &kept);
    for line in tally.to_string().lines() {
        println!("round {}: {line}", round.number);
    }
    tally
}

/// Random numbers from a seed, which a failed run prints (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn from_environment() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = environment("PHAROS_SEED").unwrap_or_else(|| now.unwrap().as_millis() as u64);
        println!("PHAROS_SEED={seed} repeats the choices of this run");
        Self(seed)
    }

    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn between(&mut self, (from, to): (u64, u64)) -> u64 {
        from + self.next() % (to - from)
    }
}

/// A number from the environment, which asks for longer or repeated runs.
pub(crate) fn environment<N: std::str::FromStr>(name: &str) -> Option<N> {
    let text = std::env::var(name).ok()?;
    let number = text.parse().ok();
    Some(number.unwrap_or_else(|| panic!("{name} must be a number, not {text:?}")))
}
