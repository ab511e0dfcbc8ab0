"""A `logging.Handler`: counts log lines by level, and raises alerts from a level on.

    logging.getLogger().addHandler(pharos.logs.Handler(client))

An alert carries the context of its line (`set_context`, `context`, and the `extra` of the call), so that
it can be found again in the log, and no secrets: those never leave the program.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Dict, Optional

from .client import Recorder
from .fields import clear_context, context, current, redact_text, set_context, told

__all__ = ["Handler", "clear_context", "context", "set_context"]

# What every record has of itself; the rest are the caller's own fields.
OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

# The same line again within so many seconds raises no second alert.
ALERT_INTERVAL_S = 300.0
REMEMBERED_MAX = 1000


class Handler(logging.Handler):
    """Counts `log_messages_total{level,logger}`; records from `alert_level` on become alerts."""

    def __init__(
        self,
        client: Optional[Recorder] = None,
        level: int = logging.NOTSET,
        alert_level: Optional[int] = logging.CRITICAL,
    ) -> None:
        super().__init__(level)
        self._client = client
        self.alert_level = alert_level
        self._told_s: Dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        # Our own lines, and those of the HTTP library on our thread, would feed themselves.
        if record.name.split(".")[0] == "pharos" or threading.current_thread().name == "pharos":
            return
        try:
            client = self._client
            if client is None:
                from . import client as default

                client = default()
            client.counter("log_messages_total", 1, {"level": record.levelname.lower(), "logger": record.name})
            if self.alert_level is not None and record.levelno >= self.alert_level and self._is_new(record):
                severity = "critical" if record.levelno >= logging.CRITICAL else "error"
                title = redact_text("%s: %.120s" % (record.name, record.getMessage()))
                client.alert(title, redact_text(self.format(record)) + told(_fields_of(record)), severity)
        except Exception:
            self.handleError(record)

    def _is_new(self, record: logging.LogRecord) -> bool:
        """By the template, not the text: a number in the line makes no new alert."""
        key = "%s %s" % (record.name, record.msg)
        now_s = time.monotonic()
        if now_s - self._told_s.get(key, -ALERT_INTERVAL_S) < ALERT_INTERVAL_S:
            return False
        if len(self._told_s) >= REMEMBERED_MAX:
            self._told_s.clear()
        self._told_s[key] = now_s
        return True


def _fields_of(record: logging.LogRecord) -> Dict[str, Any]:
    extra = {key: value for key, value in vars(record).items() if key not in OWN_FIELDS}
    return {**current(), **extra}
