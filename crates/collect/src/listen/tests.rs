use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use model::{METRIC_NAME, Matcher, is_stale_marker};
use stdx::{Clock, Env};
use storage::memory::MemoryStore;
use storage::{Ingest, Kinds, Limits, Querier as _, Select, Series};

use super::Meter;
use super::socket::Protocol;
use super::statsd::Statsd;
use super::{graphite, statsd};

struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.now_ms() as u64)
    }
}

struct World {
    store: Arc<MemoryStore>,
    clock: Arc<SetClock>,
    env: Env,
    ingest: Ingest,
}

impl World {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::default());
        let clock = Arc::new(SetClock(AtomicI64::new(1000)));
        let env = Env { clock: clock.clone(), ..Env::system() };
        let ingest = Ingest::new(store.clone(), Limits::default(), clock.clone());
        Self { store, clock, env, ingest }
    }

    fn statsd(&self) -> Statsd {
        Statsd::new(&self.env, self.ingest.clone())
    }

    fn stored(&self, metric: &str) -> Vec<Series> {
        let matchers = vec![Matcher::equal(METRIC_NAME, metric)];
        let select = Select { kinds: Kinds::Both, ..Select::floats(matchers, i64::MIN, i64::MAX) };
        self.store.select(&select).unwrap().map(|series| series.unwrap()).collect()
    }

    /// The values of the one series of a metric; an end is `None`.
    fn values(&self, metric: &str) -> Vec<Option<f64>> {
        let series = self.stored(metric);
        assert!(series.len() <= 1, "{series:?}");
        let samples = series.into_iter().flat_map(|series| series.samples);
        samples.map(|s| Some(s.value).filter(|value| !is_stale_marker(*value))).collect()
    }
}

fn send(statsd: &Statsd, lines: &str) {
    lines.lines().for_each(|line| statsd.line(line, &mut ()));
}

#[test]
fn events_add_up_until_they_are_stored() {
    let world = World::new();
    let statsd = world.statsd();
    send(
        &statsd,
        "hits:1|c\nhits:2|c|@0.1\nhits:-5|c\nload:7|g\nload:-2|g\nload:+0.5|g\nusers:a:b|s\nusers:a|s",
    );
    statsd.flush();
    world.clock.0.store(11_000, Ordering::Relaxed);
    send(&statsd, "hits:4|c\nusers:c|s");
    statsd.flush();
    assert_eq!(world.values("hits"), [Some(21.0), Some(25.0)], "a counter goes on");
    assert_eq!(world.values("load"), [Some(5.5), Some(5.5)]);
    assert_eq!(world.values("users"), [Some(2.0), Some(1.0)], "a set begins anew");
    assert_eq!(world.stored("hits")[0].samples[1].start_ms, 1000);
}

#[test]
fn all_that_a_line_measures_counts() {
    let world = World::new();
    let statsd = world.statsd();
    send(&statsd, "hits:1|c:2|c|@0.5:3|c\nload:7|g:-2|g\nmixed:1|c:5|g");
    statsd.flush();
    assert_eq!(world.values("hits"), [Some(8.0)]);
    assert_eq!(world.values("load"), [Some(5.0)]);
    assert_eq!(world.values("mixed"), [Some(1.0)], "one name has one type");
    assert_eq!(statsd.meter().refused.get(), 1);
}

#[test]
fn observations_are_a_native_histogram_in_seconds() {
    let world = World::new();
    let statsd = world.statsd();
    send(&statsd, "took:320|ms|#route:a\ntook:1000:2000|ms|@0.5|#route:a\nsize:4|h\nsize:4|d");
    statsd.flush();
    let took = &world.stored("took")[0];
    assert_eq!(took.labels.get("route"), Some("a"));
    let histogram = &took.histograms[0].histogram;
    assert_eq!((histogram.count, histogram.sum), (5.0, 0.32 + 2.0 + 4.0));
    assert_eq!(world.stored("size")[0].histograms[0].histogram.count, 2.0);
}

#[test]
fn a_silent_series_ends() {
    let world = World::new();
    let statsd = world.statsd();
    send(&statsd, "a:1|c\nh:1|h\nb:1|g");
    statsd.flush();
    world.clock.0.store(200_000, Ordering::Relaxed);
    send(&statsd, "b:2|g");
    statsd.flush();
    world.clock.0.store(302_000, Ordering::Relaxed);
    statsd.flush();
    assert_eq!(world.values("a"), [Some(1.0), Some(1.0), None]);
    assert_eq!(world.values("b").last(), Some(&Some(2.0)));
    let ended = &world.stored("h")[0].histograms;
    assert!(ended.last().unwrap().histogram.is_stale_marker());
    statsd.flush();
    assert_eq!(world.values("a").len(), 3, "once");
    assert_eq!(Protocol::meter(&statsd).series.get(), 1);
}

