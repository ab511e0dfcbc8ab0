#!/usr/bin/env bash
# Measures the release binary and prints each figure beside its limit; the same text is kept in
# bench/results/. `make bench` builds what this needs and then calls it; names of parts (size, idle,
# scrape, push) as arguments measure those alone.
set -euo pipefail
cd "$(dirname "$0")/.."

pharos=${PHAROS_BIN:-target/release/pharos}
peers=target/peers
# On the same disk as the repository: a file system in memory would make every sync free.
dir=target/bench
result=bench/results/$(date -u +%F)-foundation.md

[ -x "$pharos" ] || { echo "there is no $pharos: run make bench" >&2; exit 1; }
cargo build --quiet --release --package bench
rm -rf "$dir"
mkdir -p "$dir"

version_of() {
    cat "$peers/$1/.unpacked" 2>/dev/null || echo "not installed"
}

head_of_result() {
    cat <<TEXT
# Foundation: figures of $(date -u '+%F %H:%M') UTC

Command: \`make bench\`. What the rows mean stands in [bench/README.md](../README.md).

- processor: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores
- memory: $(awk '/^MemTotal:/ {printf "%.1f GB", $2 / 1e6}' /proc/meminfo)
- kernel: $(uname -sr), $(findmnt -no FSTYPE -T "$dir" 2>/dev/null || echo unknown) below target/
- load of the machine before: $(cut -d' ' -f1-3 /proc/loadavg)
- $("$pharos" version), commit $(git describe --always --dirty 2>/dev/null || echo unknown), $(rustc --version)
- prometheus $(version_of prometheus), node_exporter $(version_of prometheus-node-exporter), alertmanager $(version_of prometheus-alertmanager)

TEXT
}

if [ $# -gt 0 ]; then
    exec target/release/bench "$pharos" "$peers" "$dir" "$@"
fi
mkdir -p "$(dirname "$result")"
{
    head_of_result
    target/release/bench "$pharos" "$peers" "$dir"
} | tee "$result"
echo "kept in $result" >&2
