#!/usr/bin/env bash
# Packs the binary that `make dist` has built: target/dist/pharos, and an archive with what belongs
# to it and its checksum. The same sources give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

dist=target/dist
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

# Names in one order, one owner and the time of the commit: nothing of this machine gets in.
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
tar --create --directory "$dist" --sort=name --format=gnu --mtime="@$time" \
    --owner=0 --group=0 --numeric-owner --mode='u+rwX,go+rX,go-w' "$name" |
    gzip --no-name --best >"$dir.tar.gz"
(cd "$dist" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
rm -rf "$dir"

size() { numfmt --to=si --suffix=B "$(stat -c %s "$1")"; }
echo "$binary: $(size "$binary")"
echo "$dir.tar.gz: $(size "$dir.tar.gz")"
cat "$dir.tar.gz.sha256"
