#!/usr/bin/env bash
# The long forms of the tests: hours, not minutes. `make soak` calls it.
#
#   tests/soak.sh                    everything
#   tests/soak.sh churn kills        these parts alone
#   tests/soak.sh --quick [PART]...  so little that only the script itself is tested
#
# Parts: properties, simulator, planted-bugs, churn, kills, disks, queries.
#
#   PHAROS_ROUNDS=100        rounds of all property tests, each with other cases
#   PHAROS_KILLS=500         kills under load
#   PHAROS_POWER_CUTS=100    power cuts under load; root is needed for the disk
#   SIM_SEEDS=20000          lives of the simulated disk
#   PHAROS_QUERIES=200000    random queries that Prometheus is asked too
#   PHAROS_BIN=FILE          the binary, instead of building it
set -euo pipefail
cd "$(dirname "$0")/.."

parts="properties simulator planted-bugs churn kills disks queries"
quick=
if [ "${1:-}" = --quick ]; then
    quick=--quick
    shift
fi
wanted=${*:-$parts}
for part in $wanted; do
    case " $parts " in
        *" $part "*) ;;
        *) echo "unknown part $part; there are $parts" >&2; exit 2 ;;
    esac
done

logs=target/test-logs
built=${CARGO_TARGET_DIR:-target}/release
mkdir -p "$logs"
failed=0

# Runs a long test if it is wanted; its whole output is kept, and its end is shown.
soak() {
    local name=$1 log=$logs/soak-$1.log
    shift
    case " $wanted " in *" $name "*) ;; *) return 0 ;; esac
    echo "== $name: $*"
    if "$@" >"$log" 2>&1; then
        tail -n 14 "$log"
    else
        failed=1
        tail -n 60 "$log"
        echo "FAILED: $name, see $log" >&2
    fi
}

# Twelve minutes: ten of them load, at the pace of the clock.
churn() {
    local dir=target/bench/soak status=0
    cargo build --quiet --release --package bench || return 1
    rm -rf "$dir"
    mkdir -p "$dir"
    # It looks at no peer.
    "$built/bench" "$PHAROS_BIN" target/peers "$dir" soak $quick churn || status=$?
    rm -rf "$dir"
    return "$status"
}

# Every test of the libraries that have property tests: those have no name in common. With all checks
# of overflow, as the tests run otherwise.
properties() {
    local round seed libraries
    libraries=$(grep -rl --include='*.rs' 'proptest!' crates | sed -E 's|^crates/([^/]+)/.*|--package \1|' | sort -u)
    for ((round = 1; round <= PHAROS_ROUNDS; round++)); do
        seed=$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')
        echo "round $round of $PHAROS_ROUNDS: PROPTEST_RNG_SEED=$seed repeats it"
        # shellcheck disable=SC2086 # Each is two words.
        PROPTEST_RNG_SEED=$seed cargo test --quiet $libraries --lib --tests || return 1
    done
}

# Optimised, because the point is many lives and much data, and as it is shipped.
if [ -z "${PHAROS_BIN:-}" ]; then
    cargo build --release --bin pharos
    PHAROS_BIN=$built/pharos
fi
PHAROS_BIN=$(realpath "$PHAROS_BIN")
export PHAROS_BIN
# What is not named: the long form, or the quick one's.
if [ -n "$quick" ]; then defaults=(3 1 50 50 1); else defaults=(500 100 20000 200000 100); fi
export PHAROS_KILLS=${PHAROS_KILLS:-${defaults[0]}}
export PHAROS_POWER_CUTS=${PHAROS_POWER_CUTS:-${defaults[1]}}
export SIM_SEEDS=${SIM_SEEDS:-${defaults[2]}}
export PHAROS_QUERIES=${PHAROS_QUERIES:-${defaults[3]}}
export PHAROS_ROUNDS=${PHAROS_ROUNDS:-${defaults[4]}}
# Each time others; what it prints repeats them.
export PHAROS_QUERY_SEED=${PHAROS_QUERY_SEED:-$(date +%s)}

soak properties properties
soak simulator cargo test --release --package testkit -- --nocapture
soak planted-bugs cargo test --release --package testkit --features planted-bugs -- --nocapture
soak churn churn
soak kills cargo test --release --package e2e --test it durability -- --nocapture --test-threads=1
soak disks cargo test --release --package e2e --test it disk:: -- --nocapture --test-threads=1
soak queries cargo test --release --package e2e --test it differential:: -- --nocapture
exit "$failed"
