//! The client libraries that programs use, unchanged, in Python.

use std::process::Command;

use e2e::senders;

use super::{client, last};

/// Runs a script that finds the server's address in `HOST` and `PORT`.
fn run(script: &str) -> Option<()> {
    let python = senders()?;
    let address = client().address();
    let output = Command::new(python)
        .args(["-c", script])
        .env_clear()
        .env("HOST", address.ip().to_string())
        .env("PORT", address.port().to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

#[test]
fn prometheus_client_pushes_adds_and_deletes() {
    let script = r#"
import os
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, Info
from prometheus_client import push_to_gateway, pushadd_to_gateway, delete_from_gateway
registry = CollectorRegistry()
Counter("py_runs", "Runs.", registry=registry).inc(3)
Gauge("py_last", "Last.", ["mode"], registry=registry).labels("a\"b").set(1.5)
Histogram("py_took_seconds", "Took.", registry=registry).observe(0.3)
Summary("py_size", "Size.", registry=registry).observe(7)
address = os.environ["HOST"] + ":" + os.environ["PORT"]
key = {"instance": "a/b", "empty": ""}
push_to_gateway(address, job="py", registry=registry, grouping_key=key)
more = CollectorRegistry()
Gauge("py_more", "More.", registry=more).set(2)
pushadd_to_gateway(address, job="py", registry=more, grouping_key=key)
push_to_gateway(address, job="py_gone", registry=more)
delete_from_gateway(address, job="py_gone")
"#;
    let Some(()) = run(script) else { return };
    let of = |metric: &str| last(&format!("{metric}&label=job%3Dpy&label=instance%3Da%2Fb"));
    assert_eq!(of("py_runs_total"), Some(3.0));
    assert_eq!(of("py_last&label=mode%3Da%22b"), Some(1.5));
    assert_eq!(of("py_took_seconds_count"), Some(1.0));
    assert_eq!(of("py_size_sum"), Some(7.0));
    assert_eq!(of("py_more"), Some(2.0));
    assert!(of("push_time_seconds").is_some());
}

#[test]
fn the_client_of_influxdb_1_writes() {
    let script = r#"
import os
from influxdb import InfluxDBClient
client = InfluxDBClient(os.environ["HOST"], int(os.environ["PORT"]), "me", "secret", "mine")
assert client.ping().startswith("pharos-")
client.create_database("mine")
points = [{"measurement": "py_ifx", "tags": {"host": "a b"},
           "fields": {"load": 0.64, "n": 3, "up": True, "note": "x\ny"}}]
assert client.write_points(points)
assert client.write_points(points, time_precision="ms")
"#;
    let Some(()) = run(script) else { return };
    let of = |metric: &str| last(&format!("{metric}&label=host%3Da%20b&label=db%3Dmine"));
    assert_eq!(
        (of("py_ifx_load"), of("py_ifx_n"), of("py_ifx_up")),
        (Some(0.64), Some(3.0), Some(1.0))
    );
}

#[test]
fn the_client_of_influxdb_2_writes() {
    let script = r#"
import os
from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
url = "http://" + os.environ["HOST"] + ":" + os.environ["PORT"]
with InfluxDBClient(url=url, token="secret", org="o", enable_gzip=True) as client:
    assert client.ping()
    write = client.write_api(write_options=SYNCHRONOUS)
    write.write(bucket="b2", record=Point("py_ifx2").tag("t", "v").field("value", 25.3))
    try:
        write.write(bucket="b2", record="py_ifx2 value=x")
    except Exception as error:
        assert error.status == 400 and "line 1" in str(error.body), error
    else:
        raise SystemExit("a bad line was taken")
"#;
    let Some(()) = run(script) else { return };
    assert_eq!(last("py_ifx2&label=t%3Dv&label=db%3Db2"), Some(25.3));
}
