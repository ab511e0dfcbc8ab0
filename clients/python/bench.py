#!/usr/bin/env python3
"""What the client costs the program that uses it, in figures that must hold.

    python bench.py        # pip install "pharos-client[all]" starlette flask

Each figure is the best of several rounds: on a busy machine the best is the call's own cost. The server
is an address where nobody listens, and no batch leaves while the clock runs. Ends with 1 where a
figure does not hold.
"""

import asyncio
import logging
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import pharos

ROUNDS = 100
CALLS = 2000
NOBODY = "http://127.0.0.1:9"
MILLION = 1_000_000


class Figures:
    """What was measured, and what did not hold."""

    def __init__(self):
        self.failed = 0

    def below(self, what, got, bound, unit):
        holds = got < bound
        self.failed += not holds
        print("%s %-52s %8.2f %s, must be below %g %s" % ("ok    " if holds else "FAILED", what, got, unit, bound, unit))

    @staticmethod
    def skipped(what, why):
        print("skipped %s: %s" % (what, why))


def cost_us(call, n_calls=CALLS, rounds=ROUNDS):
    """Of one call, the best of the rounds."""
    best = float("inf")
    for _ in range(rounds):
        started_s = time.perf_counter()
        for at in range(n_calls):
            call(at)
        best = min(best, (time.perf_counter() - started_s) / n_calls * 1e6)
    return best


def both_us(measured, bare, n_calls=1000, rounds=100):
    """Of one call each, in short turns, so that the machine's moods meet both."""
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for at, call in enumerate((measured, bare)):
            best[at] = min(best[at], cost_us(call, n_calls, rounds=1))
    return best


def quiet_client(**more):
    settings = dict(batch_interval_s=3600, batch_items_max=10**9, queue_items_max=10**9, retries_max=0, flush_timeout_s=0.1)
    return pharos.Client(NOBODY, **{**settings, **more})


def calls(figures):
    client = quiet_client()
    labels = {"gpu": "0"}
    for name, call in {
        "metric(name, float)": lambda at: client.metric("loss", 0.25),
        "metric(name, int)": lambda at: client.metric("step", at),
        "metric(name, float, labels)": lambda at: client.metric("loss", 0.25, labels),
        "counter(name)": lambda at: client.counter("requests_total"),
        "histogram(name, float, labels)": lambda at: client.histogram("request_seconds", 0.02, labels),
    }.items():
        figures.below(name, cost_us(call), 5, "us")
        client.engine.items.clear()


def llm_calls(figures):
    from pharos.compat.llm.metrics_collector import ApplicationMetrics, MetricsCollector

    with tempfile.TemporaryDirectory() as folder:
        collector = MetricsCollector(os.path.join(folder, "metrics.db"))
        app = ApplicationMetrics(queue_size=3)
        figures.below(
            "record_api_call()", cost_us(lambda at: collector.record_api_call("/train", "POST", 200, 12.5)), 5, "us"
        )
        figures.below("record_app_metrics()", cost_us(lambda at: collector.record_app_metrics(app)), 5, "us")
        collector.close()


def system_monitor(figures):
    try:
        from opentelemetry.exporter.prometheus import PrometheusMetricReader
        from opentelemetry.sdk.metrics import MeterProvider
    except ImportError as error:
        return figures.skipped("SystemMonitor.record_request()", error)
    from pharos.compat.amptalk import SystemMonitor

    meter = MeterProvider(metric_readers=[PrometheusMetricReader()]).get_meter("bare")
    counter, histogram = meter.create_counter("bare.requests"), meter.create_histogram("bare.duration", "ms")

    def bare(_):
        counter.add(1, {"endpoint": "/a", "method": "GET", "status_code": "200"})
        histogram.record(157.3, {"endpoint": "/a", "method": "GET"})

    for place, url in (("alone", ""), ("with a server", NOBODY)):
        os.environ["PHAROS_URL"] = url
        monitor = SystemMonitor("bench", prometheus_port=0)
        ours_us, bare_us = both_us(lambda _: monitor.record_request("/a", "GET", 200, 157.3), bare)
        what = "record_request() %s: %.2f us to bare %.2f us" % (place, ours_us, bare_us)
        figures.below(what, ours_us / bare_us, 1.3, "times")
        monitor.shutdown()
    del os.environ["PHAROS_URL"]


