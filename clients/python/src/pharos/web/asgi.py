"""The middleware of ASGI applications: `app.add_middleware(PharosMiddleware)`."""

from __future__ import annotations

import time
from typing import Any, Awaitable, Callable, Dict, Mapping, MutableMapping, Optional

from ..client import Recorder
from .requests import UNMATCHED, Answered, RequestMetrics, method_of, size_of

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class PharosMiddleware:
    """Measures each HTTP request until its last byte is sent."""

    def __init__(self, app: App, client: Optional[Recorder] = None, collector: Any = None) -> None:
        self.app = app
        self.metrics = RequestMetrics(client, collector)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        # Without any answer the server says 500.
        told: Dict[str, int] = {"status": 500, "bytes": 0}

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
            elif message["type"] == "http.response.body":
                told["bytes"] += len(message.get("body", b""))
            await send(message)

        started_s = time.perf_counter()
        try:
            await self.app(scope, receive, counted)
        finally:
            self.metrics(Answered(
                route_of(scope), method_of(scope["method"]), told["status"], time.perf_counter() - started_s,
                size_of(dict(scope["headers"]).get(b"content-length")), told["bytes"],
            ))


def route_of(scope: Scope) -> str:
    """The route's pattern, as the router left it in the scope."""
    route = getattr(scope.get("route"), "path", None)
    if isinstance(route, str):
        return route
    function = scope.get("endpoint")
    if function is None:
        return UNMATCHED
    # Starlette leaves the function and the parameters. Where those cannot be found in the path, the
    # function's name stands for the route: never the address itself.
    pattern = pattern_of(str(scope.get("path", "")), scope.get("path_params") or {})
    return pattern or str(getattr(function, "__qualname__", type(function).__qualname__))


def pattern_of(path: str, params: Mapping[str, Any]) -> Optional[str]:
    """`path` with its parameters' names put back, from the last to the first; None if one is not there."""
    tail = ""
    for name, value in reversed(list(params.items())):
        path, found, rest = path.rpartition("/" + str(value))
        if not found or (rest and not rest.startswith("/")):
            return None
        tail = "/{%s}%s%s" % (name, rest, tail)
    return path + tail
