"""The middleware of Flask applications: `PharosFlask(app)`."""

from __future__ import annotations

import time
from typing import Any, Optional

from ..client import Recorder
from .requests import UNMATCHED, Answered, RequestMetrics, method_of, size_of


class PharosFlask:
    """Measures each request of `app`; without one, `init_app` comes later."""

    def __init__(self, app: Any = None, client: Optional[Recorder] = None, collector: Any = None) -> None:
        self.metrics = RequestMetrics(client, collector)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Any) -> None:
        """Adds the hooks. An exception that nobody handles counts as 500."""
        app.before_request(self._begin)
        app.after_request(self._answered)
        app.teardown_request(self._end)

    @staticmethod
    def _begin() -> None:
        from flask import g

        g._pharos_started_s = time.perf_counter()

    @staticmethod
    def _answered(response: Any) -> Any:
        from flask import g

        g._pharos_answer = (response.status_code, size_of(response.content_length))
        return response

    def _end(self, _error: Optional[BaseException]) -> None:
        from flask import g, request

        # What nobody handled and no answer was made of is a 500.
        started_s = g.pop("_pharos_started_s", None)
        status, n_bytes = g.pop("_pharos_answer", (500, 0))
        if started_s is None:
            return
        rule = request.url_rule
        self.metrics(Answered(
            str(rule.rule) if rule is not None else UNMATCHED, method_of(request.method),
            status, time.perf_counter() - started_s,
            size_of(request.content_length), n_bytes,
        ))
