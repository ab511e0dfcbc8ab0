//! Configuration: three layers, mistakes shown where they are, secrets shown nowhere, and a reload
//! that never makes things worse.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use e2e::{Client, Server, Starting, eventually, free_port, pharos, root};
use serde_json::json;

use crate::shared::{SOON, keys, list, page};

/// What the shell is told.
const FAILED: i32 = 1;
const INVALID_CONFIG: i32 = 3;

/// Stands in every file that has a key, where a secret stands.
const CANARY: &str = "canary-4711";

/// The configuration files of a folder, by path from the repository.
fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join("tests/config").join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names
        .filter(|name| name.ends_with(".toml"))
        .map(|name| format!("tests/config/{folder}/{name}"))
        .collect();
    files.sort();
    files
}

/// The message that is expected for a file; `UPDATE_EXPECT=1` writes what is said now.
fn expected(file: &str, said: &str) -> String {
    let path = root().join(file).with_extension("stderr");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, said).unwrap();
    }
    fs::read_to_string(&path).unwrap_or_default()
}

#[test]
fn good_files_are_taken() {
    let files = files("good");
    assert!(files.len() >= 6, "{files:?}");
    for file in files {
        let finished = pharos(&["check", "config", &file], &[]);
        assert_eq!(finished.code, Some(0), "{file}: {}", finished.stderr);
        assert_eq!(finished.stdout, format!("{file}: valid\n"));
    }
}

