"""A run of a pipeline as a context manager.

Entering reports `running`, leaving `completed`, an exception `failed` with its message, which raises
an alert at the server. The exception itself goes on.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Callable, Dict, Optional, Type

# A loop may tell its progress at every step; the server hears of it so often.
PROGRESS_INTERVAL_S = 1.0


class Job:
    """One run; `progress` and `update` tell how far it is."""

    def __init__(self, report: Callable[..., None], name: str, metadata: Dict[str, Any]) -> None:
        self.name = name
        self.metadata = dict(metadata)
        self._report = report
        self._told_s = 0.0
        self._started_s = time.monotonic()

    def progress(self, done: float, total: Optional[float] = None, **metadata: Any) -> None:
        """How far: a share from 0 to 1, or `done` of `total`. Sent as percent, at most once a second."""
        share = done / total if total else done
        self.metadata["progress"] = round(100.0 * min(max(share, 0.0), 1.0), 2)
        self.update(**metadata)

    def update(self, **metadata: Any) -> None:
        """Adds metadata; sent at most once a second, and with the end."""
        self.metadata.update(metadata)
        now_s = time.monotonic()
        if now_s - self._told_s >= PROGRESS_INTERVAL_S:
            self._told_s = now_s
            self._report(self.name, "running", dict(self.metadata))

    def __enter__(self) -> "Job":
        self._told_s = self._started_s = time.monotonic()
        self._report(self.name, "running", dict(self.metadata))
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.metadata["duration_seconds"] = round(time.monotonic() - self._started_s, 3)
        if error is None:
            self._report(self.name, "completed", dict(self.metadata))
        else:
            message = "%s: %s" % (type(error).__name__, error)
            self._report(self.name, "failed", dict(self.metadata), message)

    async def __aenter__(self) -> "Job":
        return self.__enter__()

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.__exit__(kind, error, trace)
