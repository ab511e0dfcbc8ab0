"""What a program calls: `Client`, and `AsyncClient` for programs with an event loop.

Both only queue; the engine's thread sends. So no call waits, and the event loop is never held up.
Only `flush` and `close` wait: in `AsyncClient` they are awaited.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, Optional, Sequence, Type, Union

from .engine import Engine
from .job import Job
from .series import BUCKETS, Labels
from .settings import Settings, api_key_of, service_of, url_of

SEVERITIES: Dict[str, Union[int, str]] = {
    "info": 1, "low": 1, "1": 1, "error": "error", "high": "error", "critical": 3, "3": 3, "4": 3,
}
WARNING = 2


class Recorder:
    """What both clients share: all that is queued and never waits."""

    def __init__(
        self,
        url: Optional[str] = None,
        service: Optional[str] = None,
        api_key: Optional[str] = None,
        **settings: Any,
    ) -> None:
        """`settings` are the fields of `pharos.Settings`, such as `batch_interval_s=5`."""
        self.settings = Settings(
            url=url_of(url), service=service_of(service), api_key=api_key_of(api_key), **settings
        )
        self.engine = Engine(self.settings)
        # The engine's own method: one call less on the hot path.
        self.metric = self.engine.metric  # type: ignore[method-assign]

    if TYPE_CHECKING:

        def metric(self, name: str, value: float, labels: Optional[Labels] = None) -> None:
            """Records a value of now, such as a loss or a queue's length."""

    def gauge(self, name: str, value: float, labels: Optional[Labels] = None) -> None:
        """The same as `metric`."""
        self.engine.metric(name, value, labels)

    def counter(self, name: str, amount: float = 1, labels: Optional[Labels] = None) -> None:
        """Counts up; what travels is the total since the program's start, once per batch."""
        self.engine.count(name, amount, labels)

    def histogram(
        self,
        name: str,
        value: float,
        labels: Optional[Labels] = None,
        buckets: Sequence[float] = BUCKETS,
    ) -> None:
        """Counts a value into buckets: `name_bucket`, `name_sum`, `name_count`."""
        self.engine.observe(name, value, labels, buckets)

    @contextlib.contextmanager
    def timer(self, name: str, labels: Optional[Labels] = None) -> Iterator[None]:
        """Times a block into the histogram `name` + `_seconds`."""
        started_s = time.perf_counter()
        try:
            yield
        finally:
            self.histogram(seconds_name(name), time.perf_counter() - started_s, labels)

    def timed(self, name: Union[str, Callable[..., Any], None] = None, labels: Optional[Labels] = None) -> Any:
        """Decorates a function, also an `async` one, to be timed by `timer`."""
        return decorate(lambda: self, name, labels)

    def status(self, state: str = "up", endpoint: Optional[str] = None) -> None:
        """Reports `up`, `down` or `unknown`; repeated every minute, and `down` at the end."""
        self.engine.status(state, endpoint)

    def pipeline(
        self,
        pipeline_type: str,
        status: str,
        metadata: Optional[Dict[str, Any]] = None,
        error_message: Optional[str] = None,
    ) -> None:
        """Reports a run: `running`, `completed` or `failed`; a failure's message raises an alert."""
        body: Dict[str, Any] = {
            "pipeline_type": pipeline_type, "status": status, "service": self.settings.service,
        }
        if metadata is not None:
            body["metadata"] = metadata
        if error_message:
            body["error_message"] = error_message
        self.engine.event("/pipelines/", body)

    def alert(self, title: str, message: str = "", severity: Union[int, str] = 2) -> None:
        """Raises an alert: 1 info, 2 warning, 3 critical, or a word such as `error`."""
        # An alert must not be lost for its word: an unknown one is a warning.
        level = SEVERITIES.get(_short_text(severity), WARNING)
        self.engine.event(
            "/alerts/",
            {"title": title, "message": message or title, "severity": level, "service": self.settings.service},
        )

    def job(self, name: str, **metadata: Any) -> Job:
        """A run as a context manager: `with client.job("training") as job: job.progress(0.5)`."""
        return Job(self.pipeline, name, metadata)

    def collect_host(self, interval_s: float = 15.0, gpu: bool = True) -> None:
        """Sends this machine's and this process's figures every `interval_s`."""
        from .host import HostReporter

        self.engine.every_batch(HostReporter(self.engine.metric, interval_s, gpu))

    def stats(self) -> Dict[str, int]:
        """How many metrics were sent, dropped, failed, and what still waits."""
        return self.engine.stats()


class Client(Recorder):
    """The client for programs with threads; a context manager that closes at its end."""

    def flush(self, timeout_s: Optional[float] = None) -> bool:
        """Sends what is queued and waits; False if it took longer than `timeout_s`."""
        return self.engine.flush(timeout_s)

    def close(self, timeout_s: Optional[float] = None) -> None:
        """Sends what is left, reports `down` if a status was told, and ends."""
        self.engine.close(timeout_s)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], *_: object) -> None:
        self.close()


class AsyncClient(Recorder):
    """The client for programs with an event loop; only `flush` and `close` are awaited."""

    async def flush(self, timeout_s: Optional[float] = None) -> bool:
        """Sends what is queued; False if it took longer than `timeout_s`."""
        # Imported here: a program without an event loop need not pay for it.
        import asyncio

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self.engine.flush, timeout_s)

    async def close(self, timeout_s: Optional[float] = None) -> None:
        """Sends what is left, reports `down` if a status was told, and ends."""
        import asyncio

        await asyncio.get_running_loop().run_in_executor(None, self.engine.close, timeout_s)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()


def _short_text(severity: object) -> str:
    """A severity as the table has it; the program's own objects may fail to tell themselves."""
    try:
        return str(severity).strip().lower()
    except Exception:
        return ""


def seconds_name(name: str) -> str:
    """A duration's metric name: it ends in its unit."""
    return name if name.endswith("_seconds") else name + "_seconds"


def decorate(
    recorder: Callable[[], Recorder], name: Union[str, Callable[..., Any], None], labels: Optional[Labels]
) -> Any:
    """`@timed`, `@timed()` and `@timed("name")`, for plain and `async` functions."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        known = name if isinstance(name, str) else function.__name__

        @functools.wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:
            with recorder().timer(known, labels):
                return function(*args, **kwargs)

        @functools.wraps(function)
        async def waiting(*args: Any, **kwargs: Any) -> Any:
            with recorder().timer(known, labels):
                return await function(*args, **kwargs)

        return waiting if inspect.iscoroutinefunction(function) else plain

    return wrap(name) if callable(name) else wrap