#[test]
fn bad_files_are_refused_with_the_place_of_the_mistake() {
    let files = files("bad");
    assert!(files.len() >= 30, "{files:?}");
    let mut wrong = Vec::new();
    for file in &files {
        let finished = pharos(&["check", "config", file], &[]);
        let said = &finished.stderr;
        if finished.code != Some(INVALID_CONFIG) {
            wrong.push(format!("{file}: exit code {:?}", finished.code));
        }
        let wanted = expected(file, said);
        if *said != wanted {
            wrong.push(format!("{file}:\n--- expected\n{wanted}--- got\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn bad_files_are_named() {
    for file in files("bad") {
        let said = pharos(&["check", "config", &file], &[]).stderr;
        assert!(said.contains(&file), "the file is not named: {said}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let mut shown = Vec::new();
    for file in files("bad") {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        let finished = pharos(&["check", "config", &file], &[]);
        let said = finished.stderr + &finished.stdout;
        if text.contains(CANARY) && said.contains("canary") {
            shown.push(said);
        }
    }
    assert!(shown.is_empty(), "{}", shown.join("\n"));
}

#[test]
fn secrets_are_not_logged() {
    let starting = Starting::default().config(&format!(
        "[log]\nlevel = \"trace\"\n[[keys]]\nname = \"a\"\nkey = {CANARY:?}\nscopes = [\"read\"]\n"
    ));
    let server = starting.env("PHAROS_API_KEY", "").arg("--no-collect").start();
    server.client().authorized(CANARY).get("/services").expect(200);
    server.client().authorized(CANARY).get("/metrics").refused(403);
    server.client().authorized(&format!("{CANARY}x")).get("/metrics").refused(401);
    server.write_config(&format!("retention = \"?\"\n[[keys]]\nkey = {CANARY:?}\n"));
    server.reload();
    eventually(SOON, "the reload is refused", || server.log().contains("not taken"));
    assert!(!server.log().contains("canary") && !server.banner().contains("canary"));
}

#[test]
fn files_that_cannot_be_read() {
    let dir = tempfile();
    let check = |path: &Path, word: &str| {
        let finished = pharos(&["check", "config", path.to_str().unwrap()], &[]);
        assert_eq!(finished.code, Some(INVALID_CONFIG), "{}", finished.stderr);
        let said = finished.stderr;
        assert!(said.contains(word) && said.contains(path.to_str().unwrap()), "{said}");
    };
    check(&dir.join("none.toml"), "No such file");
    check(&dir, "");
    let large = dir.join("large.toml");
    fs::write(&large, "#".repeat((1 << 20) + 1)).unwrap();
    check(&large, "1048577 bytes");
    let binary = dir.join("binary.toml");
    fs::write(&binary, b"service_name = \"\xff\"\n").unwrap();
    check(&binary, "UTF-8");
    fs::remove_dir_all(dir).unwrap();
}

/// A folder of this process and test.
fn tempfile() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("config-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn bad_variables_are_named() {
    for (name, value) in [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("PROMETHEUS_PORT", "-1"),
        ("PHAROS_LISTEN", "nowhere"),
        ("METRICS_RETENTION", "long"),
        ("UPDATE_INTERVAL", "often"),
        ("UPDATE_INTERVAL", "0"),
        ("METRICS_COLLECTION_INTERVAL", "-5s"),
        ("METRICS_COLLECTION_INTERVAL", "0"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ] {
        // A port that is taken ends the server even if it takes the value.
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap().to_string();
        let finished =
            pharos(&["--listen", &listen, "--data-dir", "/nonexistent"], &[(name, value)]);
        let said = finished.stderr;
        assert_eq!(finished.code, Some(INVALID_CONFIG), "{name}={value}: {said}");
        assert!(said.contains(name), "{name}={value}: {said}");
    }
}

#[test]
fn empty_variables_say_nothing() {
    let mut starting = Starting::default().arg("--no-collect");
    for name in
        ["METRICS_RETENTION", "UPDATE_INTERVAL", "LOG_LEVEL", "PHAROS_API_KEY", "PROMETHEUS_PORT"]
    {
        starting = starting.env(name, "");
    }
    let server = starting.start();
    server.client().get("/services").expect(200);
    assert!(server.banner().contains("kept for 7d"), "{}", server.banner());
}

#[test]
fn flag_before_environment_before_file() {
    let kept = |flag: Option<&str>, variable: &str, file: &str| {
        let mut starting =
            Starting::default().config(file).env("METRICS_RETENTION", variable).arg("--no-collect");
        if let Some(flag) = flag {
            starting = starting.arg("--retention").arg(flag);
        }
        let banner = starting.start().banner().to_owned();
        banner.rsplit_once(", kept ").unwrap().1.trim().to_owned()
    };
    let file = "retention = \"1d\"\n";
    assert_eq!(kept(Some("3d"), "2d", file), "for 3d");
    assert_eq!(kept(None, "2d", file), "for 2d");
    assert_eq!(kept(None, "", file), "for 1d");
    assert_eq!(kept(None, "", ""), "for 7d");
    assert_eq!(kept(Some("0"), "2d", file), "for ever");
}

#[test]
fn where_to_listen_follows_the_same_order() {
    let [flag, variable, file] = [free_port(), free_port(), free_port()];
    let served = |with_flag: bool, with_variable: bool| {
        let text = format!("port = {file}\n[collect]\nenabled = false\n");
        let mut starting = Starting::default().without_listen().config(&text);
        if with_variable {
            starting = starting.env("PORT", &variable.to_string());
        }
        if with_flag {
            starting = starting.arg("--listen").arg(format!("127.0.0.1:{flag}"));
        }
        starting.start().addresses()[0].port()
    };
    assert_eq!(served(true, true), flag);
    assert_eq!(served(false, true), variable);
    assert_eq!(served(false, false), file);
}

#[test]
fn a_taken_port_is_told_with_the_setting_that_names_it() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let dir = tempfile::tempdir().unwrap();
    let said = |listen: &str, variables: &[(&str, &str)]| {
        let data = dir.path().to_str().unwrap();
        let arguments = ["--listen", listen, "--no-collect", "--data-dir", data];
        let finished = pharos(&arguments, variables);
        assert_eq!(finished.code, Some(FAILED), "{}", finished.stderr);
        finished.stderr
    };
    let of_all = said(&format!("127.0.0.1:{port}"), &[]);
    assert!(of_all.contains("choose another with --listen"), "{of_all}");
    let of_metrics = said("127.0.0.1:0", &[("PROMETHEUS_PORT", &port)]);
    assert!(of_metrics.contains("choose another with PROMETHEUS_PORT"), "{of_metrics}");
}

/// Whether the last reading of the configuration was taken.
fn taken(client: &Client) -> f64 {
    page(client).only("pharos_config_last_reload_successful")
}

#[test]
fn reload_takes_a_good_file() {
    let server = Starting::default().config(&keys(&["admin", "read"])).arg("--no-collect").start();
    let reader = server.client().authorized("read-secret");
    reader.get("/services").expect(200);
    server.write_config(&keys(&["admin"]));
    server.reload();
    eventually(SOON, "a key that is gone is refused", || reader.get("/services").status == 401);
    let admin = server.client().authorized("admin-secret");
    assert_eq!(taken(&admin), 1.0);
    server.write_config(&keys(&["admin", "read"]));
    server.reload();
    eventually(SOON, "a new key is taken", || reader.get("/services").status == 200);
}

#[test]
fn reload_refuses_a_bad_file_and_keeps_the_old() {
    let server = Starting::default().config(&keys(&["admin"])).arg("--no-collect").start();
    let admin = server.client().authorized("admin-secret");
    assert_eq!(taken(&admin), 1.0);
    let notifications = || admin.json("/api/v1/notifications")["data"].take();
    assert_eq!(notifications(), json!([]));
    let first = page(&admin).only("pharos_config_last_reload_success_timestamp_seconds");
    // It would take away all keys, had it no mistake.
    server.write_config("keys = []\nretention = \"?\"\n");
    server.reload();
    eventually(SOON, "the refusal shows", || taken(&admin) == 0.0);
    server.client().get("/services").refused(401);
    assert!(
        server.log().contains("not taken") && server.log().contains("line 2"),
        "{}",
        server.log()
    );
    let still = page(&admin).only("pharos_config_last_reload_success_timestamp_seconds");
    assert_eq!(first, still);
    let told = &notifications()[0];
    assert!(told["text"].as_str().unwrap().contains("configuration was refused"), "{told}");
    assert!(told["date"].as_str().unwrap() > "2020" && told["active"] == true, "{told}");
    server.write_config(&keys(&["admin"]));
    server.reload();
    eventually(SOON, "the mended file is taken", || taken(&admin) == 1.0);
    assert_eq!(notifications(), json!([]));
}

#[test]
fn reload_says_what_needs_a_restart() {
    let server = Server::with_config("[collect]\nenabled = false\n");
    server.write_config("retention = \"2d\"\nservice_name = \"new\"\n[collect]\nenabled = false\n");
    server.reload();
    eventually(SOON, "it says so", || server.log().contains("restart"));
    let log = server.log();
    let line = log.lines().find(|line| line.contains("restart")).unwrap();
    assert!(line.contains("retention") && line.contains("service_name"), "{line}");
    assert_eq!(server.client().json("/health")["service"], "monitoring");
}

#[test]
fn reload_changes_the_interval() {
    let server = Server::with_config("[collect]\ninterval = \"1h\"\n");
    let client = server.client();
    let before = page(&client).only("pharos_collect_stored_total");
    server.write_config("[collect]\ninterval = \"1s\"\n");
    server.reload();
    eventually(SOON, "readings come each second", || {
        page(&client).only("pharos_collect_stored_total") >= before + 3.0
    });
}

#[test]
fn no_collect_stores_nothing_of_our_own() {
    let names = |server: &Server| -> BTreeSet<String> {
        let body = server.client().json("/api/v1/monitoring/names");
        body["names"].as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect()
    };
    let quiet = Starting::default().arg("--no-collect").env("UPDATE_INTERVAL", "1").start();
    let usual = Starting::default().env("UPDATE_INTERVAL", "1").start();
    let pushed = json!({"service": "s", "metric_type": "pushed", "value": 1});
    quiet.client().post("/metrics", &pushed).expect(200);
    // What the usual one stores within a second or two, the quiet one had the time to store too.
    eventually(SOON, "the usual one stores its own series", || {
        let names = names(&usual);
        names.contains("pharos_build_info") && names.contains("node_load1")
    });
    let names = names(&quiet).into_iter().collect::<Vec<_>>();
    assert_eq!(names, ["pushed", "service_metric"]);
    let page = page(&quiet.client());
    assert_eq!(page.only("pharos_build_info"), 1.0);
    assert!(!page.families().any(|name| name.starts_with("node_")));
    quiet.client().get("/metrics/json").refused(503);
    quiet.client().get("/api/v1/monitoring/live").refused(503);
}

#[test]
fn pushed_records_outlive_a_restart() {
    let mut first = Starting::default().arg("--no-collect").start();
    first.client().post("/services", &json!({"name": "kept", "status": "up"})).expect(200);
    let body = json!({"service": "kept", "metric_type": "m", "value": 1.5});
    first.client().post("/metrics", &body).expect(200);
    assert!(first.stop().success());
    let second = Starting::default().data_dir(first.data_dir()).arg("--no-collect").start();
    assert_eq!(list(&second.client(), "/services?name=kept")[0]["status"], "up");
    assert_eq!(list(&second.client(), "/metrics?service=kept")[0]["value"], 1.5);
}

#[test]
fn a_data_directory_belongs_to_one_server() {
    let server = Starting::default().arg("--no-collect").start();
    let dir = server.data_dir().to_str().unwrap();
    let second = pharos(&["--listen", "127.0.0.1:0", "--data-dir", dir, "--no-collect"], &[]);
    assert_eq!(second.code, Some(FAILED), "{}", second.stderr);
    assert!(second.stderr.contains(dir), "{}", second.stderr);
    server.client().get("/health").expect(200);
}

#[test]
fn a_taken_port_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let finished = pharos(&["--listen", &address, "--no-collect"], &[]);
    assert_eq!(finished.code, Some(FAILED));
    let said = finished.stderr;
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
}

#[test]
fn the_command_line_explains_itself() {
    let version = pharos(&["version"], &[]);
    assert_eq!((version.code, version.stdout.split(' ').next()), (Some(0), Some("pharos")));
    assert_eq!(pharos(&["--version"], &[]).stdout, version.stdout);
    let help = pharos(&["--help"], &[]).stdout;
    for flag in [
        "--listen",
        "--data-dir",
        "--config",
        "--retention",
        "--no-collect",
        "--insecure-open",
        "--log-level",
        "--log-format",
        "completion",
    ] {
        assert!(help.contains(flag), "{flag} is not in the help");
    }
    let script = pharos(&["completion", "bash"], &[]);
    assert!(script.code == Some(0) && script.stdout.contains("_pharos()"));
    assert_eq!(pharos(&["--retention", "never"], &[]).code, Some(2));
    assert_eq!(pharos(&["--no-such-flag"], &[]).code, Some(2));
}

#[test]
fn logs_are_json_for_programs() {
    let mut server =
        Starting::default().arg("--no-collect").arg("--log-format").arg("json").start();
    server.stop();
    let log = server.log();
    assert!(!log.is_empty());
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["level"].is_string() && event["message"].is_string(), "{line}");
    }
}

#[test]
fn log_levels_by_their_other_names() {
    let log = |level: &str| {
        let mut server = Starting::default().env("LOG_LEVEL", level).arg("--no-collect").start();
        server.stop();
        server.log()
    };
    assert!(log("INFO").contains("stopped"));
    assert_eq!(log("WARNING"), "");
    assert_eq!(log("CRITICAL"), "");
}
