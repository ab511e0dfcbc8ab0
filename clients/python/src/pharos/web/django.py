"""The middleware of Django: `MIDDLEWARE = ["pharos.web.django.PharosMiddleware", ...]`, at the top."""

from __future__ import annotations

import inspect
import time
from typing import Any, Callable

from .requests import UNMATCHED, Answered, RequestMetrics, method_of, size_of


class PharosMiddleware:
    """Measures each request, in synchronous and asynchronous projects, by the program's client."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self.metrics = RequestMetrics()
        self.is_async = inspect.iscoroutinefunction(get_response)
        if self.is_async:
            self._mark_as_coroutine()

    def __call__(self, request: Any) -> Any:
        if self.is_async:
            return self._waited(request)
        started_s = time.perf_counter()
        response = None
        try:
            response = self.get_response(request)
            return response
        finally:
            self._record(request, response, started_s)

    async def _waited(self, request: Any) -> Any:
        started_s = time.perf_counter()
        response = None
        try:
            response = await self.get_response(request)
            return response
        finally:
            self._record(request, response, started_s)

    def _record(self, request: Any, response: Any, started_s: float) -> None:
        match = getattr(request, "resolver_match", None)
        route = getattr(match, "route", None)
        self.metrics(Answered(
            UNMATCHED if route is None else "/" + str(route).lstrip("/^"), method_of(request.method or ""),
            500 if response is None else response.status_code, time.perf_counter() - started_s,
            size_of(request.META.get("CONTENT_LENGTH")), len(getattr(response, "content", b"")),
        ))

    def _mark_as_coroutine(self) -> None:
        # Django asks the instance whether it is to be awaited.
        if hasattr(inspect, "markcoroutinefunction"):
            inspect.markcoroutinefunction(self)
        else:
            import asyncio.coroutines

            self._is_coroutine = getattr(asyncio.coroutines, "_is_coroutine", None)
