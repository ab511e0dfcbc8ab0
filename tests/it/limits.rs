//! Limits: slow and numerous clients take nothing from the others.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use e2e::{Client, Starting, eventually};
use serde_json::json;

use crate::shared::{SOON, open, page};

/// A client that never finishes its headers is dropped after ten seconds or so.
#[test]
fn slow_headers_are_not_waited_for() {
    let started = Instant::now();
    let mut stream = TcpStream::connect(open().address()).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    let took = started.elapsed();
    assert!((5..20).contains(&took.as_secs()), "closed after {took:?}");
}

/// A connection that was served and stays open; `None` when it was refused.
fn holds(client: &Client) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(client.address()).unwrap();
    let mut first = [0; 12];
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").ok()?;
    stream.read_exact(&mut first).ok()?;
    assert_eq!(&first, b"HTTP/1.1 200");
    Some(stream)
}

#[test]
fn connections_are_bounded_and_counted() {
    let server = Starting::default().arg("--no-collect").start();
    let client = server.client();
    let held: Vec<TcpStream> = std::iter::from_fn(|| holds(&client)).take(4000).collect();
    assert!((2048..4000).contains(&held.len()), "{} connections at one time", held.len());
    drop(held);
    eventually(SOON, "connections that end make room", || holds(&client).is_some());
    assert!(page(&client).only("pharos_http_connections_refused_total") >= 1.0);
}

/// A client of the live view.
fn watches(client: &Client) -> TcpStream {
    let mut stream = client.request("GET", "/api/v1/monitoring/live").open();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

#[test]
fn watchers_are_bounded_and_let_go() {
    let server = Starting::default().start();
    let client = server.client();
    let watching: Vec<TcpStream> = (0..256).map(|_| watches(&client)).collect();
    let refused = client.get("/api/v1/monitoring/live");
    assert!(refused.header("retry-after").is_some());
    refused.refused(429);
    client.get("/health").expect(200);
    drop(watching);
    eventually(SOON, "watchers that leave make room", || {
        page(&client).only("pharos_live_watchers") == 0.0
    });
    watches(&client);
}

#[test]
fn many_at_once_are_all_answered() {
    let server = Starting::default().arg("--no-collect").start();
    let client = server.client();
    std::thread::scope(|scope| {
        for worker in 0..16 {
            let client = &client;
            scope.spawn(move || {
                for i in 0..25 {
                    let body =
                        json!({"service": format!("w{worker}"), "metric_type": "m", "value": i});
                    client.post("/metrics", &body).expect(200);
                    client
                        .post("/alerts", &json!({"title": "t", "message": "m", "severity": 1}))
                        .expect(200);
                }
            });
        }
    });
    assert_eq!(client.json("/alerts?limit=100000").as_array().unwrap().len(), 400);
    assert_eq!(page(&client).only("pharos_http_panics_total"), 0.0);
    assert_eq!(client.json("/health")["metrics_collected"], 400);
}

#[test]
fn a_stop_ends_streams_and_exits_cleanly() {
    let mut server = Starting::default().start();
    let mut stream = watches(&server.client());
    let status = server.stop();
    assert_eq!(status.code(), Some(0), "{}", server.log());
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
}
