//! The guardian family: this host's CPU, memory and GPUs, as a Prometheus page and as JSON.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use e2e::{Client, Page, Server, Starting, compile_c, eventually_some, root};
use serde_json::Value;

use crate::shared::{SOON, fields, open, page};

/// A page that was made after the host was read at least twice, so that shares are known.
fn settled() -> &'static Page {
    static PAGE: OnceLock<Page> = OnceLock::new();
    PAGE.get_or_init(|| {
        eventually_some(SOON, "the host was read twice", || {
            let page = page(&open());
            (page.value("pharos_collect_collections_total") >= Some(2.0)).then_some(page)
        })
    })
}

/// A client of a server that sees two GPUs: a library of the tests stands for the driver's.
/// `None` where it cannot be built.
fn with_gpus() -> Option<Client> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libgpu.so");
        let source = root().join("crates/collect/tests/fixtures/nvml_fake.c");
        compile_c(&source, &library, &["MODE_FILE=\"/nonexistent\""])?;
        let config = format!("[collect]\ninterval = \"1s\"\nnvml = {library:?}\n");
        let server = Starting::default().config(&config).start();
        eventually_some(SOON, "two GPUs are seen", || {
            (page(&server.client()).value("gpu_device_count")? == 2.0).then_some(())
        });
        Some(server)
    });
    if server.is_none() {
        println!("skipped: no C compiler for the library that stands for the GPU driver");
    }
    server.as_ref().map(Server::client)
}

#[derive(Clone, Copy, PartialEq)]
enum Range {
    Positive,
    NotNegative,
    Percent,
    Zero,
}

impl Range {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::Positive => value > 0.0 && value.is_finite(),
            Self::NotNegative => value >= 0.0 && value.is_finite(),
            Self::Percent => (0.0..=100.0).contains(&value),
            Self::Zero => value == 0.0,
        }
    }
}

#[track_caller]
fn check(page: &Page, name: &str, kind: &str, labels: &[&str], range: Range) {
    assert_eq!(page.kind(name), Some(kind), "the type of {name}");
    assert!(page.help(name).is_some_and(|help| help.len() > 5), "{name} has no help");
    let series: Vec<_> = page.all(name).collect();
    assert!(!series.is_empty(), "{name} is not shown");
    for series in series {
        let names: Vec<&str> = series.labels.keys().map(String::as_str).collect();
        assert_eq!(names, labels, "the labels of {name}");
        assert!(range.holds(series.value), "{name} is {}", series.value);
    }
}

/// One test per promised name.
macro_rules! promised {
    ($page:ident: $($test:ident: $name:literal $kind:literal $labels:expr, $range:ident;)*) => {$(
        #[test]
        fn $test() {
            if let Some(page) = $page() {
                check(&page, $name, $kind, &$labels, Range::$range);
            }
        }
    )*};
}

fn host_page() -> Option<&'static Page> {
    Some(settled())
}

fn gpu_page() -> Option<Page> {
    with_gpus().map(|client| page(&client))
}

promised! { host_page:
    guardian_b1_cpu_physical_count: "cpu_physical_count" "gauge" [], Positive;
    guardian_b2_cpu_logical_count: "cpu_logical_count" "gauge" [], Positive;
    guardian_b3_cpu_frequency_current_mhz: "cpu_frequency_current_mhz" "gauge" [], NotNegative;
    guardian_b4_cpu_frequency_min_mhz: "cpu_frequency_min_mhz" "gauge" [], NotNegative;
    guardian_b5_cpu_frequency_max_mhz: "cpu_frequency_max_mhz" "gauge" [], NotNegative;
    guardian_b6_cpu_percent_total: "cpu_percent_total" "gauge" [], Percent;
    guardian_b7_cpu_percent_per_cpu: "cpu_percent_per_cpu" "gauge" ["core"], Percent;
    guardian_b8_cpu_ctx_switches_total: "cpu_ctx_switches_total" "counter" [], Positive;
    guardian_b9_cpu_interrupts_total: "cpu_interrupts_total" "counter" [], Positive;
    guardian_b10_cpu_soft_interrupts_total: "cpu_soft_interrupts_total" "counter" [], Positive;
    guardian_b11_cpu_syscalls_total: "cpu_syscalls_total" "counter" [], Zero;
    guardian_b12_memory_virtual_total_bytes: "memory_virtual_total_bytes" "gauge" [], Positive;
    guardian_b13_memory_virtual_available_bytes:
        "memory_virtual_available_bytes" "gauge" [], Positive;
    guardian_b14_memory_virtual_used_bytes: "memory_virtual_used_bytes" "gauge" [], Positive;
    guardian_b15_memory_virtual_free_bytes: "memory_virtual_free_bytes" "gauge" [], Positive;
    guardian_b16_memory_virtual_percent: "memory_virtual_percent" "gauge" [], Percent;
    guardian_b17_memory_swap_total_bytes: "memory_swap_total_bytes" "gauge" [], NotNegative;
    guardian_b18_memory_swap_used_bytes: "memory_swap_used_bytes" "gauge" [], NotNegative;
    guardian_b19_memory_swap_free_bytes: "memory_swap_free_bytes" "gauge" [], NotNegative;
    guardian_b20_memory_swap_percent: "memory_swap_percent" "gauge" [], Percent;
    guardian_b21_memory_swap_sin_total: "memory_swap_sin_total" "counter" [], NotNegative;
    guardian_b22_memory_swap_sout_total: "memory_swap_sout_total" "counter" [], NotNegative;
    guardian_b23_gpu_device_count_without_gpus: "gpu_device_count" "gauge" [], NotNegative;
}

