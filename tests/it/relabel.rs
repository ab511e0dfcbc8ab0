//! Relabelling: rules of the configuration rewrite or drop what comes in, and a reload changes them
//! for what comes then.

use std::time::{SystemTime, UNIX_EPOCH};

use e2e::{Client, Starting, eventually};

use crate::remote_write::{block, series};
use crate::shared::{SOON, page, stored};

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn write(client: &Client, message: &[u8]) {
    client.request("POST", "/api/v1/write").body(block(message)).send().expect(204);
}

const RULES: &str = r#"
[collect]
enabled = false

[[ingest.relabel]]
action = "drop"
source_labels = ["__name__"]
regex = "gone_.*"

[[ingest.relabel]]
source_labels = ["host"]
regex = "(.+)\\.example\\.com"
target_label = "instance"

[[ingest.relabel]]
action = "labeldrop"
regex = "host"
"#;

#[test]
fn rules_rewrite_and_drop_what_comes_in_and_a_reload_changes_them() {
    let server = Starting::default().config(RULES).start();
    let client = server.client();
    let send = |t_ms: u64| {
        let labels = [("__name__", "kept_one"), ("host", "a.example.com")];
        let message = [
            series(&labels, 1.0, t_ms),
            series(&[("__name__", "gone_one"), ("host", "a.example.com")], 2.0, t_ms),
        ];
        write(&client, &message.concat());
    };
    let now = now_ms();
    send(now);
    // Sent again, when the series is known.
    send(now + 1);
    let last = |question: &str| stored(&client, question).last().copied();
    assert_eq!(last("metric=kept_one&label=instance%3Da"), Some(1.0));
    assert_eq!(last("metric=kept_one&label=host%3Da.example.com"), None);
    assert_eq!(last("metric=gone_one"), None);
    let page = page(&client);
    let mut rejected = page.all("pharos_ingest_rejected_total");
    let dropped = rejected.find(|one| one.labels["reason"] == "relabel").unwrap();
    assert_eq!(dropped.value, 2.0);

    server.write_config("[collect]\nenabled = false\n");
    server.reload();
    eventually(SOON, "the reload is taken", || server.log().contains("configuration taken"));
    send(now + 2);
    assert_eq!(last("metric=gone_one"), Some(2.0));
    assert_eq!(last("metric=kept_one&label=host%3Da.example.com"), Some(1.0));
}
