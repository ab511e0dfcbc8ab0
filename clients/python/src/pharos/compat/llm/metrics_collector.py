"""MetricsCollector: system, API and application metrics in a SQLite file.

Recording appends to a queue; a thread writes what waits once a second, in one transaction. Reading
writes first, so that what was recorded is seen. With `PHAROS_URL` set the server hears it too.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

from ..bridge import server, time_text
from .database import (
    API_METRICS, APP_METRICS, METRICS_DB_DEFAULT, SYSTEM_METRICS, Database, index_on, seconds_from_environment,
)
from .figures import api_summary, app_summary, system_summary
from .system import read_system

__all__ = [
    "ApiMetrics", "ApplicationMetrics", "MetricsCollector", "SystemMetrics", "get_metrics_collector",
]

log = logging.getLogger("pharos")

WRITE_INTERVAL_S = 1.0
# Rows that wait for the disk; at 1000 a second that is a minute of a stuck disk.
WAITING_MAX = 60_000
KEPT_IN_MEMORY = 1000
CLEANUP_INTERVAL_S = 3600.0


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass
class SystemMetrics:
    """The machine at one moment; sizes as their names say, counters since boot."""

    timestamp: datetime
    cpu_percent: float = 0.0
    memory_percent: float = 0.0
    memory_used_mb: float = 0.0
    memory_available_mb: float = 0.0
    disk_usage_percent: float = 0.0
    disk_free_gb: float = 0.0
    network_bytes_sent: int = 0
    network_bytes_recv: int = 0
    active_connections: int = 0


@dataclass
class ApiMetrics:
    """One request that was answered."""

    timestamp: datetime
    endpoint: str
    method: str
    status_code: int
    response_time_ms: float
    request_size_bytes: int = 0
    response_size_bytes: int = 0
    error_count: int = 0


@dataclass
class ApplicationMetrics:
    """The application's own figures; `cache_hit_rate` is a share from 0 to 1."""

    timestamp: datetime = field(default_factory=utc_now)
    active_fine_tuning_jobs: int = 0
    completed_evaluations: int = 0
    total_api_calls: int = 0
    cache_hit_rate: float = 0.0
    database_connections: int = 0
    queue_size: int = 0


TABLES: Dict[type, Tuple[str, Tuple[str, ...]]] = {
    SystemMetrics: ("system_metrics", tuple(SystemMetrics.__dataclass_fields__)),
    ApiMetrics: ("api_metrics", tuple(ApiMetrics.__dataclass_fields__)),
    ApplicationMetrics: ("app_metrics", tuple(ApplicationMetrics.__dataclass_fields__)),
}


