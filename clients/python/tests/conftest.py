"""What the tests share: the scripted server of all clients, and a real Pharos where one is named."""

import http.server
import importlib.util
import json
import logging
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

import pytest

HERE = pathlib.Path(__file__).resolve().parent
CASES = pathlib.Path(os.environ.get("PHAROS_CASES", HERE.parents[1] / "cases"))


# From the tree where the distributions are not installed.
for folder, package in (("..", "pharos"), ("../climate-monitor-client", "climate_monitor"), ("../pharos-shims", "monitoring")):
    if importlib.util.find_spec(package) is None:
        sys.path.insert(0, str(HERE / folder / "src"))


def call(url, body=None):
    """GET, or POST of JSON; the parsed answer."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=20) as answer:
        return json.loads(answer.read() or b"null")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, seconds=20.0):
    """The first true answer of `what`; fails by its last answer."""
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found or time.monotonic() > end:
            assert found, "nothing came within %s s" % seconds
            return found
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("PHAROS_URL", "PHAROS_API_KEY", "PHAROS_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    yield
    from pharos.compat import bridge

    for client in bridge._clients.values():
        client.close(2)
    bridge._clients.clear()
    # What setup_logging did to the whole program.
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in [each for each in root.handlers if getattr(each, "pharos_setup", False)]:
        root.removeHandler(handler)


@pytest.fixture(scope="session")
def script():
    """The far side of the shared cases: its address."""
    server = subprocess.Popen(
        [sys.executable, str(CASES / "server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield server.stdout.readline().split()[-1]
    server.stdin.close()
    server.wait(10)


class Pharos:
    """A running server and what it knows."""

    def __init__(self, url):
        self.url = url

    def get(self, path, **query):
        return call(self.url + path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def query(self, text):
        return self.get("/api/v1/query", query=text)["data"]["result"]

    def value(self, text):
        """The newest value of a query, once there is one."""
        return float(wait_for(lambda: self.query(text))[0]["value"][1])


@pytest.fixture(scope="session")
def pharos_server(tmp_path_factory):
    binary = os.environ.get("PHAROS_BIN")
    if not binary:
        pytest.skip("PHAROS_BIN names no Pharos to test against")
    port = free_port()
    folder = tmp_path_factory.mktemp("pharos")
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(
            [binary, "--listen", "127.0.0.1:%d" % port, "--data-dir", str(folder / "data"), "--no-collect"],
            stdout=log, stderr=log,
        )
    running = Pharos("http://127.0.0.1:%d" % port)

    def answers():
        assert server.poll() is None, (folder / "log").read_text()
        try:
            return running.get("/services/") is not None
        except OSError:
            return False

    try:
        wait_for(answers, 60)
        yield running
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def mail():
    """A real SMTP server; the messages that came are `mail.messages`."""
    controller_of = pytest.importorskip("aiosmtpd.controller")
    import email

    class Sink:
        messages = []

        async def handle_DATA(self, _server, _session, envelope):
            self.messages.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content)))
            return "250 OK"

    sink = Sink()
    sink.messages = []
    controller = controller_of.Controller(sink, hostname="127.0.0.1", port=free_port())
    controller.start()
    sink.port = controller.port
    yield sink
    controller.stop()


@pytest.fixture
def webhook():
    """A real HTTP receiver; the bodies that came are `webhook.bodies`."""
    bodies = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    server.bodies = bodies
    server.url = "http://127.0.0.1:%d/hook" % server.server_address[1]
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def llm(monkeypatch, tmp_path):
    """The llm family with fresh singletons, its files below `tmp_path`."""
    from pharos.compat.llm import alerting, metrics_collector

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(alerting, "_manager", None)
    monkeypatch.setattr(metrics_collector, "_collector", None)
    yield tmp_path
    if alerting._manager is not None:
        alerting._manager.close()
    if metrics_collector._collector is not None:
        metrics_collector._collector.close()
