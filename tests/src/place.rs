//! Places: where the binary under test, the repository and free ports are.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the repository")
}

/// The binary under test: `PHAROS_BIN`, or the one built beside this test.
///
/// # Panics
/// When there is none.
pub fn binary() -> PathBuf {
    let named = std::env::var_os("PHAROS_BIN").map(PathBuf::from);
    let path = named.unwrap_or_else(|| {
        // target/debug/deps/it-0123 stands two levels below target/debug/pharos.
        let test = std::env::current_exe().expect("a test knows its own path");
        test.ancestors().nth(2).expect("a test lies in target/debug/deps").join("pharos")
    });
    assert!(
        path.is_file(),
        "there is no binary at {}: run `make test`, or `make build` before `cargo test`",
        path.display()
    );
    path
}

/// Where gRPC alone is heard is one port of the machine by default, and servers of tests are many:
/// none has it unless the test is about it.
pub(crate) const NO_GRPC: (&str, &str) = ("PHAROS_OTLP_GRPC_LISTEN", "off");

/// A port that nobody listened on a moment ago.
pub fn free_port() -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
    socket.local_addr().expect("a bound socket has an address").port()
}
