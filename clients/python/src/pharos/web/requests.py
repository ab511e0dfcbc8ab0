"""What all middlewares tell of a request that was answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Optional

from ..client import Recorder

# The route of requests that no route matched: their addresses are anybody's.
UNMATCHED = "unmatched"


@dataclass(frozen=True)
class Answered:
    """One request: its route's pattern, and what came of it."""

    route: str
    method: str
    status: int
    duration_s: float
    request_bytes: int = 0
    response_bytes: int = 0


class RequestMetrics:
    """Turns requests into metrics of a client, and into rows of a `collector` of the llm family."""

    def __init__(self, client: Optional[Recorder] = None, collector: Any = None) -> None:
        self._client = client
        self._collector: Optional[Callable[..., Any]] = None if collector is None else collector.record_api_call

    def __call__(self, answered: Answered) -> None:
        """Records; never raises, since the answer is already on its way."""
        try:
            self._record(answered)
        except Exception:  # Monitoring must not break what it monitors.
            return

    def _record(self, answered: Answered) -> None:
        client = self._client
        if client is None:
            from .. import client as default

            client = self._client = default()
        route = {"route": answered.route, "method": answered.method}
        client.counter("http_requests_total", 1, {**route, "status": str(answered.status)})
        if answered.status >= 500:
            client.counter("http_request_errors_total", 1, route)
        client.histogram("http_request_duration_seconds", answered.duration_s, route)
        client.counter("http_request_size_bytes_total", answered.request_bytes, route)
        client.counter("http_response_size_bytes_total", answered.response_bytes, route)
        if self._collector is not None:
            self._collector(
                answered.route, answered.method, answered.status, answered.duration_s * 1000.0,
                answered.request_bytes, answered.response_bytes,
            )


METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"))


def method_of(text: str) -> str:
    """A known method, or `OTHER`: a client may send any word."""
    upper = text.upper()
    return upper if upper in METHODS else "OTHER"


def size_of(header: Any) -> int:
    """A `Content-Length`, 0 where there is none."""
    try:
        return max(0, int(header))
    except (TypeError, ValueError):
        return 0
