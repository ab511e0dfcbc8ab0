"""Structured logs: JSON lines with the context of their request, secrets taken out.

`setup_logging` prepares the root logger once; `StructuredLogger` adds fields; `LogAggregator` (in
`log_search`) reads the lines back.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import logging.handlers
import os
import sys
import time
import traceback
from datetime import datetime, timezone
from typing import Any, Callable, Dict, Optional, TypeVar, Union

from ...fields import clear_context, current, redact, set_context, told
from ...logs import OWN_FIELDS
from ..bridge import time_text
from .log_search import LogAggregator

__all__ = [
    "JsonFormatter", "LogAggregator", "StructuredLogger", "get_logger", "log_function_call", "redact",
    "setup_logging",
]

F = TypeVar("F", bound=Callable[..., Any])

LOG_FILE_BYTES_MAX = 10 << 20
LOG_FILES_KEPT = 5



class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: Dict[str, Any] = {
            "timestamp": time_text(datetime.fromtimestamp(record.created, timezone.utc)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "module": record.module,
            "function": record.funcName,
            "line": record.lineno,
            "thread": record.threadName,
            "process": record.process,
        }
        extra = {key: value for key, value in vars(record).items() if key not in OWN_FIELDS}
        for key, value in redact({**current(), **extra}).items():
            entry.setdefault(key, value)
        if record.exc_info and record.exc_info[0] is not None:
            entry["exception"] = {
                "type": record.exc_info[0].__name__,
                "message": str(record.exc_info[1]),
                "traceback": "".join(traceback.format_exception(*record.exc_info)),
            }
        return json.dumps(entry, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """A line for people, with the context at its end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        extra = {key: value for key, value in vars(record).items() if key not in OWN_FIELDS}
        return super().format(record) + told({**current(), **extra})


class StructuredLogger:
    """A logger whose keyword arguments become fields: `logger.info("done", request_id="r1", ms=4)`."""

    def __init__(self, name: Optional[str] = None) -> None:
        self.logger = logging.getLogger(name)

    @staticmethod
    def set_context(**fields: Any) -> None:
        """Fields of all lines to come, in this thread or task."""
        set_context(**fields)

    @staticmethod
    def clear_context() -> None:
        """Forgets the context of this thread or task."""
        clear_context()

    def debug(self, message: str, *args: Any, **fields: Any) -> None:
        self._log(logging.DEBUG, message, args, fields)

    def info(self, message: str, *args: Any, **fields: Any) -> None:
        self._log(logging.INFO, message, args, fields)

    def warning(self, message: str, *args: Any, **fields: Any) -> None:
        self._log(logging.WARNING, message, args, fields)

    def error(self, message: str, *args: Any, **fields: Any) -> None:
        self._log(logging.ERROR, message, args, fields)

    def critical(self, message: str, *args: Any, **fields: Any) -> None:
        self._log(logging.CRITICAL, message, args, fields)

    def exception(self, message: str, *args: Any, **fields: Any) -> None:
        """An error with the exception that is being handled."""
        self._log(logging.ERROR, message, args, {"exc_info": True, **fields})

    def __getattr__(self, name: str) -> Any:
        # setLevel, handlers and all else of the logger beneath.
        return getattr(self.logger, name)

    def _log(self, level: int, message: str, args: Any, fields: Dict[str, Any]) -> None:
        if not self.logger.isEnabledFor(level):
            return
        known = {key: fields.pop(key) for key in ("exc_info", "stack_info") if key in fields}
        extra = {**(fields.pop("extra", None) or {}), **fields}
        # A field may not take the name of one that the record has of itself.
        extra = {(key + "_" if key in OWN_FIELDS else key): value for key, value in extra.items()}
        self.logger.log(level, message, *args, extra=extra, stacklevel=3, **known)


def setup_logging(
    level: Union[str, int, None] = None,
    log_file: Optional[str] = None,
    log_format: Optional[str] = None,
    name: Optional[str] = None,
) -> StructuredLogger:
    """Prepares the root logger, again when called again, and returns a logger.

    Left out, the arguments are `LOG_LEVEL` (INFO), `LOG_FILE` (none) and `LOG_FORMAT` (`json` or `text`).
    """
    wanted = level if level is not None else os.environ.get("LOG_LEVEL") or "INFO"
    form = (log_format or os.environ.get("LOG_FORMAT") or "json").lower()
    path = log_file or os.environ.get("LOG_FILE")
    root = logging.getLogger()
    root.setLevel(wanted.upper() if isinstance(wanted, str) else wanted)
    for held in [each for each in root.handlers if getattr(each, "pharos_setup", False)]:
        root.removeHandler(held)
        held.close()
    handlers: "list[logging.Handler]" = [logging.StreamHandler(sys.stderr)]
    if path:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        handlers.append(
            logging.handlers.RotatingFileHandler(path, maxBytes=LOG_FILE_BYTES_MAX, backupCount=LOG_FILES_KEPT, encoding="utf-8")
        )
    for handler in handlers:
        handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
        handler.pharos_setup = True  # type: ignore[attr-defined]
        root.addHandler(handler)
    return StructuredLogger(name)


def get_logger(name: Optional[str] = None) -> StructuredLogger:
    """A structured logger of this name."""
    return StructuredLogger(name)


def log_function_call(function: Optional[F] = None, logger: Optional[StructuredLogger] = None) -> Any:
    """Decorates a function: its calls, durations and exceptions are logged, its arguments are not."""

    def wrap(wrapped: F) -> F:
        teller = logger or StructuredLogger(wrapped.__module__)
        name = wrapped.__qualname__

        def ended(started_s: float, error: Optional[BaseException]) -> None:
            duration_ms = round((time.perf_counter() - started_s) * 1000.0, 3)
            if error is None:
                teller.debug("%s returned", name, duration_ms=duration_ms)
            else:
                teller.error("%s raised %s", name, type(error).__name__, duration_ms=duration_ms, exc_info=True)

        @functools.wraps(wrapped)
        def plain(*args: Any, **kwargs: Any) -> Any:
            started_s = time.perf_counter()
            try:
                found = wrapped(*args, **kwargs)
            except Exception as error:
                ended(started_s, error)
                raise
            ended(started_s, None)
            return found

        @functools.wraps(wrapped)
        async def waiting(*args: Any, **kwargs: Any) -> Any:
            started_s = time.perf_counter()
            try:
                found = await wrapped(*args, **kwargs)
            except Exception as error:
                ended(started_s, error)
                raise
            ended(started_s, None)
            return found

        return waiting if inspect.iscoroutinefunction(wrapped) else plain  # type: ignore[return-value]

    return wrap(function) if function is not None else wrap
