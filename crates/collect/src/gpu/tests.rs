use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use expect_test::{Expect, expect};
use stdx::{Clock, Disk, LocalDisk, SystemClock};

use super::GpuCollector;
use crate::CollectError;
use crate::fixture::collect;

/// A management library of our own, and the file that tells it how to behave.
struct FakeLibrary {
    dir: PathBuf,
}

impl FakeLibrary {
    /// Builds the library for one test.
    fn build(test: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("pharos-gpu-{test}-{}", std::process::id()));
        LocalDisk.create_dir_all(&dir).unwrap();
        let fake = Self { dir };
        fake.behave("well");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
            .arg(fake.path())
            .arg(format!("-DMODE_FILE=\"{}\"", fake.dir.join("mode").display()))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nvml_fake.c"))
            .status();
        assert!(built.expect("a C compiler is installed").success());
        fake
    }

    fn path(&self) -> PathBuf {
        self.dir.join("libfake.so")
    }

    fn behave(&self, mode: &str) {
        let draft = self.dir.join("draft");
        LocalDisk.create(&draft).unwrap().append(mode.as_bytes()).unwrap();
        LocalDisk.rename(&draft, &self.dir.join("mode")).unwrap();
    }

    /// A collector that waits for this library as long as a busy machine may need.
    fn collector(&self) -> GpuCollector {
        let mut collector = GpuCollector::new(Some(self.path()));
        collector.deadline = Duration::from_secs(30);
        collector
    }
}

impl Drop for FakeLibrary {
    fn drop(&mut self) {
        for file in ["mode", "libfake.so"] {
            // Left behind in the temporary folder if it cannot be removed.
            let _ = LocalDisk.remove(&self.dir.join(file));
        }
        let _ = std::fs::remove_dir(&self.dir);
    }
}

fn check(collector: &mut GpuCollector, ms: u64, wanted: &Expect) -> Result<(), CollectError> {
    let (text, outcome) = collect(collector, ms);
    wanted.assert_eq(&text);
    outcome
}

