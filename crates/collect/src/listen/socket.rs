//! Sockets: lines from UDP and TCP on one port, handed to a protocol.

use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use wire::lines::{EveryLf, LinesError, Splitter};

use super::Meter;
use super::complaints::Complaints;

/// Connections of one listener at one time, each with a thread.
const CONNECTIONS_MAX: usize = 64;
/// A connection on which nothing comes for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// How long a thread waits on its socket before it looks whether it should stop.
const WAIT: Duration = Duration::from_secs(1);
/// The largest datagram there is.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;
/// What is read from a connection at once.
const PIECE_BYTES: usize = 16 << 10;
/// Stack of a connection's thread, which nests nothing.
const STACK_BYTES: usize = 256 << 10;

/// What is done with lines.
pub(super) trait Protocol: Send + Sync + 'static {
    /// What is gathered from one datagram or piece of a connection.
    type Gathered: Default;
    /// Bytes of a line.
    const LINE_BYTES_MAX: usize;

    /// What the listener counts.
    fn meter(&self) -> &Meter;

    /// Where the log hears what is wrong.
    fn complaints(&self) -> &Complaints;

    /// Takes a line without its end.
    fn line(&self, line: &str, gathered: &mut Self::Gathered);

    /// Does what is to be done with what was gathered.
    fn done(&self, gathered: Self::Gathered);

    /// Learns that no line will come any more.
    fn stop(&self) {}
}

/// A running listener. Dropping it does not stop it.
pub struct Handle {
    name: &'static str,
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    protocol: Arc<dyn Stops>,
    /// Those that wait on the sockets.
    sockets: Mutex<Vec<JoinHandle<()>>>,
    /// Those of the protocol.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("name", &self.name).field("address", &self.address).finish()
    }
}

/// A [`Protocol`] of any kind, as far as a handle needs it.
trait Stops: Send + Sync {
    fn meter(&self) -> &Meter;
    fn stop(&self);
}

impl<P: Protocol> Stops for P {
    fn meter(&self) -> &Meter {
        Protocol::meter(self)
    }

    fn stop(&self) {
        Protocol::stop(self);
    }
}

impl Handle {
    /// The protocol's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it counts.
    pub fn meter(&self) -> &Meter {
        self.protocol.meter()
    }

    /// Stops listening and stores what was counted. Stopping again does nothing.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Whoever waits for the next connection gets one.
        let _ = TcpStream::connect_timeout(&reachable(self.address), WAIT);
        join(&self.sockets);
        self.protocol.stop();
        join(&self.threads);
    }
}

fn join(threads: &Mutex<Vec<JoinHandle<()>>>) {
    for thread in std::mem::take(&mut *threads.lock()) {
        // A panic was reported by the panic hook.
        let _ = thread.join();
    }
}

/// An address by which this machine reaches a listener.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Listens on UDP and TCP; `threads` are those of the protocol, which end when it is told to stop.
pub(super) fn listen<P: Protocol>(
    name: &'static str,
    address: SocketAddr,
    protocol: P,
    threads: Vec<JoinHandle<()>>,
) -> io::Result<Handle> {
    listen_shared(name, address, Arc::new(protocol), threads)
}

/// The same for a protocol that others look at too.
pub(super) fn listen_shared<P: Protocol>(
    name: &'static str,
    address: SocketAddr,
    protocol: Arc<P>,
    threads: Vec<JoinHandle<()>>,
) -> io::Result<Handle> {
    let tcp = TcpListener::bind(address)?;
    // Where any port will do, both have the same.
    let address = tcp.local_addr()?;
    let udp = UdpSocket::bind(address)?;
    udp.set_read_timeout(Some(WAIT))?;
    let stopping = Arc::new(AtomicBool::new(false));
    let (of_udp, stops_udp) = (protocol.clone(), stopping.clone());
    let udp = spawn(format!("{name}-udp"), move || datagrams(&udp, &*of_udp, &stops_udp))?;
    let (of_tcp, stops_tcp) = (protocol.clone(), stopping.clone());
    let tcp = spawn(format!("{name}-tcp"), move || connections(&tcp, &of_tcp, &stops_tcp))?;
    let (sockets, threads) = (Mutex::new(vec![udp, tcp]), Mutex::new(threads));
    Ok(Handle { name, address, stopping, protocol, sockets, threads })
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(work)
}