promised! { gpu_page:
    guardian_b23_gpu_device_count: "gpu_device_count" "gauge" [], Positive;
    guardian_b24_gpu_temperature_celsius:
        "gpu_temperature_celsius" "gauge" ["gpu_id", "name"], Positive;
    guardian_b25_gpu_power_watts: "gpu_power_watts" "gauge" ["gpu_id", "name"], Positive;
    guardian_b26_gpu_memory_total_bytes:
        "gpu_memory_total_bytes" "gauge" ["gpu_id", "name"], Positive;
    guardian_b27_gpu_memory_used_bytes:
        "gpu_memory_used_bytes" "gauge" ["gpu_id", "name"], NotNegative;
    guardian_b28_gpu_memory_free_bytes:
        "gpu_memory_free_bytes" "gauge" ["gpu_id", "name"], NotNegative;
    guardian_b29_gpu_utilization_percent:
        "gpu_utilization_percent" "gauge" ["gpu_id", "name"], Percent;
    guardian_b30_gpu_memory_utilization_percent:
        "gpu_memory_utilization_percent" "gauge" ["gpu_id", "name"], Percent;
    guardian_b31_gpu_fan_speed_percent:
        "gpu_fan_speed_percent" "gauge" ["gpu_id", "name"], Percent;
}

#[test]
fn guardian_a1_root_redirects_to_the_documentation() {
    for accept in ["*/*", "application/json"] {
        let answer = open().request("GET", "/").header("Accept", accept).send().expect(302);
        assert_eq!(answer.header("location"), Some("/api/docs"));
    }
    assert_eq!(open().get("/").expect(302).header("location"), Some("/api/docs"));
}

#[test]
fn guardian_a2_health() {
    let health = open().json("/health");
    assert_eq!(health["status"], "healthy", "{health}");
    assert!(health["version"].as_str().unwrap().contains('.'));
    assert_eq!(health["error"], Value::Null);
    assert_eq!(health["system"]["api"], "running");
    settled();
    assert_eq!(open().json("/health")["system"]["collectors"], "ready");
}

#[test]
fn guardian_a3_swagger_ui() {
    is_documentation("/api/docs");
}

#[test]
fn guardian_a4_redoc() {
    is_documentation("/api/redoc");
}

