"""SystemMonitor: OpenTelemetry's instruments over the host's figures, with a /metrics page.

OpenTelemetry is imported when the first monitor is made, not with this module.
"""

from __future__ import annotations

import inspect
import logging
import os
import platform
import threading
import time
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

from ...host import Host, memory_bytes
from ...series import Key, key_of
from ..bridge import server

__all__ = ["SystemMonitor"]

log = logging.getLogger("pharos")

# Milliseconds, from a cache's answer to a long transcription.
DURATION_BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000)


# Endpoints, methods and status codes whose labels are kept.
WORDS_MAX = 1000


class _Words(NamedTuple):
    """The labels of a request, made once: they cost as much as recording it."""

    request: Dict[str, str]
    route: Dict[str, str]
    # The same for the server's engine.
    counter: Key
    histogram: Key


class SystemMonitor:
    """Collects and exposes a program's metrics.

    `prometheus_port` serves them to a scraper, on loopback unless `prometheus_host` says otherwise.
    A port that is taken is said in the log; the program goes on without the page.
    """

    def __init__(
        self,
        service_name: str = "amptalk",
        prometheus_port: int = 8000,
        enable_prometheus: bool = True,
        metrics_export_interval: float = 5.0,
        enable_console: bool = False,
        collect_interval: float = 1.0,
        prometheus_host: str = "127.0.0.1",
    ) -> None:
        self.service_name = service_name
        self.prometheus_port = prometheus_port
        self.enable_prometheus = enable_prometheus
        self.healthy: Optional[bool] = None
        self.health_message = ""
        self._collect_interval_s = collect_interval
        self._host = Host()
        self._lock = threading.Lock()
        self._figures: Dict[str, float] = {}
        self._figures_s = 0.0
        self._words: Dict[Tuple[str, str, int], _Words] = {}
        self._page: Any = None
        self._registry: Any = None
        readers = self._readers(metrics_export_interval, enable_console)
        self._make_instruments(readers)
        if enable_prometheus:
            self._serve(prometheus_host)

    def record_request(self, endpoint: str, method: str, status_code: int, duration_ms: float) -> None:
        """Counts a request and its duration in milliseconds."""
        words = self._words.get((endpoint, method, status_code)) or self._new_words(endpoint, method, status_code)
        self._requests.add(1, words.request)
        self._durations.record(duration_ms, words.route)
        pharos = server(self.service_name)
        if pharos is not None:
            pharos.engine.count_and_observe(words.counter, words.histogram, duration_ms, DURATION_BUCKETS_MS)

    def record_error(self, error_type: str, error_details: Optional[Dict[str, Any]] = None) -> None:
        """Counts an error; its details go to the log, since they would be endless as labels."""
        labels = {"error_type": error_type}
        self._errors.add(1, labels)
        log.error("%s: %s %s", self.service_name, error_type, error_details or {})
        pharos = server(self.service_name)
        if pharos is not None:
            pharos.counter("app_errors_total", 1, labels)

    def _new_words(self, endpoint: str, method: str, status_code: int) -> "_Words":
        route = {"endpoint": endpoint, "method": method}
        request = {**route, "status_code": str(status_code)}
        words = _Words(
            request, route, key_of("app_requests_total", request), key_of("app_request_duration_milliseconds", route)
        )
        # Addresses without end must not fill the memory.
        if len(self._words) >= WORDS_MAX:
            self._words.clear()
        self._words[(endpoint, method, status_code)] = words
        return words

    def set_health_status(self, is_healthy: bool, message: str = "") -> None:
        """Sets the health that `app.health.status` tells as 1 or 0."""
        self.healthy, self.health_message = bool(is_healthy), message
        pharos = server(self.service_name)
        if pharos is not None:
            pharos.status("up" if is_healthy else "down")
            pharos.metric("app_health_status", 1.0 if is_healthy else 0.0)

    def figure(self, name: str) -> Optional[float]:
        """`cpu`, `memory` or `disk` in percent, at most `collect_interval` old; health checks look at it."""
        return self._read(name)

    def get_system_info(self) -> Dict[str, Any]:
        """The machine's description and its figures of now."""
        used, total = memory_bytes()
        return {
            "service": self.service_name,
            "platform": platform.platform(),
            "python_version": platform.python_version(),
            "hostname": platform.node(),
            "cpu_count": os.cpu_count(),
            "cpu_percent": self._read("cpu"),
            "memory_total_bytes": total,
            "memory_available_bytes": total - used,
            "memory_percent": self._read("memory"),
            "disk_percent": self._read("disk"),
            "healthy": self.healthy,
            "health_message": self.health_message,
        }

    def metrics_text(self) -> str:
        """The /metrics page as text."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry).decode() if self._registry is not None else ""

    def shutdown(self) -> None:
        """Ends the page and the exporters."""
        if self._page is not None:
            self._page.shutdown()
            self._page.server_close()
        self._provider.shutdown()

    def _readers(self, export_interval_s: float, console: bool) -> List[Any]:
        readers: List[Any] = []
        if self.enable_prometheus:
            readers.append(self._prometheus_reader())
        if console:
            from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader

            readers.append(
                PeriodicExportingMetricReader(
                    ConsoleMetricExporter(), export_interval_millis=export_interval_s * 1000
                )
            )
        return readers

    def _prometheus_reader(self) -> Any:
        """A reader with a registry of its own: two monitors in one program must not mix."""
        import prometheus_client
        from opentelemetry.exporter import prometheus

        registry = self._registry = prometheus_client.CollectorRegistry()
        # Its releases differ in what they take.
        make: Any = prometheus.PrometheusMetricReader
        if "registry" in inspect.signature(make.__init__).parameters:
            return make(registry=registry)
        reader = make()
        collector: Any = reader._collector
        prometheus_client.REGISTRY.unregister(collector)
        registry.register(collector)
        reader.shutdown = lambda *_, **__: registry.unregister(collector)
        return reader

    def _make_instruments(self, readers: List[Any]) -> None:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
        from opentelemetry.sdk.resources import Resource

        view = View(
            instrument_name="app.request.duration",
            aggregation=ExplicitBucketHistogramAggregation(DURATION_BUCKETS_MS),
        )
        self._provider = MeterProvider(
            metric_readers=readers, views=[view], resource=Resource.create({"service.name": self.service_name})
        )
        meter = self._provider.get_meter("pharos.amptalk")
        self._requests = meter.create_counter("app.requests", description="Requests")
        self._errors = meter.create_counter("app.errors", description="Errors")
        self._durations = meter.create_histogram("app.request.duration", "ms", "Duration of requests")
        gauges = {
            ("system.cpu.usage", "%"): lambda: self._read("cpu"),
            ("system.memory.usage", "%"): lambda: self._read("memory"),
            ("system.memory.available", "By"): _available_bytes,
            ("system.disk.usage", "%"): lambda: self._read("disk"),
            ("app.threads.active", ""): lambda: float(threading.active_count()),
            ("app.fd.open", ""): _open_files,
            ("app.health.status", ""): lambda: None if self.healthy is None else float(self.healthy),
        }
        for (name, unit), read in gauges.items():
            meter.create_observable_gauge(name, callbacks=[_observed(read)], unit=unit)

    def _serve(self, host: str) -> None:
        import prometheus_client

        try:
            served = prometheus_client.start_http_server(self.prometheus_port, addr=host, registry=self._registry)
        except OSError as error:
            log.warning("no metrics page on %s:%d: %s", host, self.prometheus_port, error)
            return
        if isinstance(served, tuple):
            self._page = served[0]

    def _read(self, name: str) -> Optional[float]:
        """A figure at most `collect_interval` old."""
        with self._lock:
            now_s = time.monotonic()
            if not self._figures or now_s - self._figures_s >= self._collect_interval_s:
                self._figures, self._figures_s = self._host.read(), now_s
            return self._figures.get(name)


def _observed(read: Callable[[], Optional[float]]) -> Callable[[Any], Iterable[Any]]:
    def callback(_options: Any) -> Iterable[Any]:
        from opentelemetry.metrics import Observation

        value = read()
        return [] if value is None else [Observation(value)]

    return callback


def _available_bytes() -> float:
    used, total = memory_bytes()
    return float(total - used)


def _open_files() -> Optional[float]:
    try:
        return float(len(os.listdir("/proc/self/fd")))
    except OSError:
        return None
