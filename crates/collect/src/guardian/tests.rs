use std::sync::Arc;

use expect_test::expect;
use proptest::prelude::*;

use super::cpu::CpuCollector;
use super::cpuinfo::CpuInfo;
use super::memory::{Memory, MemoryCollector};
use super::stat::{Stat, Ticks};
use crate::fixture::{HandClock, collect, roots};
use crate::{CollectError, Collector};

fn cpu(tree: &str) -> CpuCollector {
    CpuCollector::new(roots(tree), Arc::new(HandClock::default()))
}

fn percents(text: &str) -> String {
    let lines = text.lines().filter(|line| line.contains("cpu_percent"));
    lines.map(|line| line.replace("g cpu_percent_", "") + "\n").collect()
}

#[test]
fn guardian_b1_to_b11_cpu() {
    let (text, outcome) = collect(&mut cpu("guardian/server"), 0);
    assert!(outcome.is_ok());
    expect![[r#"
        g cpu_physical_count 2
        g cpu_logical_count 2
        g cpu_frequency_current_mhz 2500
        g cpu_frequency_min_mhz 800
        g cpu_frequency_max_mhz 3600
        g cpu_percent_total 0
        g cpu_percent_per_cpu{core="0"} 0
        g cpu_percent_per_cpu{core="1"} 0
        c cpu_ctx_switches_total 123456789
        c cpu_interrupts_total 7654321
        c cpu_soft_interrupts_total 2345678
        c cpu_syscalls_total 0
    "#]]
    .assert_eq(&text);
}

#[test]
fn the_help_of_syscalls_tells_why_it_is_0() {
    let mut families = Vec::new();
    let mut cpu = cpu("guardian/server");
    cpu.collect(crate::fixture::moment(0), &mut families).unwrap();
    let syscalls = families.iter().find(|f| f.name == "cpu_syscalls_total");
    assert!(syscalls.unwrap().help.contains("always 0 on Linux"));
}

#[test]
fn busy_shares_cover_the_time_between_two_collections() {
    let mut cpu = cpu("guardian/server");
    collect(&mut cpu, 0).1.unwrap();
    cpu.roots = roots("guardian/later");
    let (text, _) = collect(&mut cpu, 100);
    expect![[r#"
        total 0
        per_cpu{core="0"} 0
        per_cpu{core="1"} 0
        per_cpu{core="5"} 0
    "#]]
    .assert_eq(&percents(&text));
    let (text, _) = collect(&mut cpu, 1000);
    // All: 400 busy ticks of 1000. Core 0: 300 of 400; core 1: 100 of 600; core 5 is new.
    expect![[r#"
        total 40
        per_cpu{core="0"} 75
        per_cpu{core="1"} 16.666666666666664
        per_cpu{core="5"} 0
    "#]]
    .assert_eq(&percents(&text));
    cpu.roots = roots("guardian/server");
    let (text, _) = collect(&mut cpu, 2000);
    assert!(text.contains("cpu_percent_total 0\n"), "ticks that step back");
}

#[test]
fn a_bare_machine_falls_back() {
    let (text, outcome) = collect(&mut cpu("guardian/bare"), 0);
    assert!(outcome.is_ok());
    expect![[r#"
        g cpu_physical_count 1
        g cpu_logical_count 1
        g cpu_frequency_current_mhz 0
        g cpu_frequency_min_mhz 0
        g cpu_frequency_max_mhz 0
        g cpu_percent_total 0
        g cpu_percent_per_cpu{core="0"} 0
        c cpu_syscalls_total 0
    "#]]
    .assert_eq(&text);
}

#[test]
fn without_a_frequency_driver_the_cpu_list_tells_the_current_frequency() {
    let mut cpu = cpu("guardian/server");
    cpu.roots.sys = "/nonexistent".into();
    let (text, _) = collect(&mut cpu, 0);
    assert!(text.contains("cpu_frequency_current_mhz 2150.5\n"), "{text}");
    assert!(text.contains("cpu_frequency_max_mhz 0\n"), "{text}");
}

#[test]
fn guardian_b12_to_b22_memory() {
    let mut memory = MemoryCollector::new(roots("guardian/server"));
    let (text, outcome) = collect(&mut memory, 0);
    assert!(outcome.is_ok());
    let (gauges, swapped) = text.split_at(text.find("c ").unwrap());
    expect![[r#"
        g memory_virtual_total_bytes 16384000000
        g memory_virtual_available_bytes 10240000000
        g memory_virtual_used_bytes 6963200000
        g memory_virtual_free_bytes 2048000000
        g memory_virtual_percent 37.5
        g memory_swap_total_bytes 4096000000
        g memory_swap_used_bytes 1024000000
        g memory_swap_free_bytes 3072000000
        g memory_swap_percent 25
    "#]]
    .assert_eq(gauges);
    let page_bytes = rustix::param::page_size();
    let wanted = format!(
        "c memory_swap_sin_total 30\nc memory_swap_sin_bytes_total {}\n\
         c memory_swap_sout_total 70\nc memory_swap_sout_bytes_total {}\n",
        30 * page_bytes,
        70 * page_bytes,
    );
    assert_eq!(swapped, wanted);
}

#[test]
fn in_a_container_what_is_free_is_available() {
    let mut memory = MemoryCollector::new(roots("guardian/bare"));
    let (text, outcome) = collect(&mut memory, 0);
    assert!(matches!(outcome, Err(CollectError::Absent)), "no vmstat");
    expect![[r#"
        g memory_virtual_total_bytes 1024000
        g memory_virtual_available_bytes 102400
        g memory_virtual_used_bytes 921600
        g memory_virtual_free_bytes 102400
        g memory_virtual_percent 90
        g memory_swap_total_bytes 0
        g memory_swap_used_bytes 0
        g memory_swap_free_bytes 0
        g memory_swap_percent 0
    "#]]
    .assert_eq(&text);
}

#[test]
fn files_without_their_main_line_are_malformed() {
    for text in ["", "cpu", "cpu0 1 2 3 4\n", "\0\0", "intr 5\n"] {
        assert!(Stat::parse(text).is_err(), "{text:?}");
    }
    for text in ["", "MemTotal:", "MemTotal: x kB", "MemFree: 5 kB\n"] {
        assert!(Memory::parse(text).is_err(), "{text:?}");
    }
}

/// Text made of the words that the files are made of, and of others.
fn file() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("cpu".to_owned()),
        Just("cpu0".to_owned()),
        Just("intr".to_owned()),
        Just("MemTotal:".to_owned()),
        Just("Cached:".to_owned()),
        Just("SReclaimable:".to_owned()),
        Just("core id :".to_owned()),
        Just("physical id :".to_owned()),
        Just("cpu MHz :".to_owned()),
        Just("18446744073709551615".to_owned()),
        Just("\n".to_owned()),
        any::<u64>().prop_map(|n| n.to_string()),
        any::<String>(),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_brings_the_readers_down(text in file()) {
        if let Ok(stat) = Stat::parse(&text) {
            prop_assert!(stat.total.busy <= stat.total.all);
        }
        let mhz = CpuInfo::parse(&text).mhz;
        prop_assert!(mhz.is_none_or(f64::is_finite));
        let _ = Memory::parse(&text);
    }

    #[test]
    fn a_busy_share_is_a_percentage(a: (u32, u32), b: (u32, u32)) {
        let ticks = |(busy, idle): (u32, u32)| Ticks {
            busy: busy.into(),
            all: u64::from(busy) + u64::from(idle),
        };
        let percent = ticks(a).busy_percent_since(ticks(b));
        prop_assert!((0.0..=100.0).contains(&percent));
    }
}
