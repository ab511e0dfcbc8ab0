#!/usr/bin/env bash
# Installs, builds, type checks, tests and packs; what needs no framework is tested on the oldest and on
# a newer Node, too. The last line is `N passed, N failed`.
#
# PHAROS_BIN        the server to test against; without it those tests are skipped
# PHAROS_DOCUMENTS  a folder with the integration guide whose program is tried; likewise
# NODES             the other versions; the frameworks of today need a newer one than 18
set -uo pipefail
cd "$(dirname "$0")"

work=$(cd ../.. && pwd)/target/clients/node
versions=${NODES-18 24}
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { npm ci --no-audit --no-fund && node build.mjs && npm run --silent check; } >"$log" 2>&1; then
    cat "$log"
    echo "0 passed, 1 failed"
    exit 1
fi

# Adds up what the log says: the names of what failed with their reasons, and what was skipped.
add_up() {
    local counts
    awk '/^ *not ok/ { bad = 1 } /^# Subtest/ { bad = 0 } bad' "$log"
    sed -n 's/^ *ok [0-9]* - \(.*\) # SKIP \(.*\)$/skipped: \1: \2/p' "$log"
    counts=$(awk '
        $1 == "#" && $2 == "pass" { passed += $3 }
        $1 == "#" && ($2 == "fail" || $2 == "cancelled") { failed += $3; seen = 1 }
        END { if (!seen) failed = 1; print passed + 0, failed + 0 }' "$log")
    passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
}

# Node of a version, as npm has it for this machine; kept for the next time.
node_of() {
    local folder=$work/node-$1 arch
    arch=$(node -p 'process.platform + "-" + process.arch')
    local binary=$folder/node_modules/node-$arch/bin/node
    if [ ! -x "$binary" ]; then
        mkdir -p "$folder"
        npm install --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" "node-$arch@$1" >/dev/null 2>&1
    fi
    "$binary" --version >/dev/null 2>&1 && echo "$binary"
}

# Few at a time: each starts servers of its own. One that hangs is a failure.
timeout 300 node --test --test-concurrency=2 --test-reporter=tap test/*.test.mjs >"$log" 2>&1
add_up
for version in $versions; do
    if ! node=$(node_of "$version"); then
        echo "skipped: no Node $version for this machine"
        continue
    fi
    echo "== Node $("$node" --version)"
    for name in cases units exit https pino; do
        timeout 120 "$node" "test/$name.test.mjs" >"$log" 2>&1
        # From Node 20 on a file tells it in words unless asked; both end in the counts.
        sed -i 's/^ℹ \(pass\|fail\|cancelled\) /# \1 /' "$log"
        add_up
    done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
