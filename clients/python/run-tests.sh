#!/usr/bin/env bash
# Tests the Python client on every version found: types, tests, and the built wheels in clean
# environments. All of it lives below target/clients/python. PYTHONS names the versions; PHAROS_BIN and
# PHAROS_DOCUMENTS turn on the tests that need a server and the families' documents.
set -uo pipefail
cd "$(dirname "$0")"

root=$(cd ../.. && pwd)
work=$root/target/clients/python
versions=${PYTHONS:-3.8 3.11 3.13}
passed=0 failed=0
mkdir -p "$work"
export PYTHONPYCACHEPREFIX=$work/pycache PIP_DISABLE_PIP_VERSION_CHECK=1
if [ -z "${PHAROS_BIN:-}" ] && [ -x "$root/target/debug/pharos" ]; then
    export PHAROS_BIN=$root/target/debug/pharos
fi

test_needs="pytest mypy types-psutil build hatchling aiosmtpd flask flask-socketio django starlette"

# The interpreter of a version: on the path, or among pyenv's.
find_python() {
    local found
    for found in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python "$(command -v "python$1")"; do
        if [ -x "$found" ] && "$found" -c 'import sys, venv; assert sys.version.startswith(sys.argv[1])' "$1." 2>/dev/null; then
            echo "$found"
            return
        fi
    done
    return 1
}

# one NAME COMMAND...: a check that is right or wrong as a whole.
one() {
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
    fi
}

# tests PYTHON ARGUMENT...: runs pytest and adds up what it says.
tests() {
    local python=$1 log=$work/pytest.log n_failed n_errors
    shift
    "$python" -m pytest -q -rs -p no:cacheprovider "$@" | tee "$log"
    local status=${PIPESTATUS[0]}
    passed=$((passed + $(count passed "$log")))
    n_failed=$(count failed "$log") n_errors=$(count 'errors?' "$log")
    failed=$((failed + n_failed + n_errors))
    if [ "$status" -ne 0 ] && [ $((n_failed + n_errors)) -eq 0 ]; then
        failed=$((failed + 1))
    fi
    sed -n 's/^SKIPPED \[[0-9]*\] /skipped: /p' "$log"
}

# The number before a word in pytest's last line.
count() {
    tail -n 1 "$2" | grep -oE "[0-9]+ $1" | awk '{ n += $1 } END { print n + 0 }'
}

# prepare PYTHON FOLDER: an environment with the three distributions, as they are in the tree.
prepare() {
    [ -x "$2/bin/python" ] || "$1" -m venv "$2" || return 1
    # shellcheck disable=SC2086  # A list of packages.
    "$2/bin/pip" install -q $test_needs -e ".[all]" -e climate-monitor-client -e pharos-shims
}

build_wheels() {
    local folder
    rm -rf "$work/dist"
    for folder in . climate-monitor-client pharos-shims; do
        "$1" -m build --no-isolation --wheel --sdist --outdir "$work/dist" "$folder" >"$work/build.log" 2>&1 || {
            cat "$work/build.log"
            return 1
        }
    done
}

# The wheels alone, away from the tree: what a user gets.
install_wheels() {
    rm -rf "$2"
    "$1" -m venv "$2" && "$2/bin/pip" install -q pytest aiosmtpd --find-links "$work/dist" \
        "$(echo "$work"/dist/pharos_client-*.whl)[guardian]" "$work"/dist/climate_monitor_client-*.whl "$work"/dist/pharos_shims-*.whl
}

import_all='
import importlib.util, climate_monitor, core.alert_system, core.health_check, core.system_monitoring
import monitoring.alerting, monitoring.metrics_collector, monitoring.startup, utils.logging
import pharos, pharos.logs, pharos.web.asgi, pharos.compat.health_guardian, pharos.compat.tensorfleet
assert "site-packages" in pharos.__file__ and "site-packages" in utils.logging.__file__
assert importlib.util.find_spec("pharos").submodule_search_locations
import pathlib; assert (pathlib.Path(pharos.__file__).parent / "py.typed").exists()
'

built=
for version in $versions; do
    if ! python=$(find_python "$version"); then
        echo "skipped: no Python $version on this machine"
        continue
    fi
    echo "== Python $version"
    env=$work/$version
    if ! prepare "$python" "$env"; then
        failed=$((failed + 1))
        echo "FAILED to install on $version"
        continue
    fi
    one "types on $version" "$env/bin/python" -m mypy --cache-dir "$work/mypy-$version"
    one "types of the other distributions on $version" env MYPYPATH=climate-monitor-client/src:pharos-shims/src \
        "$env/bin/python" -m mypy --strict --cache-dir "$work/mypy-$version" -p climate_monitor -p core -p monitoring -p utils
    tests "$env/bin/python" tests
    if [ -z "$built" ]; then
        one "building" build_wheels "$env/bin/python"
        built=yes
    fi
    one "wheels on $version" install_wheels "$python" "$work/$version-wheels"
    one "imports on $version" "$work/$version-wheels/bin/python" -I -c "$import_all"
    tests "$work/$version-wheels/bin/python" tests/test_cases.py tests/test_engine.py
done

[ "$failed" -eq 0 ]
status=$?
echo "$passed passed, $failed failed"
exit $status
