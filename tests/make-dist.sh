#!/usr/bin/env bash
# Packs the binary that `make dist` has built, target/dist/pharos, in an archive with what belongs to it,
# and the clients as their languages publish them: wheels and source archives, a tarball of npm, a crate.
# Each with its checksum. The same sources give the same bytes. A client whose tools are not there is
# left out, and that is said; a client that does not build fails.
#
#   tests/make-dist.sh            all of it
#   tests/make-dist.sh clients    the clients alone, without a binary
set -euo pipefail
cd "$(dirname "$0")/.."

dist=target/dist
mkdir -p "$dist"
# The time of the commit: nothing of this machine gets in.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 315532800)}

size() { numfmt --to=si --suffix=B "$(stat -c %s "$1")"; }

# published FILE...: its checksum beside each, and a line for the reader.
published() {
    local file
    for file in "$@"; do
        (cd "$dist" && sha256sum "$(basename "$file")" >"$(basename "$file").sha256")
        echo "$file: $(size "$file")"
    done
}

skipped() { echo "skipped: $1: $2"; }

# A Python with the tool `build`: this machine's, or one in an environment that is made here.
python_with_build() {
    local python=$1 env=target/tools/python-build
    if "$python" -c 'import build, hatchling' 2>/dev/null; then
        echo "$python"
    elif { [ -x "$env/bin/python" ] || "$python" -m venv "$env"; } >&2 &&
        "$env/bin/python" -m pip install -q --disable-pip-version-check build hatchling >&2; then
        echo "$env/bin/python"
    else
        return 1
    fi
}

dist_python() {
    local python folder name
    command -v python3 >/dev/null || { skipped "the Python client" "no python3"; return; }
    python=$(python_with_build python3) || { skipped "the Python client" "no module build, and none to be had"; return; }
    rm -f "$dist"/pharos_client-*.{whl,tar.gz}* "$dist"/climate_monitor_client-*.{whl,tar.gz}* "$dist"/pharos_shims-*.{whl,tar.gz}*
    for folder in . climate-monitor-client pharos-shims; do
        "$python" -m build --no-isolation --wheel --sdist --outdir "$dist" "clients/python/$folder" >"$dist/build.log" 2>&1 ||
            { cat "$dist/build.log" >&2; return 1; }
    done
    rm -f "$dist/build.log"
    for name in pharos_client climate_monitor_client pharos_shims; do
        published "$dist/$name"-*.whl "$dist/$name"-*.tar.gz
    done
}

dist_node() {
    command -v npm >/dev/null || { skipped "the Node.js client" "no npm"; return; }
    (cd clients/node && npm ci --no-audit --no-fund && npm run build) >"$dist/build.log" 2>&1 ||
        { cat "$dist/build.log" >&2; return 1; }
    rm -f "$dist/build.log" "$dist"/pharos-client-*.tgz*
    (cd clients/node && npm pack --silent --pack-destination "../../$dist") >/dev/null
    published "$dist"/pharos-client-*.tgz
}

dist_rust() {
    local target=target/clients/rust
    command -v cargo >/dev/null || { skipped "the Rust client" "no cargo"; return; }
    rm -f "$target"/package/*.crate "$dist"/pharos-client-*.crate*
    # What is packed is built by clients/rust/run-tests.sh.
    (cd clients/rust && CARGO_TARGET_DIR=../../$target cargo package --quiet --locked --allow-dirty --no-verify)
    cp "$target"/package/pharos-client-*.crate "$dist/"
    published "$dist"/pharos-client-*.crate
}

dist_clients() {
    dist_python
    dist_node
    dist_rust
}

if [ "${1:-}" = clients ]; then
    dist_clients
    exit
fi

binary=$dist/pharos
[ -x "$binary" ] || { echo "there is no $binary: run make dist" >&2; exit 1; }
version=$("$binary" version | cut -d' ' -f2)
name=pharos-$version-$(uname -m)-linux
dir=$dist/$name

rm -rf "$dir" "$dir.tar.gz" "$dir.tar.gz.sha256"
mkdir -p "$dir/completions"
install -m 755 "$binary" "$dir/pharos"
install -m 644 README.md LICENSE "$dir/"
"$binary" completion bash >"$dir/completions/pharos.bash"
"$binary" completion zsh >"$dir/completions/_pharos"
"$binary" completion fish >"$dir/completions/pharos.fish"

# Names in one order, one owner and the time of the commit.
tar --create --directory "$dist" --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" \
    --owner=0 --group=0 --numeric-owner --mode='u+rwX,go+rX,go-w' "$name" |
    gzip --no-name --best >"$dir.tar.gz"
(cd "$dist" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
rm -rf "$dir"

echo "$binary: $(size "$binary")"
echo "$dir.tar.gz: $(size "$dir.tar.gz")"
cat "$dir.tar.gz.sha256"
dist_clients
