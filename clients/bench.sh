#!/usr/bin/env bash
# What the clients cost the programs that use them, in figures that must hold:
#
#   clients/bench.sh              all three
#   clients/bench.sh python       one of python, node, rust
#
# Ends with 1 where a figure does not hold. A machine that does other work meanwhile makes no difference
# to what is the best of many rounds, but it does to memory and to whole runs: let it be alone.
set -uo pipefail
cd "$(dirname "$0")"
root=$(cd .. && pwd)

bench_python() {
    local work=$root/target/clients/python/bench
    [ -x "$work/bin/python" ] || python3 -m venv "$work" || return 1
    "$work/bin/pip" install -q --disable-pip-version-check "./python[all]" starlette flask && "$work/bin/python" python/bench.py
}

bench_node() {
    (cd node && { [ -d node_modules ] || npm ci --no-audit --no-fund >/dev/null; } && npm run --silent build && npm run --silent bench)
}

bench_rust() {
    (cd rust && CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target/clients/rust} \
        cargo run --quiet --release --locked --example cost --features metrics,tower)
}

status=0
for language in "${@:-python node rust}"; do
    for one in $language; do
        echo "== $one"
        "bench_$one" || status=1
    done
done
exit $status
