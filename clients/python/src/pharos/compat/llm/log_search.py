"""LogAggregator: reads JSON log lines into a SQLite file and finds them again."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime, timedelta
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from ..bridge import time_text
from .database import LOG_ENTRIES, Database, index_on
from .metrics_collector import utc_now

__all__ = ["LogAggregator"]

LOGS_DB_DEFAULT = "monitoring/logs.db"
ROWS_PER_WRITE = 1000
LINE_BYTES_MAX = 1 << 20

COLUMNS = (
    "timestamp", "level", "logger", "message", "module", "function", "line", "thread", "process", "request_id",
    "exception_type", "exception_message", "exception_traceback", "extra_fields",
)

Time = Union[datetime, str, None]


class LogAggregator:
    """Log lines in one place, to be searched."""

    def __init__(self, db_path: Optional[str] = None) -> None:
        self.db_path = db_path or os.environ.get("LOGS_DB_PATH") or LOGS_DB_DEFAULT
        self.database = Database(self.db_path, [LOG_ENTRIES, index_on("log_entries")])

    def ingest_log_file(self, path: str) -> int:
        """Reads a file of JSON lines; how many entries it had. Lines that are no JSON are kept as text."""
        statement = "INSERT INTO log_entries (%s) VALUES (%s)" % (", ".join(COLUMNS), ", ".join("?" * len(COLUMNS)))
        total = 0
        rows: List[Tuple[Any, ...]] = []
        for line in _lines(path):
            rows.append(_row(line))
            if len(rows) >= ROWS_PER_WRITE:
                self.database.write(statement, rows)
                total, rows = total + len(rows), []
        if rows:
            self.database.write(statement, rows)
        return total + len(rows)

    def search_logs(
        self,
        start_time: Time = None,
        end_time: Time = None,
        level: Optional[str] = None,
        logger: Optional[str] = None,
        message_pattern: Optional[str] = None,
        request_id: Optional[str] = None,
        limit: int = 1000,
        offset: int = 0,
    ) -> List[Dict[str, Any]]:
        """Entries that match all that is given, newest first. The pattern is a part of the message; `%` is any text."""
        wanted = {
            "timestamp >= ?": _time(start_time),
            "timestamp <= ?": _time(end_time),
            "level = ?": level.upper() if level else None,
            "logger = ?": logger,
            "message LIKE ?": "%" + message_pattern + "%" if message_pattern else None,
            "request_id = ?": request_id,
        }
        given = {clause: value for clause, value in wanted.items() if value is not None}
        where = " WHERE " + " AND ".join(given) if given else ""
        return self.database.read(
            "SELECT * FROM log_entries%s ORDER BY timestamp DESC, id DESC LIMIT ? OFFSET ?" % where,
            (*given.values(), int(limit), int(offset)),
        )

    def get_log_statistics(self, hours: float = 24) -> Dict[str, Any]:
        """How many entries of which level and logger the last hours have."""
        since = (time_text(utc_now() - timedelta(hours=hours)),)
        by = {
            key: {
                row["name"] or "": row["n"]
                for row in self.database.read(
                    "SELECT %s name, COUNT(*) n FROM log_entries WHERE timestamp >= ? GROUP BY 1 ORDER BY 2 DESC LIMIT 100"
                    % key,
                    since,
                )
            }
            for key in ("level", "logger")
        }
        total = self.database.read("SELECT COUNT(*) n FROM log_entries WHERE timestamp >= ?", since)[0]["n"]
        errors = sum(by["level"].get(name, 0) for name in ("ERROR", "CRITICAL"))
        return {
            "time_range_hours": hours, "total_logs": total, "error_count": errors,
            "by_level": by["level"], "by_logger": by["logger"],
        }

    def cleanup_old_logs(self, days: float = 30) -> int:
        """Deletes entries older than `days`; how many there were."""
        before = time_text(utc_now() - timedelta(days=days))
        return self.database.write("DELETE FROM log_entries WHERE timestamp < ?", [(before,)])


def _lines(path: str) -> Iterator[str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        while True:
            line = file.readline(LINE_BYTES_MAX)
            if not line:
                return
            if line.strip():
                yield line.strip()


def _row(line: str) -> Tuple[Any, ...]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        entry = {"message": line}
    exception = entry.pop("exception", None)
    exception = exception if isinstance(exception, dict) else {}
    known = {name: entry.pop(name, None) for name in COLUMNS[:10]}
    known["timestamp"] = _time(known["timestamp"]) or time_text(utc_now())
    known["level"] = str(known["level"] or "INFO").upper()
    for part in ("type", "message", "traceback"):
        known["exception_" + part] = exception.get(part)
    known["extra_fields"] = json.dumps(entry) if entry else None
    return tuple(_plain(known[name]) for name in COLUMNS)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, int, float)) else json.dumps(value)


def _time(value: Any) -> Optional[str]:
    """A time as the rows have it; one without a zone is UTC, and text that is no time is None."""
    if isinstance(value, datetime):
        return time_text(value)
    text = re.sub(r"Z$", "+00:00", str(value or "").replace(",", "."))
    try:
        return time_text(datetime.fromisoformat(text))
    except ValueError:
        return None
