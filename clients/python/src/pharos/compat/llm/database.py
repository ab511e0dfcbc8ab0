"""The SQLite files of the llm family, and the settings that name them.

One connection per file, behind a lock: SQLite serialises writers anyway. Each is a plain file that
`sqlite3 FILE "PRAGMA integrity_check;"` reads, also while the program runs.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from typing import Any, Dict, Iterable, List, Optional, Sequence

METRICS_DB_DEFAULT = "monitoring/metrics.db"
ALERTS_DB_DEFAULT = "monitoring/alerts.db"

SYSTEM_METRICS = """CREATE TABLE IF NOT EXISTS system_metrics (
    id INTEGER PRIMARY KEY,
    timestamp TEXT NOT NULL,
    cpu_percent REAL,
    memory_percent REAL,
    memory_used_mb REAL,
    memory_available_mb REAL,
    disk_usage_percent REAL,
    disk_free_gb REAL,
    network_bytes_sent INTEGER,
    network_bytes_recv INTEGER,
    active_connections INTEGER,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
)"""
API_METRICS = """CREATE TABLE IF NOT EXISTS api_metrics (
    id INTEGER PRIMARY KEY,
    timestamp TEXT NOT NULL,
    endpoint TEXT,
    method TEXT,
    status_code INTEGER,
    response_time_ms REAL,
    request_size_bytes INTEGER,
    response_size_bytes INTEGER,
    error_count INTEGER DEFAULT 0,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
)"""
APP_METRICS = """CREATE TABLE IF NOT EXISTS app_metrics (
    id INTEGER PRIMARY KEY,
    timestamp TEXT NOT NULL,
    active_fine_tuning_jobs INTEGER,
    completed_evaluations INTEGER,
    total_api_calls INTEGER,
    cache_hit_rate REAL,
    database_connections INTEGER,
    queue_size INTEGER,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
)"""
ALERTS = """CREATE TABLE IF NOT EXISTS alerts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    severity TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    resolved_at TEXT,
    acknowledged_at TEXT,
    metadata TEXT
)"""
LOG_ENTRIES = """CREATE TABLE IF NOT EXISTS log_entries (
    id INTEGER PRIMARY KEY,
    timestamp TEXT NOT NULL,
    level TEXT,
    logger TEXT,
    message TEXT,
    module TEXT,
    function TEXT,
    line INTEGER,
    thread TEXT,
    process TEXT,
    request_id TEXT,
    exception_type TEXT,
    exception_message TEXT,
    exception_traceback TEXT,
    extra_fields TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
)"""


def index_on(table: str) -> str:
    """The index that makes reading by time, and deleting what is old, quick."""
    return "CREATE INDEX IF NOT EXISTS %s_by_time ON %s (timestamp)" % (table, table)


class Database:
    """One file, made with its folder and tables where it is missing."""

    def __init__(self, path: str, tables: Sequence[str]) -> None:
        self.path = path
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, timeout=10)
        self._connection.row_factory = sqlite3.Row
        with self._lock, self._connection:
            # Readers do not wait for the writer, and one sync per checkpoint is enough.
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            for statement in tables:
                self._connection.execute(statement)

    def write(self, statement: str, rows: Iterable[Sequence[Any]]) -> int:
        """Runs the statement for each row in one transaction; how many rows it changed."""
        with self._lock, self._connection:
            return self._connection.executemany(statement, rows).rowcount

    def read(self, statement: str, values: Sequence[Any] = ()) -> List[Dict[str, Any]]:
        """The rows of a query, as dictionaries."""
        with self._lock:
            return [dict(row) for row in self._connection.execute(statement, values)]

    def column(self, statement: str, values: Sequence[Any] = ()) -> List[Any]:
        """The first column of a query: of many rows much quicker than dictionaries."""
        with self._lock:
            return [row[0] for row in self._connection.execute(statement, values)]

    def integrity_check(self) -> str:
        """`ok`, or what SQLite finds wrong."""
        return str(self.read("PRAGMA integrity_check")[0]["integrity_check"])

    def close(self) -> None:
        with self._lock:
            self._connection.close()


UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """A duration: a bare number is seconds, else 10ms, 30s, 5m, 24h or 7d."""
    found = re.match(r"^\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)?\s*$", str(text))
    if found is None:
        raise ValueError("not a duration such as 30, 30s or 5m: %r" % (text,))
    return float(found.group(1)) * UNITS_S[found.group(2) or "s"]


def seconds_from_environment(name: str, default: float) -> float:
    """A duration of the environment; one that cannot be read raises, naming its variable."""
    text = os.environ.get(name)
    if not text:
        return default
    try:
        return seconds(text)
    except ValueError as error:
        raise ValueError("%s: %s" % (name, error)) from error


def switched_on(name: str, default: bool = False) -> bool:
    """A switch of the environment: true, 1, yes or on."""
    text: Optional[str] = os.environ.get(name)
    return default if not text else text.strip().lower() in ("1", "true", "yes", "on")
