#!/usr/bin/env bash
# Everything that must hold for the Rust client: its form, its tests, and that it can be published.
# The last line is "N passed, N failed". Builds in target/clients/rust of the repository.
#
#   PHAROS_BIN=target/debug/pharos clients/rust/run-tests.sh    also against a real server
set -uo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target/clients/rust}"
[ -z "${PHAROS_BIN:-}" ] || PHAROS_BIN=$(realpath "$PHAROS_BIN")
n_passed=0
n_failed=0

# One check that holds or not; its output is shown where it does not.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok     $name"
        n_passed=$((n_passed + 1))
    else
        echo "$output"
        echo "FAILED $name"
        n_failed=$((n_failed + 1))
    fi
}

# A program of somebody else, with the packed crate and nothing of this folder.
consumer() {
    local folder=$CARGO_TARGET_DIR/consumer crate
    crate=$(ls -d "$CARGO_TARGET_DIR"/package/pharos-client-*/ | head -n 1)
    rm -rf "$folder"
    mkdir -p "$folder/src"
    cp Cargo.lock "$folder/"
    cp examples/three_lines.rs "$folder/src/main.rs"
    cat >"$folder/Cargo.toml" <<-END
	[package]
	name = "consumer"
	version = "0.0.0"
	edition = "2024"
	[workspace]
	[dependencies]
	pharos-client = { path = "$crate", features = ["full"] }
	END
    (cd "$folder" && cargo build --quiet) && PHAROS_URL=http://127.0.0.1:1 "$CARGO_TARGET_DIR/debug/consumer"
}

# Tests are counted one by one; a build that fails counts as one.
tests() {
    local output rc=0 passed failed
    output=$(cargo test --locked "$@" -- --show-output 2>&1) || rc=$?
    passed=$(grep -Eo '[0-9]+ passed' <<<"$output" | awk '{n += $1} END {print n + 0}')
    failed=$(grep -Eo '[0-9]+ failed' <<<"$output" | awk '{n += $1} END {print n + 0}')
    grep -E '^(skipped|FAILED)' <<<"$output" | sort | uniq -c
    if [ "$rc" -ne 0 ]; then
        echo "$output"
        [ "$failed" -gt 0 ] || failed=1
    fi
    echo "cargo test $*: $passed passed, $failed failed"
    n_passed=$((n_passed + passed))
    n_failed=$((n_failed + failed))
}

# The examples of the guide and of README.md, against a real server; then what they sent is asked for.
guide() {
    if [ -z "${PHAROS_BIN:-}" ]; then
        echo "skipped: the guide's examples: PHAROS_BIN names no Pharos"
        return
    fi
    local folder url pid
    folder=$(mktemp -d)
    "$PHAROS_BIN" --listen 127.0.0.1:0 --no-collect --data-dir "$folder/data" >"$folder/log" 2>&1 &
    pid=$!
    for _ in $(seq 600); do
        url=$(sed -n 's|.*dashboard *\(http://[^ ]*\)/monitoring.*|\1|p' "$folder/log" | head -n 1)
        [ -z "$url" ] || break
        sleep 0.1
    done
    PHAROS_URL=$url PHAROS_SERVICE=guide tests --all-features --doc
    check "what the guide's examples sent is there" python3 - "$url" <<-'END'
	import json, sys, urllib.parse, urllib.request
	def get(path): return json.load(urllib.request.urlopen(sys.argv[1] + path, timeout=20))
	for query in ('loss{gpu="0"}', 'depth{service="guide"}', 'step_seconds_count', 'jobs_total{queue="mail"}', 'queue_size{service="guide"}'):
	    found = get("/api/v1/query?query=" + urllib.parse.quote(query))["data"]["result"]
	    assert found, query
	assert get("/services/?name=guide")[0]["status"] == "down"
	runs = {run["pipeline_type"]: run["status"] for run in get("/pipelines/?service=guide")}
	assert runs["evaluation"] == "completed", runs
	assert any(alert["title"] == "Loss is NaN" for alert in get("/alerts/?service=guide"))
	END
    kill "$pid"
    wait "$pid" 2>/dev/null
    rm -rf "$folder"
}

check "formatting" cargo fmt --check
check "clippy, all features" cargo clippy --locked --all-targets --all-features -- -D warnings
check "clippy, no feature" cargo clippy --locked --no-default-features --lib -- -D warnings
check "clippy, collectors without GPU" cargo clippy --locked --no-default-features --features collect --lib -- -D warnings
tests --all-features --lib --tests --examples
guide
check "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --locked --all-features --no-deps
# Builds the unpacked package too.
check "package" cargo package --locked --allow-dirty --all-features
check "a program with the package alone" consumer

echo "$n_passed passed, $n_failed failed"
[ "$n_failed" -eq 0 ]