#[test]
fn what_is_not_taken_is_counted() {
    let world = World::new();
    let statsd = world.statsd();
    let long = format!("a:1|c|#x:{}", "y".repeat(5000));
    send(&statsd, &format!("a:1|c\na:1|g\n_e{{1,1}}:a|b\n_sc|a|0\nbad\n{long}\nb:1|c|#__name__:x"));
    let Meter { bad_lines, skipped_lines, refused, .. } = Protocol::meter(&statsd);
    assert_eq!((bad_lines.get(), skipped_lines.get(), refused.get()), (1, 2, 3));
}

#[test]
fn series_are_bounded_and_those_that_are_there_go_on() {
    let world = World::new();
    let statsd = world.statsd();
    for i in 0..100_100 {
        statsd.line(&format!("m:1|c|#i:{i}"), &mut ());
    }
    assert_eq!(Protocol::meter(&statsd).refused.get(), 100);
    statsd.line("m:1|c|#i:0", &mut ());
    assert_eq!(Protocol::meter(&statsd).refused.get(), 100);
    statsd.flush();
    assert_eq!(world.stored("m").len(), 100_000);
}

/// Waits until something happens on another thread.
fn eventually(is_so: impl Fn() -> bool) {
    for _ in 0..1_000_000 {
        if is_so() {
            return;
        }
        thread::yield_now();
        thread::park_timeout(Duration::from_millis(1));
    }
    panic!("it did not happen");
}

#[test]
fn statsd_listens_on_both_and_stores_when_it_stops() {
    let world = World::new();
    let address = "127.0.0.1:0".parse().unwrap();
    let hour = Duration::from_secs(3600);
    let handle = statsd(address, hour, &world.env, world.ingest.clone()).unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.send_to(b"a:1|c\nb:2|g\n", handle.address()).unwrap();
    let mut tcp = TcpStream::connect(handle.address()).unwrap();
    tcp.write_all(b"a:2|c\nthe last line has no end:3|c").unwrap();
    drop(tcp);
    eventually(|| handle.meter().lines.get() == 4);
    handle.stop();
    handle.stop();
    assert_eq!(world.values("a"), [Some(3.0)]);
    assert_eq!(world.values("b"), [Some(2.0)]);
    assert_eq!(world.values("the_last_line_has_no_end"), [Some(3.0)]);
    assert!(TcpStream::connect(handle.address()).is_err(), "nobody listens");
}

#[test]
fn graphite_is_stored_as_it_comes() {
    let world = World::new();
    let handle =
        graphite("127.0.0.1:0".parse().unwrap(), &world.env, world.ingest.clone()).unwrap();
    let mut tcp = TcpStream::connect(handle.address()).unwrap();
    let long = "x".repeat(20_000);
    tcp.write_all(format!("g.a;t=1 5 1\r\n{long}\nbad\ng.n NaN 1\ng.far 1 99999999\n").as_bytes())
        .unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.send_to(b"g.b 6 -1", handle.address()).unwrap();
    let meter = handle.meter();
    eventually(|| !world.stored("g_b").is_empty() && meter.lines.get() == 6);
    eventually(|| !world.stored("g_a").is_empty());
    assert_eq!(world.values("g_a"), [Some(5.0)]);
    assert_eq!(world.stored("g_a")[0].labels.to_string(), "g_a{t=\"1\"}");
    assert_eq!(world.stored("g_b")[0].samples[0].t_ms, 1000);
    let counted = (meter.bad_lines.get(), meter.skipped_lines.get(), meter.refused.get());
    assert_eq!(counted, (2, 1, 1));
    handle.stop();
}

#[test]
fn connections_are_bounded() {
    let world = World::new();
    let handle =
        graphite("127.0.0.1:0".parse().unwrap(), &world.env, world.ingest.clone()).unwrap();
    let open: Vec<TcpStream> =
        (0..70).map(|_| TcpStream::connect(handle.address()).unwrap()).collect();
    eventually(|| handle.meter().connections_refused.get() == 6);
    assert_eq!(handle.meter().connections.get(), 64);
    drop(open);
    eventually(|| handle.meter().connections.get() == 0);
    handle.stop();
}
