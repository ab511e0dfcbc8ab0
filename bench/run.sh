#!/usr/bin/env bash
# Measures the release binary and prints each figure beside its limit; the same text is kept in
# bench/results/. `make bench` builds what this needs and then calls it.
#
#   bench/run.sh                      all suites
#   bench/run.sh store                one suite: foundation, store or query
#   bench/run.sh store --quick        smaller loads, for development; nothing is kept
#   bench/run.sh foundation push      one part alone; nothing is kept
#
#   PHAROS_BIN=FILE     the binary to measure; target/release/pharos
#   PHAROS_PEERS=DIR    where the peers are unpacked; target/peers
#   BENCH_BIN=FILE      a bench that is built already
set -euo pipefail
cd "$(dirname "$0")/.."

built=${CARGO_TARGET_DIR:-target}/release
pharos=${PHAROS_BIN:-target/release/pharos}
peers=${PHAROS_PEERS:-target/peers}
bench=${BENCH_BIN:-$built/bench}

[ -x "$pharos" ] || { echo "there is no $pharos: run make bench" >&2; exit 1; }
[ -n "${BENCH_BIN:-}" ] || cargo build --quiet --release --package bench

# Before the results themselves change, which are kept beside the sources.
commit=$(git describe --always --dirty 2>/dev/null || echo unknown)

version_of() {
    cat "$peers/$1/.unpacked" 2>/dev/null || echo "not installed"
}

head_of_result() {
    cat <<TEXT
# ${1^}: figures of $(date -u '+%F %H:%M') UTC

Command: \`bench/run.sh $1\`. What the rows mean stands in [bench/README.md](../README.md).

- processor: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores
- memory: $(awk '/^MemTotal:/ {printf "%.1f GB", $2 / 1e6}' /proc/meminfo)
- kernel: $(uname -sr), $(findmnt -no FSTYPE -T target 2>/dev/null || echo unknown) below target/
- load of the machine before: $(cut -d' ' -f1-3 /proc/loadavg)
- $("$pharos" version), commit $commit, $(rustc --version)
- prometheus $(version_of prometheus), victoria-metrics $(version_of victoria-metrics), node_exporter $(version_of prometheus-node-exporter), alertmanager $(version_of prometheus-alertmanager)

TEXT
}

# The store's programs that read samples back in their own process, unless only other parts are
# wanted: the crate's tests, which see a block's columns, and an example.
build_decode() {
    decode=()
    case " $* " in
        " store " | " store --quick " | *" decode "*) ;;
        *) return 0 ;;
    esac
    cargo build --quiet --release --package tsdb --example decode || return 1
    local tests
    tests=$(cargo test --quiet --release --package tsdb --lib --no-run --message-format=json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p') || return 1
    decode=("--decode-columns=$tests" "--decode-rows=$built/examples/decode")
}

# A suite, and what else bench is to be told.
measure() {
    # On the same disk as the repository: a file system in memory would make every sync free.
    local dir=target/bench/$1 status=0
    build_decode "$@" || return 1
    rm -rf "$dir"
    mkdir -p "$dir"
    "$bench" "$pharos" "$peers" "$dir" "${decode[@]}" "$@" || status=$?
    rm -rf "$dir"
    return "$status"
}

keep() {
    local result
    result=bench/results/$(date -u +%F)-$1.md
    mkdir -p "$(dirname "$result")"
    { head_of_result "$1"; measure "$1"; } | tee "$result" || return $?
    echo "kept in $result" >&2
}

case $# in
    0)
        status=0
        for suite in foundation store query; do
            keep "$suite" || status=$?
        done
        exit "$status"
        ;;
    1) keep "$1" ;;
    *) measure "$@" ;;
esac
