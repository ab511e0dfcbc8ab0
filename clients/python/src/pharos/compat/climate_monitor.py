"""The climate family's client: `SystemMonitorClient`, each call answered before it returns.

Its calls return the server's answer, or None where it could not be had: then the reason is in the
log, and errors in a row raise an alert. Periodic collection runs on a thread of its own.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Callable, Dict, Mapping, Optional, Union

from ..engine import Engine
from ..host import Host
from ..settings import Settings, api_key_of, service_of, url_of

__all__ = ["SystemMonitorClient"]

log = logging.getLogger("pharos")

HOST_METRICS = ("cpu", "memory", "disk", "network")

Number = Union[int, float]


class SystemMonitorClient:
    """Reports a service to the monitor.

    `timeout` is in seconds and of one request; `backoff_factor` is the pause before the first retry.
    """

    def __init__(
        self,
        base_url: Optional[str] = None,
        service_name: Optional[str] = None,
        api_key: Optional[str] = None,
        max_retries: int = 3,
        timeout: float = 10,
        backoff_factor: float = 0.5,
        raise_errors: bool = False,
    ) -> None:
        self.base_url = url_of(base_url)
        self.service_name = service_of(service_name)
        self.api_key = api_key_of(api_key)
        self.max_retries = max_retries
        self.timeout = timeout
        self._engine = Engine(
            Settings(
                self.base_url, self.service_name, self.api_key, retries_max=max_retries,
                timeout_s=timeout, backoff_s=backoff_factor, alert_after_errors=3, raise_errors=raise_errors,
            )
        )
        self._host = Host()
        self._lock = threading.Lock()
        self._stop: Optional[threading.Event] = None

    def update_status(self, status: str = "up", endpoint: Optional[str] = None) -> Any:
        """Reports `up`, `down` or `unknown`; `down` follows by itself at the program's end."""
        body: Dict[str, Any] = {"name": self.service_name, "status": status}
        if endpoint:
            body["endpoint"] = endpoint
        if status not in ("up", "down", "unknown"):
            return self._engine.complain("a status is up, down or unknown, not %r" % (status,))
        answer = self._post("/services/", body)
        self._engine.keep_status(body)
        return answer

    def send_metrics(self, additional_metrics: Optional[Mapping[str, Number]] = None) -> Any:
        """Sends the host's figures and those given, in one request."""
        figures = self._host.read()
        values: Dict[str, Any] = {name: figures[name] for name in HOST_METRICS if name in figures}
        values.update(additional_metrics or {})
        metrics = [
            {"service": self.service_name, "metric_type": name, "value": float(value)}
            for name, value in values.items()
            if self._is_number(name, value)
        ]
        return self._post("/metrics/batch", {"metrics": metrics})

    def update_pipeline(
        self,
        pipeline_type: str,
        status: str,
        metadata: Optional[Dict[str, Any]] = None,
        error_message: Optional[str] = None,
    ) -> Any:
        """Reports a run's state; the message of a failed one raises an alert."""
        body: Dict[str, Any] = {
            "pipeline_type": pipeline_type, "status": status, "service": self.service_name,
        }
        if metadata is not None:
            body["metadata"] = metadata
        if error_message:
            body["error_message"] = error_message
        return self._post("/pipelines/", body)

    def send_alert(self, title: str, message: str, severity: int = 1) -> Any:
        """Raises an alert: 1 is info, 2 warning, 3 critical."""
        return self._post(
            "/alerts/",
            {"title": title, "message": message, "severity": severity, "service": self.service_name},
        )

    def start_metric_collection(
        self,
        interval: float = 60,
        additional_metrics: Optional[Mapping[str, Callable[[], Number]]] = None,
    ) -> None:
        """Sends metrics every `interval` seconds from now on, and returns at once.

        `additional_metrics` are called each time. A second call replaces the first.
        """
        self.stop_metric_collection()
        stop = threading.Event()
        with self._lock:
            self._stop = stop
        threading.Thread(
            target=self._collect, args=(stop, interval, dict(additional_metrics or {})),
            name="pharos-collection", daemon=True,
        ).start()

    def stop_metric_collection(self) -> None:
        """Ends the periodic collection, if there is one."""
        with self._lock:
            stop, self._stop = self._stop, None
        if stop is not None:
            stop.set()

    def close(self) -> None:
        """Ends the collection and reports `down` if a status was told."""
        self.stop_metric_collection()
        self._engine.close()

    def __enter__(self) -> "SystemMonitorClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _collect(
        self, stop: threading.Event, interval_s: float, extra: Dict[str, Callable[[], Number]]
    ) -> None:
        while True:
            try:
                self.send_metrics(self._called(extra))
            except Exception as error:  # raise_errors is for the caller's thread, not for this one.
                log.warning("metric collection failed: %s", error)
            if stop.wait(interval_s):
                return

    def _called(self, extra: Dict[str, Callable[[], Number]]) -> Dict[str, Number]:
        values: Dict[str, Number] = {}
        for name, function in extra.items():
            try:
                values[name] = function() if callable(function) else function
            except Exception as error:  # The program's own function; the other figures travel.
                self._engine.say_once("metric " + name, "metric %r cannot be read: %r" % (name, error))
        return values

    def _is_number(self, name: str, value: Any) -> bool:
        try:
            good = not isinstance(value, (str, bytes)) and float(value) - float(value) == 0.0
        except (TypeError, ValueError):
            good = False
        if not good:
            self._engine.complain("metric %r: %.80r is not a finite number" % (name, value))
        return good

    def _post(self, path: str, body: Dict[str, Any]) -> Any:
        outcome = self._engine.request(path, body)
        return outcome.json() if outcome.ok else None

