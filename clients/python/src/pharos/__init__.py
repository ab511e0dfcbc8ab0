"""Pharos' client: three lines to be watched.

    import pharos
    client = pharos.watch("trainer")
    client.metric("loss", 0.25)

`watch` reports the service as up and sends the host's figures; at the program's end it sends what is
left and reports `down`. Nothing here raises into the program unless `raise_errors=True`.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, Optional, Union

from .client import AsyncClient, Client, Recorder, decorate
from .engine import PharosError, leave_at_sigterm
from .job import Job
from .series import Labels
from .settings import Settings

__version__ = "0.1.0"
__all__ = [
    "AsyncClient", "Client", "Job", "PharosError", "Recorder", "Settings", "alert", "client", "counter",
    "job", "metric", "timed", "watch",
]

_client: Optional[Client] = None
_lock = threading.Lock()


def client() -> Client:
    """The program's own client, made from the environment unless `watch` made it."""
    global _client
    if _client is None:
        with _lock:
            if _client is None:
                _client = Client()
    return _client


def watch(
    service: Optional[str] = None,
    url: Optional[str] = None,
    api_key: Optional[str] = None,
    endpoint: Optional[str] = None,
    **settings: Any,
) -> Client:
    """Makes the program's client, reports `up`, and sends the host's figures.

    At SIGTERM, where the program has no handler of its own, what is left and `down` are sent before the
    program dies of it.
    """
    global _client
    with _lock:
        previous, _client = _client, Client(url, service, api_key, **settings)
        made = _client
    if previous is not None:
        previous.close()
    leave_at_sigterm()
    made.status("up", endpoint)
    made.collect_host()
    return made


def metric(name: str, value: float, labels: Optional[Labels] = None) -> None:
    """`Client.metric` of the program's client."""
    client().metric(name, value, labels)


def counter(name: str, amount: float = 1, labels: Optional[Labels] = None) -> None:
    """`Client.counter` of the program's client."""
    client().counter(name, amount, labels)


def alert(title: str, message: str = "", severity: Union[int, str] = 2) -> None:
    """`Client.alert` of the program's client."""
    client().alert(title, message, severity)


def job(name: str, **metadata: Any) -> Job:
    """`Client.job` of the program's client."""
    return client().job(name, **metadata)


def timed(name: Union[str, Callable[..., Any], None] = None, labels: Optional[Labels] = None) -> Any:
    """Decorates a function to be timed by the program's client."""
    return decorate(client, name, labels)