def middleware(figures):
    client = quiet_client()
    figures.below("the ASGI middleware, a request", asgi_us(client), 50, "us")
    try:
        figures.below("the Flask hooks, a request", flask_us(client), 50, "us")
    except ImportError as error:
        figures.skipped("the Flask hooks", error)
    figures.below("the Django middleware, a request", django_us(client), 50, "us")


def asgi_us(client):
    from pharos.web.asgi import PharosMiddleware

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    async def send(message):
        pass

    scope = {"type": "http", "method": "GET", "path": "/users/1", "headers": [(b"host", b"x")],
             "path_params": {"id": 1}, "endpoint": app}

    def cost(wrapped):
        async def many():
            best = float("inf")
            for _ in range(ROUNDS):
                started_s = time.perf_counter()
                for _ in range(500):
                    await wrapped(scope, None, send)
                best = min(best, (time.perf_counter() - started_s) / 500 * 1e6)
            return best

        return asyncio.run(many())

    return cost(PharosMiddleware(app, client=client)) - cost(app)


def flask_us(client):
    import flask

    from pharos.web.flask import PharosFlask

    def asked(watched):
        app = flask.Flask("bench")
        if watched:
            PharosFlask(app, client=client)
        app.route("/users/<id>")(lambda id: "hello")
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/users/1", "SERVER_NAME": "x", "SERVER_PORT": "80",
                   "wsgi.url_scheme": "http", "wsgi.input": None}
        return lambda _: list(app(dict(environ), lambda *_: None))

    ours_us, bare_us = both_us(asked(True), asked(False), 200, 40)
    return ours_us - bare_us


def django_us(client):
    from pharos.web.django import PharosMiddleware
    from pharos.web.requests import RequestMetrics

    class Answer:
        status_code, content = 200, b"hello"

    class Request:
        method, META = "GET", {}

        class resolver_match:
            route = "users/<int:id>"

    answer, request = Answer(), Request()
    measured = PharosMiddleware(lambda request: answer)
    measured.metrics = RequestMetrics(client)
    return cost_us(lambda _: measured(request), 500)


IMPORT = """
import time
wall_s, cpu_s = time.perf_counter(), time.process_time()
import pharos
print((time.perf_counter() - wall_s) * 1e3, (time.process_time() - cpu_s) * 1e3)
"""


def import_ms():
    """The import with its bytecode at hand, as an installed package has it: (wall, processor) each best of ten."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        texts = [
            subprocess.run([sys.executable, "-c", IMPORT], stdout=subprocess.PIPE, check=True, env=environment).stdout
            for _ in range(11)
        ]
    found = [[float(part) for part in text.split()] for text in texts[1:]]
    return min(wall for wall, _ in found), min(cpu for _, cpu in found)


def a_million(figures):
    """As fast as they come, to nobody, with the settings that a program has."""
    client = pharos.Client(NOBODY, flush_timeout_s=1)
    labels = {"gpu": "0", "host": "trainer-1"}
    client.metric("warm", 1)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    parts = []
    for begin in range(0, MILLION, 10_000):
        started_s = time.perf_counter()
        for at in range(begin, begin + 10_000):
            client.metric("loss", at, labels)
        parts.append((time.perf_counter() - started_s) / 10_000 * 1e6)
    more_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    client.close(1)
    counts = client.stats()
    figures.below("a million of metric() to nobody, the middle call", statistics.median(parts), 5, "us")
    figures.below("a million calls, more memory at most", more_mib, 32, "MiB")
    told = counts["sent"] + counts["dropped"] + counts["failed"] + counts["queued"]
    figures.below("calls that are not accounted for", MILLION + 1 - told, 1, "calls")


def main():
    # That nobody listens is known.
    logging.getLogger("pharos").setLevel(logging.CRITICAL)
    figures = Figures()
    wall_ms, cpu_ms = import_ms()
    figures.below("import pharos (%.1f ms on the processor)" % cpu_ms, wall_ms, 100, "ms")
    calls(figures)
    llm_calls(figures)
    system_monitor(figures)
    middleware(figures)
    a_million(figures)
    sys.exit(figures.failed > 0)


if __name__ == "__main__":
    main()
