use std::io::{self, Read};
use std::sync::Arc;

use expect_test::expect;
use proptest::prelude::*;

use super::table::{self, States};
use super::{ConnectionsCollector, established, named_number};
use crate::fixture::{HandClock, collect, roots};

fn connections() -> ConnectionsCollector {
    ConnectionsCollector::new(roots("connections"), Arc::new(HandClock::default()))
}

#[test]
fn sockets_are_counted_by_state() {
    let (text, outcome) = collect(&mut connections(), 0);
    assert!(outcome.is_ok());
    expect![[r#"
        g host_connections{protocol="tcp",state="unknown"} 1
        g host_connections{protocol="tcp",state="established"} 2
        g host_connections{protocol="tcp",state="syn_sent"} 0
        g host_connections{protocol="tcp",state="syn_recv"} 0
        g host_connections{protocol="tcp",state="fin_wait1"} 0
        g host_connections{protocol="tcp",state="fin_wait2"} 0
        g host_connections{protocol="tcp",state="time_wait"} 1
        g host_connections{protocol="tcp",state="close"} 0
        g host_connections{protocol="tcp",state="close_wait"} 1
        g host_connections{protocol="tcp",state="last_ack"} 0
        g host_connections{protocol="tcp",state="listen"} 2
        g host_connections{protocol="tcp",state="closing"} 0
        g host_connections{protocol="tcp",state="new_syn_recv"} 1
        g host_connections{protocol="udp",state="established"} 1
        g host_connections{protocol="udp",state="unconnected"} 2
        g host_connections{protocol="udp",state="unknown"} 0
        g host_connections_truncated 0
    "#]]
    .assert_eq(&text);
}

#[test]
fn large_tables_are_not_read() {
    let mut connections = connections();
    connections.sockets_max = 2;
    let (text, _) = collect(&mut connections, 0);
    let above_0: String =
        text.lines().filter(|line| !line.ends_with(" 0")).map(|line| format!("{line}\n")).collect();
    // In use are 5 + 2 sockets, of which 2 are established; one waits.
    expect![[r#"
        g host_connections{protocol="tcp",state="unknown"} 5
        g host_connections{protocol="tcp",state="established"} 2
        g host_connections{protocol="tcp",state="time_wait"} 1
        g host_connections{protocol="udp",state="unknown"} 3
        g host_connections_truncated 1
    "#]]
    .assert_eq(&above_0);
}

#[test]
fn between_two_readings_the_last_one_stands() {
    let mut connections = connections();
    let (first, _) = collect(&mut connections, 0);
    connections.sockets_max = 0;
    assert_eq!(collect(&mut connections, 8_999).0, first);
    assert_ne!(collect(&mut connections, 9_000).0, first);
}

/// Answers as the kernel does, with whole lines of at most a page, and counts how often it is
/// asked.
struct Pages {
    pages: Vec<Vec<u8>>,
    n_asked: usize,
}

impl Read for Pages {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let page = self.pages.get(self.n_asked).map_or(&[][..], Vec::as_slice);
        self.n_asked += 1;
        buf[..page.len()].copy_from_slice(page);
        Ok(page.len())
    }
}

#[test]
fn a_table_is_walked_once() {
    let mut pages =
        Pages { pages: vec![vec![b'x'; 4050], vec![b'x'; 4096], vec![b'x'; 300]], n_asked: 0 };
    assert_eq!(table::read_text(&mut pages).unwrap().len(), 8446);
    assert_eq!(pages.n_asked, 3, "not once more for the end");
    let mut endless = Pages { pages: vec![vec![b'x'; 4096]; 5000], n_asked: 0 };
    assert!(table::read_text(&mut endless).unwrap().len() <= (4 << 20) + 4096);
}

proptest! {
    #[test]
    fn no_bytes_bring_the_readers_down(
        bytes: Vec<u8>,
        words in prop::collection::vec("(TCP:|inuse|Tcp:|CurrEstab|\n|[0-9]{1,30}| |.)", 0..40),
    ) {
        let mut states = States::default();
        table::count(&bytes, &mut states);
        let text = words.join(" ");
        let _ = named_number(&text, "TCP:", "inuse") + established(&text);
    }
}