/// A page whose own scripts, served by us, read our OpenAPI document.
fn is_documentation(path: &str) {
    let answer = open().get(path).expect(200);
    assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{path}");
    let html = answer.text();
    let scripts: Vec<&str> = html
        .split("src=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|source| source.contains(".js"))
        .collect();
    assert!(!scripts.is_empty(), "{path} was built without its scripts: {html}");
    let mut reads_document = false;
    for script in scripts {
        // The pages stand below /api/.
        let at = script.strip_prefix("../").map_or(script.to_owned(), |rest| format!("/{rest}"));
        let answer = open().get(&at).expect(200);
        assert!(answer.header("content-type").unwrap().starts_with("text/javascript"), "{at}");
        reads_document |= answer.text().contains("openapi.json");
    }
    assert!(reads_document, "{path}: no script reads openapi.json");
}

#[test]
fn guardian_a5_prometheus_text() {
    let answer = open().get("/metrics").expect(200);
    let content_type = answer.header("content-type").unwrap();
    assert!(content_type.starts_with("text/plain; version=0.0.4"), "{content_type}");
    assert!(answer.text().ends_with('\n'));
}

#[test]
fn guardian_a6_json_of_all_collectors() {
    assert_eq!(fields(&open().json("/metrics/json")), ["cpu", "gpu", "memory"]);
    assert_eq!(fields(&open().json("/metrics/json/")), ["cpu", "gpu", "memory"]);
}

#[test]
fn guardian_a7_json_of_the_cpu() {
    is_alone_on_its_path("cpu");
}

#[test]
fn guardian_a8_json_of_the_memory() {
    is_alone_on_its_path("memory");
}

#[test]
fn guardian_a9_json_of_the_gpus() {
    is_alone_on_its_path("gpu");
}

fn is_alone_on_its_path(name: &str) {
    assert_eq!(fields(&open().json(&format!("/metrics/json/{name}"))), [name]);
    assert_eq!(fields(&open().json(&format!("/metrics/json/{name}/"))), [name]);
}

#[test]
fn guardian_a10_openapi_document() {
    let document = open().json("/api/openapi.json");
    assert!(document["openapi"].as_str().unwrap().starts_with("3."), "{}", document["openapi"]);
    for path in ["/health", "/metrics", "/metrics/json", "/metrics/json/{collector}"] {
        assert!(document["paths"][path]["get"].is_object(), "{path} is not described");
    }
}

#[test]
fn guardian_a10_errors_are_json() {
    for path in ["/nothing/here", "/api/v1/monitoring/nothing", "/assets/none.js"] {
        open().get(path).refused(404);
    }
    open().request("DELETE", "/services").send().refused(405);
}

#[test]
fn guardian_up_unknown_collector() {
    let body = open().get("/metrics/json/disk").refused(404);
    assert_eq!(body["detail"], "Collector 'disk' not found");
}

#[test]
fn guardian_c1_cpu_json() {
    settled();
    let body = open().json("/metrics/json/cpu");
    let cpu = &body["cpu"];
    assert_eq!(fields(cpu), ["count", "frequency", "percent", "stats"]);
    assert_eq!(fields(&cpu["count"]), ["logical", "physical"]);
    assert_eq!(fields(&cpu["frequency"]), ["current", "max", "min"]);
    assert_eq!(fields(&cpu["percent"]), ["per_cpu", "total"]);
    let stats = ["ctx_switches", "interrupts", "soft_interrupts", "syscalls"];
    assert_eq!(fields(&cpu["stats"]), stats);
    assert!(stats.iter().all(|name| cpu["stats"][name].is_u64()), "{cpu}");
    let per_cpu = cpu["percent"]["per_cpu"].as_array().unwrap();
    assert_eq!(per_cpu.len() as u64, cpu["count"]["logical"].as_u64().unwrap());
    assert!(cpu["count"]["physical"].as_u64() >= Some(1));
}

#[test]
fn guardian_c2_memory_json() {
    settled();
    let body = open().json("/metrics/json/memory");
    let memory = &body["memory"];
    assert_eq!(fields(memory), ["swap", "virtual"]);
    assert_eq!(fields(&memory["virtual"]), ["available", "free", "percent", "total", "used"]);
    assert_eq!(fields(&memory["swap"]), ["free", "percent", "sin", "sout", "total", "used"]);
    assert!(memory["virtual"]["total"].as_u64() > memory["virtual"]["available"].as_u64());
}

#[test]
fn guardian_c2_gpu_json_without_gpus() {
    let server = Server::with_config("[collect]\ninterval = \"1s\"\nnvml = \"/nonexistent.so\"\n");
    let gpu = eventually_some(SOON, "the host is read", || {
        let answer = server.client().get("/metrics/json/gpu");
        (answer.status == 200).then(|| answer.json()["gpu"].clone())
    });
    assert_eq!(gpu, serde_json::json!({"device_count": 0, "devices": []}));
}

#[test]
fn guardian_c2_gpu_json() {
    let Some(client) = with_gpus() else { return };
    let body = client.json("/metrics/json/gpu");
    let gpu = &body["gpu"];
    assert_eq!(gpu["device_count"], 2);
    let devices = gpu["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2);
    for device in devices {
        let wanted = [
            "fan_speed",
            "memory_free",
            "memory_total",
            "memory_used",
            "memory_utilization",
            "name",
            "power_usage",
            "temperature",
            "utilization",
        ];
        assert_eq!(fields(device), wanted);
        assert!(device["name"].as_str().is_some_and(|name| !name.is_empty()), "{device}");
    }
}

#[test]
fn guardian_c_page_and_json_agree() {
    let page = settled();
    let cpu = open().json("/metrics/json/cpu");
    let memory = open().json("/metrics/json/memory");
    let same = |value: &Value, name: &str| assert_eq!(value.as_f64(), page.value(name), "{name}");
    same(&cpu["cpu"]["count"]["logical"], "cpu_logical_count");
    same(&cpu["cpu"]["count"]["physical"], "cpu_physical_count");
    same(&memory["memory"]["virtual"]["total"], "memory_virtual_total_bytes");
    same(&memory["memory"]["swap"]["total"], "memory_swap_total_bytes");
}

#[test]
fn guardian_d1_values_are_the_kernels() {
    let page = settled();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
    let total_kib: f64 = total.trim().trim_end_matches(" kB").parse().unwrap();
    assert_eq!(page.only("memory_virtual_total_bytes"), total_kib * 1024.0);
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let cores = stat.lines().filter(|l| l.starts_with("cpu") && !l.starts_with("cpu ")).count();
    assert_eq!(page.only("cpu_logical_count"), cores as f64);
    assert_eq!(page.all("cpu_percent_per_cpu").count(), cores);
    let switches = stat.lines().find_map(|line| line.strip_prefix("ctxt ")).unwrap();
    assert!(page.only("cpu_ctx_switches_total") <= switches.parse().unwrap());
}

#[test]
fn guardian_d3_readings_are_kept_as_history() {
    settled();
    eventually_some(SOON, "readings are stored", || {
        let body = open().json("/api/v1/monitoring/range?metric=memory_virtual_total_bytes");
        let series = body["series"].as_array()?.first()?.clone();
        series["points"].as_array()?.iter().find(|point| point[1].is_number())?;
        Some(())
    });
}