fn datagrams<P: Protocol>(socket: &UdpSocket, protocol: &P, stopping: &AtomicBool) {
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    while !stopping.load(Ordering::Relaxed) {
        // An error is that of one datagram, or a look at the time.
        let Ok(n_bytes) = socket.recv(&mut datagram) else { continue };
        let mut gathered = P::Gathered::default();
        for bytes in datagram[..n_bytes].split(|byte| *byte == b'\n') {
            take(protocol, Ok(bytes), &mut gathered);
        }
        protocol.done(gathered);
    }
}

fn connections<P: Protocol>(listener: &TcpListener, protocol: &Arc<P>, stopping: &Arc<AtomicBool>) {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let accepted = listener.accept();
        if stopping.load(Ordering::Relaxed) {
            return;
        }
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: let some close.
            thread::park_timeout(WAIT);
            continue;
        };
        let meter = protocol.meter();
        if open.load(Ordering::Relaxed) >= CONNECTIONS_MAX {
            meter.connections_refused.inc();
            continue;
        }
        let (of_thread, stops) = (protocol.clone(), stopping.clone());
        let slot = Slot::new(open.clone(), protocol.clone());
        let work = move || {
            let _slot = slot;
            connection(stream, &*of_thread, &stops);
        };
        if spawn("connection".to_owned(), work).is_err() {
            meter.connections_refused.inc();
        }
    }
}

/// One of the connections that there may be; however it ends, it is free again.
struct Slot<P: Protocol> {
    open: Arc<AtomicUsize>,
    protocol: Arc<P>,
}

impl<P: Protocol> Slot<P> {
    fn new(open: Arc<AtomicUsize>, protocol: Arc<P>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        protocol.meter().connections.add(1);
        Self { open, protocol }
    }
}

impl<P: Protocol> Drop for Slot<P> {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.protocol.meter().connections.add(-1);
    }
}

fn connection<P: Protocol>(mut stream: TcpStream, protocol: &P, stopping: &AtomicBool) {
    if stream.set_read_timeout(Some(WAIT)).is_err() {
        return;
    }
    let mut splitter = Splitter::new(EveryLf, P::LINE_BYTES_MAX);
    let mut piece = vec![0; PIECE_BYTES];
    let mut idle = Duration::ZERO;
    while !stopping.load(Ordering::Relaxed) && idle < IDLE_MAX {
        let read = match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(n_bytes) => &piece[..n_bytes],
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    idle += WAIT;
                    continue;
                }
                io::ErrorKind::Interrupted => continue,
                _ => break,
            },
        };
        idle = Duration::ZERO;
        let mut gathered = P::Gathered::default();
        let Ok(()) = splitter.feed(read, |_, line| taken(protocol, line, &mut gathered));
        protocol.done(gathered);
    }
    let mut gathered = P::Gathered::default();
    let Ok(()) = splitter.finish(|_, line| taken(protocol, line, &mut gathered));
    protocol.done(gathered);
}

fn taken<P: Protocol>(
    protocol: &P,
    line: Result<&[u8], LinesError>,
    gathered: &mut P::Gathered,
) -> Result<(), std::convert::Infallible> {
    take(protocol, line, gathered);
    Ok(())
}

fn take<P: Protocol>(protocol: &P, line: Result<&[u8], LinesError>, gathered: &mut P::Gathered) {
    let meter = protocol.meter();
    let text = line.as_ref().ok().copied().filter(|line| line.len() <= P::LINE_BYTES_MAX);
    let reason = match text.map(str::from_utf8) {
        Some(Ok(text)) if text.trim().is_empty() => return,
        Some(Ok(text)) => {
            meter.lines.inc();
            return protocol.line(text, gathered);
        }
        Some(Err(error)) => format!("not UTF-8 from byte {} on", error.valid_up_to() + 1),
        None => format!("longer than {} bytes", P::LINE_BYTES_MAX),
    };
    meter.lines.inc();
    meter.bad_lines.inc();
    let line = line.map(String::from_utf8_lossy).unwrap_or_default();
    protocol.complaints().say(&line, &reason);
}
