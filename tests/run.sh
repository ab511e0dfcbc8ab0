#!/usr/bin/env bash
# Runs every test and sums up. `make test` calls it once the binary and the tools are there; alone:
# tests/run.sh. Two lanes run side by side: what is written in Rust, and what looks at it from outside:
# pages, clients, published lists.
set -uo pipefail
cd "$(dirname "$0")/.."

logs=target/test-logs
rm -rf "$logs"
mkdir -p "$logs"
export PHAROS_PEERS=$PWD/target/peers
export CARGO_TERM_COLOR=never NO_COLOR=1 RUST_BACKTRACE=0
# The same tree gives the same verdict; `tests/soak.sh properties` looks for other cases.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1}
if [ -z "${PHAROS_BIN:-}" ]; then
    # A name of our own: cargo may link the binary anew while a test is about to start it.
    ln -f target/debug/pharos "$logs/pharos" || { echo "no binary: run make build" >&2; exit 1; }
    PHAROS_BIN=$PWD/$logs/pharos
fi
export PHAROS_BIN

# What a log says: lines "passed N", "failed N", and "skipped NAME: REASON".

# cargo test with --show-output. A test that prints "skipped: REASON" counts as skipped, once.
count_cargo() {
    awk '
        /^test result:/ { passed += $4; failed += $6 }
        /^test .* \.\.\. ignored/ {
            name = $2; sub(/^test .* \.\.\. ignored,? ?/, ""); skip(name, $0 == "" ? "ignored" : $0)
        }
        /^successes:$/ { good = 1 }
        /^failures:$/ || /^     Running / { good = 0 }
        /^---- .* stdout ----$/ { name = $2 }
        good && /^skipped: / && !seen[name]++ { passed--; skip(name, substr($0, 10)) }
        function skip(name, reason) { print "skipped " name ": " reason }
        END { print "passed " passed + 0; print "failed " failed + 0 }' "$1"
}

# vitest: "Tests  1 failed | 2 skipped | 240 passed (243)".
count_vitest() {
    awk '
        $1 == "Tests" { for (i = 3; i <= NF; i++) n[$i] += $(i - 1) }
        END {
            print "passed " n["passed"] + 0; print "failed " n["failed"] + 0
            for (i = 1; i <= n["skipped"]; i++) print "skipped vitest: a test is marked so"
        }' "$1"
}

# A program whose last words are "N passed, N failed".
count_said() {
    awk -v name="$(basename "$1" .log)" '
        /^skipped: / { print "skipped " name ": " substr($0, 10) }
        /^[0-9]+ passed, [0-9]+ failed/ { passed = $1; failed = $3 }
        END { print "passed " passed + 0; print "failed " failed + 0 }' "$1"
}

# A program that is right or wrong as a whole.
count_one() {
    echo "passed 1"
}

# step NAME COUNTER COMMAND...: the whole output goes to a log, one line to the terminal.
step() {
    local name=$1 counter=$2 log=$logs/$1.log started=$SECONDS status=0
    shift 2
    "$@" >"$log" 2>&1 || status=$?
    "$counter" "$log" >"$logs/$name.count"
    if [ "$status" -ne 0 ] && ! grep -q '^failed [1-9]' "$logs/$name.count"; then
        # It did not even come to its tests, or is wrong as a whole.
        [ "$counter" = count_one ] && : >"$logs/$name.count"
        echo "failed 1" >>"$logs/$name.count"
    fi
    local passed failed
    passed=$(sum passed "$logs/$name.count")
    failed=$(sum failed "$logs/$name.count")
    local report
    if [ "$status" -eq 0 ] && [ "$failed" -eq 0 ]; then
        report=$(printf 'ok      %-12s %5d passed  %3d s' "$name" "$passed" $((SECONDS - started)))
    else
        report=$(printf 'FAILED  %-12s %5d passed, %d failed  %3d s, see %s\n' \
            "$name" "$passed" "$failed" $((SECONDS - started)) "$log"
            tell_failure "$log" | sed 's/^/        /')
    fi
    # In one piece: the other lane writes too.
    printf '%s\n' "$report"
}

# The sum of all counts of a kind.
sum() {
    local kind=$1
    shift
    cat "$@" | awk -v kind="$kind" '$1 == kind { n += $2 } END { print n + 0 }'
}

# What failed, by name where the log has names, with what it said, and the end of a log without.
tell_failure() {
    grep -hE '^(test .* \.\.\. FAILED|FAILED |error(\[|:)| FAIL )' "$1" | head -n 40
    if grep -q '^failures:$' "$1"; then
        awk '/^failures:$/ { failed = 1 } /^test result:/ { failed = 0 } failed' "$1" |
            cut -c -600 | head -n 120
    else
        tail -n 40 "$1"
    fi
}

rust_lane() {
    step rust count_cargo cargo test --workspace --no-fail-fast -- --show-output
    # The simulator must find the bugs that this feature plants, or its silence means nothing.
    if grep -q '^planted-bugs' crates/testkit/Cargo.toml; then
        step planted count_cargo cargo test -p testkit --features planted-bugs \
            --test planted_bugs -- --show-output
    fi
}

outside_lane() {
    step ui-units count_vitest npm --prefix ui test
    step ui-types count_one npm --prefix ui run check
    if [ -e tests/browser/run.mjs ]; then
        step browser count_said node tests/browser/run.mjs "$PHAROS_BIN"
    fi
    local client
    for client in node python rust; do
        step "client-$client" count_said "clients/$client/run-tests.sh"
    done
    if [ -n "${CONFORMANCE:-}${REAL_WORLD:-}" ]; then
        # One script at a time: the other lane has a processor, too.
        step conformance count_said tests/conformance.py --jobs 1 \
            ${CONFORMANCE:+--lists "$CONFORMANCE"} ${REAL_WORLD:+--real-world "$REAL_WORLD"}
    fi
}

outside_lane &
rust_lane
wait

grep -h '^skipped ' "$logs"/*.count | sort
passed=$(sum passed "$logs"/*.count)
failed=$(sum failed "$logs"/*.count)
skipped=$(grep -h '^skipped ' "$logs"/*.count | wc -l)
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
