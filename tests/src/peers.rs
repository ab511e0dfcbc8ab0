//! Peers: other people's programs that look at the same machine or the same API. A test that lacks
//! one says so in a line that begins with `skipped:`, which the summary of a run counts.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::wait::eventually;

/// Other programs start more slowly than we do.
const DEADLINE: Duration = Duration::from_secs(60);

/// A program of an unpacked package below `PHAROS_PEERS` (or `target/peers`), such as
/// `prometheus/usr/bin/promtool`. `None` says why and counts as skipped.
pub fn peer(path: &str) -> Option<PathBuf> {
    let named = std::env::var_os("PHAROS_PEERS").map(PathBuf::from);
    let peers = named.unwrap_or_else(|| crate::root().join("target/peers"));
    found(peers.join(path), "tests/install-tools.sh unpacks it")
}

/// The program that tries an API by its OpenAPI document. `None` says why and counts as skipped.
pub fn schemathesis() -> Option<PathBuf> {
    let path = crate::root().join("target/tools/schemathesis/bin/schemathesis");
    found(path, "tests/install-tools.sh installs it")
}

/// The program that plays an object store. `None` says why and counts as skipped.
pub fn moto() -> Option<PathBuf> {
    let path = crate::root().join("target/tools/moto/bin/moto_server");
    found(path, "tests/install-tools.sh installs it")
}

/// A Python that has the client libraries of other systems. `None` says why and counts as skipped.
pub fn senders() -> Option<PathBuf> {
    let path = crate::root().join("target/tools/senders/bin/python");
    found(path, "tests/install-tools.sh installs it")
}

/// A Python that has OpenTelemetry's SDK. `None` says why and counts as skipped.
pub fn opentelemetry() -> Option<PathBuf> {
    let path = crate::root().join("target/tools/opentelemetry/bin/python");
    found(path, "tests/install-tools.sh installs it")
}

fn found(path: PathBuf, how: &str) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path);
    }
    println!("skipped: there is no {}; {how}", path.display());
    None
}

/// Compiles a C file into a shared library, with macros such as `NAME="value"`. `None` says why and
/// counts as skipped.
///
/// # Panics
/// When the compiler is there and refuses the file.
pub fn compile_c(source: &Path, library: &Path, macros: &[&str]) -> Option<()> {
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(library).arg(source);
    compiler.args(macros.iter().map(|text| format!("-D{text}")));
    let Ok(output) = compiler.output() else {
        println!("skipped: there is no C compiler for {}", source.display());
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

/// A running peer. Dropping it ends it.
#[derive(Debug)]
pub struct Peer(Child);

impl Peer {
    /// Starts a program that says nothing.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(quiet.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}")))
    }

    /// Starts a program that says nothing, and waits until it listens on an address.
    ///
    /// # Panics
    /// When it cannot be started, or does not listen within a minute.
    #[track_caller]
    pub fn listening(address: SocketAddr, command: &mut Command) -> Self {
        let peer = Self::start(command);
        eventually(DEADLINE, "the peer listens", || TcpStream::connect(address).is_ok());
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
