#!/usr/bin/env bash
# The long forms of the tests: hours, not minutes. `make soak` calls it.
#
#   PHAROS_KILLS=500         kills under load
#   PHAROS_POWER_CUTS=100    power cuts under load; root is needed for the disk
#   SIM_SEEDS=20000          lives of the simulated disk
set -euo pipefail
cd "$(dirname "$0")/.."

logs=target/test-logs
mkdir -p "$logs"
failed=0

# Runs a long test; its whole output is kept, and its end is shown.
soak() {
    local name=$1 log=$logs/soak-$1.log
    shift
    echo "== $name: $*"
    if "$@" >"$log" 2>&1; then
        tail -n 14 "$log"
    else
        failed=1
        tail -n 60 "$log"
        echo "FAILED: $name, see $log" >&2
    fi
}

# Optimised, because the point is many lives and much data, and as it is shipped.
cargo build --release --bin pharos
export PHAROS_BIN=$PWD/target/release/pharos
export PHAROS_KILLS=${PHAROS_KILLS:-500}
export PHAROS_POWER_CUTS=${PHAROS_POWER_CUTS:-100}
export SIM_SEEDS=${SIM_SEEDS:-20000}

soak simulator cargo test --release --package testkit -- --nocapture
soak planted-bugs cargo test --release --package testkit --features planted-bugs -- --nocapture
soak kills cargo test --release --package e2e --test it durability -- --nocapture --test-threads=1
soak disks cargo test --release --package e2e --test it disk:: -- --nocapture --test-threads=1
exit "$failed"