/// The lines that speak of one thing.
fn only(text: &str, word: &str) -> String {
    let lines = text.lines().filter(|line| line.contains(word));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn guardian_b23_to_b31_gpu() {
    let fake = FakeLibrary::build("families");
    let wanted = expect![[r#"
        g gpu_device_count 2
        g gpu_temperature_celsius{gpu_id="0",name="Fake Card A"} 41
        g gpu_temperature_celsius{gpu_id="1",name="Fake Card B"} 52
        g gpu_power_watts{gpu_id="0",name="Fake Card A"} 61.5
        g gpu_power_watts{gpu_id="1",name="Fake Card B"} 300.25
        g gpu_memory_total_bytes{gpu_id="0",name="Fake Card A"} 80000
        g gpu_memory_total_bytes{gpu_id="1",name="Fake Card B"} 80001
        g gpu_memory_used_bytes{gpu_id="0",name="Fake Card A"} 20000
        g gpu_memory_used_bytes{gpu_id="1",name="Fake Card B"} 20000
        g gpu_memory_free_bytes{gpu_id="0",name="Fake Card A"} 59500
        g gpu_memory_free_bytes{gpu_id="1",name="Fake Card B"} 59501
        g gpu_utilization_percent{gpu_id="0",name="Fake Card A"} 97
        g gpu_utilization_percent{gpu_id="1",name="Fake Card B"} 0
        g gpu_memory_utilization_percent{gpu_id="0",name="Fake Card A"} 33
        g gpu_memory_utilization_percent{gpu_id="1",name="Fake Card B"} 33
        g gpu_fan_speed_percent{gpu_id="0",name="Fake Card A"} 45
        g gpu_sm_clock_mhz{gpu_id="0",name="Fake Card A"} 1980
        g gpu_sm_clock_mhz{gpu_id="1",name="Fake Card B"} 1410
        g gpu_memory_clock_mhz{gpu_id="0",name="Fake Card A"} 2619
        g gpu_memory_clock_mhz{gpu_id="1",name="Fake Card B"} 1593
        c gpu_energy_joules_total{gpu_id="0",name="Fake Card A"} 1.5
        c gpu_energy_joules_total{gpu_id="1",name="Fake Card B"} 9000000000
        g gpu_info{driver_version="550.1",gpu_id="0",name="Fake Card A",uuid="GPU-0000-0"} 1
        g gpu_info{driver_version="550.1",gpu_id="1",name="Fake Card B",uuid="GPU-0000-1"} 1
    "#]];
    check(&mut fake.collector(), 0, &wanted).unwrap();
}

#[test]
fn without_a_library_there_are_0_gpus_and_no_error() {
    let mut collector = GpuCollector::new(None);
    let (text, outcome) = collect(&mut collector, 0);
    assert!(outcome.is_ok());
    if collector.retry_at.is_some() {
        assert_eq!(text, "g gpu_device_count 0\n");
        assert!(collector.reader.is_none(), "nobody waits for a driver");
    }
}

#[test]
fn a_library_that_is_named_but_absent_is_an_error() {
    let mut collector = GpuCollector::new(Some("/nonexistent/libnvidia-ml.so".into()));
    collector.deadline = Duration::from_secs(30);
    let (text, outcome) = collect(&mut collector, 0);
    let error = outcome.unwrap_err().to_string();
    assert!(error.starts_with("the GPU driver does not work: it cannot be loaded: "));
    assert!(text.starts_with("g gpu_device_count 0\n"), "{text}");
    assert!(text.contains(r#"gpu_errors_total{kind="driver"} 1"#), "{text}");
}

#[test]
fn a_missing_driver_is_looked_for_once_a_minute() {
    let fake = FakeLibrary::build("retry");
    fake.behave("no_driver");
    let mut collector = fake.collector();
    let none = expect!["g gpu_device_count 0\n"];
    check(&mut collector, 5_000, &none).unwrap();
    fake.behave("well");
    check(&mut collector, 64_999, &none).unwrap();
    let (text, outcome) = collect(&mut collector, 65_000);
    assert!(outcome.is_ok());
    assert!(text.starts_with("g gpu_device_count 2\n"), "{text}");
}

#[test]
fn a_driver_of_another_version_than_its_library_is_an_error() {
    let fake = FakeLibrary::build("mismatch");
    fake.behave("mismatch");
    let (text, outcome) = collect(&mut fake.collector(), 0);
    assert!(outcome.unwrap_err().to_string().contains("version mismatch"));
    assert!(text.contains(r#"gpu_errors_total{kind="driver"} 1"#), "{text}");
}

#[test]
fn a_hung_driver_holds_one_collection_for_the_deadline_and_no_other() {
    let fake = FakeLibrary::build("hung");
    let mut collector = fake.collector();
    collect(&mut collector, 0).1.unwrap();
    fake.behave("block");
    collector.deadline = Duration::from_millis(20);
    let wanted = expect![[r#"
        g gpu_device_count 2
        c gpu_errors_total{kind="deadline"} 1
        c gpu_errors_total{kind="lost"} 0
        c gpu_errors_total{kind="driver"} 0
        c gpu_errors_total{kind="reading"} 0
    "#]];
    let error = check(&mut collector, 10_000, &wanted).unwrap_err();
    assert!(error.to_string().contains("does not answer"));
    // Would it wait once more, it would be for long.
    collector.deadline = Duration::from_secs(30);
    let clock = SystemClock::new();
    let (text, outcome) = collect(&mut collector, 20_000);
    assert!(outcome.is_err());
    assert!(text.contains(r#"kind="deadline"} 2"#), "{text}");
    assert!(clock.monotonic() < Duration::from_secs(10));

    fake.behave("well");
    let text = loop {
        let (text, outcome) = collect(&mut collector, 30_000);
        if outcome.is_ok() {
            break text;
        }
        assert!(clock.monotonic() < Duration::from_secs(30), "it never came back");
        thread::yield_now();
    };
    // The first reading, the one that hung, and this one: nothing had piled up.
    let info = only(&text, r#"gpu_info{driver_version="550.3""#);
    assert_eq!(info.lines().count(), 2, "{text}");
}

#[test]
fn a_driver_may_take_its_time_to_wake_up() {
    let fake = FakeLibrary::build("waking");
    fake.behave("block");
    let mut collector = fake.collector();
    collector.deadline = Duration::from_millis(20);
    let none = expect!["g gpu_device_count 0\n"];
    check(&mut collector, 0, &none).unwrap();
    check(&mut collector, 14_999, &none).unwrap();
    let (text, outcome) = collect(&mut collector, 15_000);
    assert!(outcome.is_err());
    assert!(text.contains(r#"kind="deadline"} 1"#), "{text}");
    fake.behave("well");
}

#[test]
fn a_lost_card_has_no_samples_and_the_others_do() {
    let fake = FakeLibrary::build("lost");
    fake.behave("lost");
    let mut collector = fake.collector();
    let (text, outcome) = collect(&mut collector, 0);
    assert!(outcome.is_ok());
    assert!(text.starts_with("g gpu_device_count 2\n"), "{text}");
    assert_eq!(only(&text, r#"gpu_id="1""#), "");
    assert_eq!(only(&text, r#"gpu_id="0""#).lines().count(), 12);
    assert!(text.contains(r#"gpu_errors_total{kind="lost"} 1"#), "{text}");
    fake.behave("well");
    let (text, _) = collect(&mut collector, 10_000);
    assert_eq!(only(&text, r#"gpu_id="1""#).lines().count(), 11, "it is back");
}

#[test]
fn an_odd_answer_costs_one_sample() {
    let fake = FakeLibrary::build("odd");
    fake.behave("odd");
    let (text, outcome) = collect(&mut fake.collector(), 0);
    assert!(outcome.is_ok());
    assert_eq!(only(&text, "gpu_temperature_celsius").lines().count(), 1);
    assert_eq!(only(&text, "gpu_power_watts").lines().count(), 2);
    assert!(text.contains(r#"gpu_errors_total{kind="reading"} 1"#), "{text}");
}

#[test]
fn a_driver_that_goes_away_is_loaded_anew() {
    let fake = FakeLibrary::build("gone");
    let mut collector = fake.collector();
    collect(&mut collector, 0).1.unwrap();
    fake.behave("gone");
    let (text, outcome) = collect(&mut collector, 10_000);
    assert!(outcome.is_err());
    assert!(text.contains(r#"gpu_errors_total{kind="driver"} 1"#), "{text}");
    fake.behave("no_driver");
    let (text, outcome) = collect(&mut collector, 70_000);
    assert!(outcome.is_ok());
    assert!(text.starts_with("g gpu_device_count 0\n"), "{text}");
    fake.behave("well");
    let (text, _) = collect(&mut collector, 130_000);
    assert!(text.starts_with("g gpu_device_count 2\n"), "{text}");
}
