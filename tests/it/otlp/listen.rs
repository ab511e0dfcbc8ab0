//! Where OTLP over gRPC is heard: on the port that senders look at, unless somebody has it or a setting
//! says otherwise.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use e2e::{Server, Starting};

use crate::otlp::grpc_url;

const PORT: &str = "127.0.0.1:4317";
const VARIABLE: &str = "PHAROS_OTLP_GRPC_LISTEN";
/// What a client of HTTP/2 says first, with settings that change nothing.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// The kind of the frame that the other side answers with.
const SETTINGS: u8 = 4;

/// A server to which neither a variable nor a file says anything about gRPC.
fn untold() -> Server {
    Starting::default().arg("--no-collect").env(VARIABLE, "").start()
}

fn hears(server: &Server) -> bool {
    server.banner().contains("OTLP gRPC")
}

/// Whether HTTP/2 is spoken where the server says that it serves gRPC.
fn speaks(server: &Server) -> bool {
    let url = grpc_url(server);
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(PREFACE).unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    frame[3] == SETTINGS
}

/// One test, as there is one such port: two servers want it, one after the other.
#[test]
fn the_usual_port_is_open_unless_somebody_has_it() {
    let Ok(somebody) = TcpListener::bind(PORT) else {
        println!("skipped: somebody else has {PORT}");
        return;
    };
    let without = untold();
    let log = without.log();
    assert!(!hears(&without), "{}", without.banner());
    for words in
        ["WARN", &format!("OTLP/gRPC is not served on {PORT}"), "otlp.grpc_listen", "in use"]
    {
        assert!(log.contains(words), "no {words:?} in {log}");
    }
    without.client().get("/health").expect(200);
    drop(somebody);
    let with = untold();
    assert_eq!(grpc_url(&with), format!("http://{PORT}"));
    assert!(speaks(&with));
    assert!(!with.log().contains("WARN"), "{}", with.log());
}

#[test]
fn another_address_is_told_by_file_or_variable() {
    let file =
        Server::with_config("[collect]\nenabled = false\n[otlp]\ngrpc_listen = [\"[::1]:0\"]\n");
    assert!(grpc_url(&file).starts_with("http://[::1]:") && speaks(&file));
    let variable = Starting::default().arg("--no-collect").env(VARIABLE, "127.0.0.1:0").start();
    assert!(grpc_url(&variable) != format!("http://{PORT}") && speaks(&variable));
}

#[test]
fn none_is_told_by_file_or_variable() {
    let file = Server::with_config("[collect]\nenabled = false\n[otlp]\ngrpc_listen = []\n");
    let variable = Starting::default().arg("--no-collect").env(VARIABLE, "off").start();
    for server in [file, variable] {
        assert!(!hears(&server), "{}", server.banner());
        assert!(!server.log().contains("4317"), "{}", server.log());
    }
}

/// What a setting asks for and cannot be had is no reason to go on without.
#[test]
fn a_taken_address_that_was_asked_for_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let arguments = ["--listen", "127.0.0.1:0", "--no-collect", "--data-dir", data];
    let finished = e2e::pharos(&arguments, &[(VARIABLE, &address)]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let words = format!("cannot listen on {address} (choose another with otlp.grpc_listen)");
    assert!(finished.stderr.contains(&words), "{}", finished.stderr);
}