class MetricsCollector:
    """Collects every `collection_interval` seconds once started; keeps `retention_days` of rows."""

    def __init__(
        self,
        db_path: Optional[str] = None,
        collection_interval: Optional[float] = None,
        retention_days: float = 7,
    ) -> None:
        self.db_path = db_path or os.environ.get("METRICS_DB_PATH") or METRICS_DB_DEFAULT
        self.collection_interval = collection_interval or seconds_from_environment(
            "METRICS_COLLECTION_INTERVAL", 30.0
        )
        self.retention_days = retention_days
        self.running = False
        self.last_collection: Optional[datetime] = None
        self.system_metrics: Deque[SystemMetrics] = deque(maxlen=KEPT_IN_MEMORY)
        self.dropped = 0
        # Why the last write failed; empty while all is well.
        self.write_error = ""
        tables = (SYSTEM_METRICS, API_METRICS, APP_METRICS)
        names = ("system_metrics", "api_metrics", "app_metrics")
        self.database = Database(self.db_path, (*tables, *map(index_on, names)))
        self._waiting: Deque[Any] = deque()
        self._write_lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: List[threading.Thread] = []
        self._lock = threading.Lock()

    def start_collection(self) -> None:
        """Collects from now on; a second call does nothing."""
        with self._lock:
            if self.running:
                return
            self.running, self._stop = True, threading.Event()
            loops: List[Tuple[Callable[[], Any], Callable[[], float]]] = [
                (self.collect_once, lambda: self.collection_interval), (self._keep, lambda: WRITE_INTERVAL_S),
            ]
            self._threads = [
                threading.Thread(target=_repeat, args=(loop, self._stop, each_s), name="pharos-llm", daemon=True)
                for loop, each_s in loops
            ]
            for thread in self._threads:
                thread.start()

    def stop_collection(self) -> None:
        """Ends the collection and writes what waits."""
        with self._lock:
            self.running = False
            self._stop.set()
        for thread in self._threads:
            thread.join(5)
        self.flush()

    def collect_once(self) -> SystemMetrics:
        """Reads the machine now and records it."""
        metrics = SystemMetrics(timestamp=utc_now(), **read_system())
        self.record_system_metrics(metrics)
        self.last_collection = metrics.timestamp
        return metrics

    def record_system_metrics(self, metrics: SystemMetrics) -> None:
        """Records a reading of the machine."""
        self.system_metrics.append(metrics)
        self._record(metrics)
        pharos = server()
        if pharos is not None:
            for name in ("cpu_percent", "memory_percent", "disk_usage_percent", "active_connections"):
                pharos.metric(name, getattr(metrics, name))

    def record_api_call(
        self,
        endpoint: str,
        method: str,
        status_code: int,
        response_time_ms: float,
        request_size_bytes: int = 0,
        response_size_bytes: int = 0,
    ) -> None:
        """Records a request that was answered. Never waits for the disk."""
        self.record_api_metrics(
            ApiMetrics(
                utc_now(), endpoint, method, status_code, response_time_ms, request_size_bytes,
                response_size_bytes, 1 if status_code >= 400 else 0,
            )
        )

    def record_api_metrics(self, metrics: ApiMetrics) -> None:
        """The same as `record_api_call`, of a record."""
        self._record(metrics)
        pharos = server()
        if pharos is not None:
            labels = {"endpoint": metrics.endpoint, "method": metrics.method}
            pharos.counter("api_requests_total", 1, {**labels, "status": str(metrics.status_code)})
            pharos.histogram("api_response_time_seconds", metrics.response_time_ms / 1000.0, labels)

    def record_app_metrics(self, app_metrics: ApplicationMetrics) -> None:
        """Records the application's own figures."""
        self._record(app_metrics)
        pharos = server()
        if pharos is not None:
            for name in TABLES[ApplicationMetrics][1][1:]:
                pharos.metric(name, getattr(app_metrics, name))
            # The same under the name that says what it is: a share from 0 to 1.
            pharos.metric("cache_hit_ratio", app_metrics.cache_hit_rate)

    def _store_app_metrics(self, app_metrics: ApplicationMetrics) -> None:
        """The older name of `record_app_metrics`; the row is in the file when it returns."""
        self.record_app_metrics(app_metrics)
        self.flush()

    def get_recent_system_metrics(self, minutes: float = 60) -> List[Dict[str, Any]]:
        """The machine's rows of the last minutes, oldest first."""
        return self._recent("system_metrics", timedelta(minutes=minutes))

    def get_recent_api_metrics(self, minutes: float = 60) -> List[Dict[str, Any]]:
        """The requests of the last minutes, oldest first."""
        return self._recent("api_metrics", timedelta(minutes=minutes))

    def get_recent_app_metrics(self, minutes: float = 60) -> List[Dict[str, Any]]:
        """The application's rows of the last minutes, oldest first."""
        return self._recent("app_metrics", timedelta(minutes=minutes))

    def get_metrics_summary(self, hours: float = 24) -> Dict[str, Any]:
        """Averages, peaks, percentiles and distributions of the last hours."""
        return self._summary(timedelta(hours=hours), hours)

    def current_metrics(self, window_s: float = 60.0) -> Dict[str, Any]:
        """What alert rules look at: the last `window_s` seconds, as `system`, `api` and `app`."""
        found = self._summary(timedelta(seconds=window_s), window_s / 3600.0)
        newest = self.system_metrics[-1] if self.system_metrics else None
        if newest is not None:
            found["system"].update(asdict(newest), timestamp=time_text(newest.timestamp))
        found["api"]["ever_requested"] = bool(self.database.read("SELECT 1 FROM api_metrics LIMIT 1"))
        return found

    def cleanup_old_data(self, days: Optional[float] = None) -> int:
        """Deletes rows older than `days` (the retention unless given); how many there were."""
        self.flush()
        before = time_text(utc_now() - timedelta(days=self.retention_days if days is None else days))
        return sum(
            self.database.write("DELETE FROM %s WHERE timestamp < ?" % table, [(before,)])
            for table, _ in TABLES.values()
        )

    def flush(self) -> bool:
        """Writes what waits; then it can be read from the file. False if the disk refused: it waits on."""
        with self._write_lock:
            records = [self._waiting.popleft() for _ in range(len(self._waiting))]
            for kind in TABLES:
                of_kind = [record for record in records if type(record) is kind]
                try:
                    self._write(kind, of_kind)
                except sqlite3.Error as error:
                    self._waiting.extendleft(reversed(records))
                    if not self.write_error:
                        log.error("metrics are not written to %s: %s", self.db_path, error)
                    self.write_error = str(error)
                    return False
                records = [record for record in records if type(record) is not kind]
            self.write_error = ""
            return True

    def _write(self, kind: type, records: List[Any]) -> None:
        table, names = TABLES[kind]
        marks = ", ".join("?" * len(names))
        rows = [(time_text(record.timestamp), *(getattr(record, name) for name in names[1:])) for record in records]
        if rows:
            self.database.write("INSERT INTO %s (%s) VALUES (%s)" % (table, ", ".join(names), marks), rows)

    def close(self) -> None:
        """Ends the collection and closes the file."""
        self.stop_collection()
        self.database.close()

    def _record(self, record: Any) -> None:
        self._waiting.append(record)
        if len(self._waiting) > WAITING_MAX:
            self._waiting.popleft()
            self.dropped += 1

    def _keep(self) -> None:
        self.flush()
        now_s = time.monotonic()
        if now_s - getattr(self, "_cleaned_s", -CLEANUP_INTERVAL_S) >= CLEANUP_INTERVAL_S:
            self._cleaned_s = now_s
            self.cleanup_old_data()

    def _recent(self, table: str, reach: timedelta) -> List[Dict[str, Any]]:
        self.flush()
        return self.database.read(
            "SELECT * FROM %s WHERE timestamp >= ? ORDER BY timestamp, id" % table, (time_text(utc_now() - reach),)
        )

    def _summary(self, reach: timedelta, hours: float) -> Dict[str, Any]:
        self.flush()
        since = time_text(utc_now() - reach)
        return {
            "time_range_hours": hours,
            "system": system_summary(self.database, since),
            "api": api_summary(self.database, since, reach.total_seconds()),
            "app": app_summary(self.database, since),
        }


def _repeat(action: Callable[[], Any], stop: threading.Event, each_s: Callable[[], float]) -> None:
    while True:
        try:
            action()
        except Exception as error:  # A full disk today must not end tomorrow's collection.
            log.warning("metrics are not collected: %s", error)
        if stop.wait(each_s()):
            return


_collector: Optional[MetricsCollector] = None
_collector_lock = threading.Lock()


def get_metrics_collector() -> MetricsCollector:
    """The program's collector, made by the environment on the first call."""
    global _collector
    with _collector_lock:
        if _collector is None:
            _collector = MetricsCollector()
        return _collector
