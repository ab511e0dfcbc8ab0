#!/usr/bin/env bash
# Installs, builds, type checks, tests and packs. The last line is `N passed, N failed`.
#
# PHAROS_BIN        the server to test against; without it those tests are skipped
# PHAROS_DOCUMENTS  a folder with the integration guide whose program is tried; likewise
set -uo pipefail
cd "$(dirname "$0")"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { npm ci --no-audit --no-fund && node build.mjs && npm run --silent check; } >"$log" 2>&1; then
    cat "$log"
    echo "0 passed, 1 failed"
    exit 1
fi

# Few at a time: each starts servers of its own. One that hangs is a failure.
timeout 300 node --test --test-concurrency=2 --test-reporter=tap test/*.test.mjs >"$log" 2>&1
# Names of what failed with their reasons, and what was skipped.
awk '/^ *not ok/ { bad = 1 } /^# Subtest/ { bad = 0 } bad' "$log"
sed -n 's/^ *ok [0-9]* - \(.*\) # SKIP \(.*\)$/skipped: \1: \2/p' "$log"
awk '
    $1 == "#" && $2 == "pass" { passed = $3 }
    $1 == "#" && ($2 == "fail" || $2 == "cancelled") { failed += $3; seen = 1 }
    END { if (!seen) failed = 1; printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }' "$log"
