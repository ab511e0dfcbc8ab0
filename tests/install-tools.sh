#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: a browser, the peers to compare with, a tool
# that tries the API, one that plays an object store, and client libraries of other systems. Peers are
# unpacked below target/, so that no service is started and the system does not change; the browser
# alone is installed, because it needs its libraries.
set -euo pipefail
cd "$(dirname "$0")/.."

peers=target/peers
tools=target/tools
mkdir -p "$peers" "$tools"

updated=
apt_update() {
    [ -n "$updated" ] || { apt-get update -qq; updated=yes; }
}

# Unpacks a Debian package and keeps its version beside it.
peer() {
    local name=$1
    [ ! -e "$peers/$name/.unpacked" ] || return 0
    apt_update
    echo "unpacking peer $name"
    rm -rf "${peers:?}/$name" "$peers/download-$name"
    mkdir -p "$peers/download-$name"
    (cd "$peers/download-$name" && apt-get download -qq "$name")
    dpkg -x "$peers/download-$name"/*.deb "$peers/$name"
    dpkg-deb -f "$peers/download-$name"/*.deb Version >"$peers/$name/.unpacked"
    rm -r "$peers/download-$name"
}

if ! command -v apt-get >/dev/null; then
    echo "tests compare with Debian's packages: apt-get is needed" >&2
    exit 1
fi
for name in prometheus prometheus-node-exporter prometheus-alertmanager victoria-metrics; do
    peer "$name"
done

if ! command -v chromium >/dev/null; then
    apt_update
    echo "installing chromium"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >"$tools/chromium.log" 2>&1 \
        || { tail -n 20 "$tools/chromium.log" >&2; exit 1; }
fi

if [ ! -x "$tools/schemathesis/bin/schemathesis" ]; then
    echo "installing schemathesis"
    python3 -m venv "$tools/schemathesis"
    "$tools/schemathesis/bin/pip" install --quiet --disable-pip-version-check 'schemathesis>=4,<5'
fi

if [ ! -x "$tools/moto/bin/moto_server" ]; then
    echo "installing moto"
    python3 -m venv "$tools/moto"
    "$tools/moto/bin/pip" install --quiet --disable-pip-version-check 'moto[server,s3]>=5,<6'
fi

if [ ! -e "$tools/senders/.installed" ]; then
    echo "installing the client libraries of other systems"
    rm -rf "$tools/senders"
    python3 -m venv "$tools/senders"
    "$tools/senders/bin/pip" install --quiet --disable-pip-version-check \
        'prometheus-client>=0.20,<1' 'influxdb>=5.3,<6' 'influxdb-client>=1.40,<2' 'statsd>=4,<5' 'datadog>=0.49,<1'
    touch "$tools/senders/.installed"
fi

if [ ! -e "$tools/opentelemetry/.installed" ]; then
    echo "installing OpenTelemetry's SDK for Python"
    python3 -m venv "$tools/opentelemetry"
    "$tools/opentelemetry/bin/pip" install --quiet --disable-pip-version-check 'opentelemetry-sdk>=1.27,<2' \
        'opentelemetry-exporter-otlp-proto-http>=1.27,<2' 'opentelemetry-exporter-otlp-proto-grpc>=1.27,<2'
    touch "$tools/opentelemetry/.installed"
fi
