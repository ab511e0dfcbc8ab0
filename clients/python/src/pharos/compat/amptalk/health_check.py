"""HealthCheck: named checks, run on demand and every `check_interval`, with their history.

A check returns `(is_healthy, message)`; instead of the boolean it may return a `HealthStatus`. One
that raises is unhealthy.
"""

from __future__ import annotations

import enum
import threading
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple, Union

from ...host import Host
from ..bridge import now_text, server

__all__ = [
    "HealthCheck", "HealthStatus", "create_cpu_health_check", "create_disk_health_check",
    "create_memory_health_check",
]


class HealthStatus(str, enum.Enum):
    """A check's word; true where the component still serves."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"

    def __bool__(self) -> bool:
        return self in (HealthStatus.HEALTHY, HealthStatus.DEGRADED)

    def __str__(self) -> str:
        return str(self.value)


CheckFunction = Callable[[], Tuple[Union[bool, HealthStatus], str]]
Result = Dict[str, Any]

# The worst of several is the one that stands first here.
WORST_FIRST = (HealthStatus.UNHEALTHY, HealthStatus.DEGRADED, HealthStatus.UNKNOWN, HealthStatus.HEALTHY)


class HealthCheck:
    """The checks of one service. With `auto_check` they run by themselves from the first one on."""

    def __init__(
        self,
        service_name: str = "amptalk",
        check_interval: float = 60.0,
        history_size: int = 100,
        auto_check: bool = True,
    ) -> None:
        self.service_name = service_name
        self.check_interval = check_interval
        self.history_size = history_size
        self.auto_check = auto_check
        self._lock = threading.Lock()
        self._checks: Dict[str, Tuple[CheckFunction, str]] = {}
        self._last: Dict[str, Result] = {}
        self._history: Dict[str, Deque[Result]] = {}
        self._stop: Optional[threading.Event] = None
        self._alerts: Any = None
        self._monitor: Any = None

    def register_check(self, name: str, check_function: CheckFunction, description: str = "") -> None:
        """Adds a check, or replaces the one of that name."""
        with self._lock:
            self._checks[name] = (check_function, description)
            self._history.setdefault(name, deque(maxlen=self.history_size))
        if self.auto_check:
            self.start()

    def unregister_check(self, name: str) -> bool:
        """Removes a check; False if there is none of that name."""
        with self._lock:
            self._last.pop(name, None)
            self._history.pop(name, None)
            return self._checks.pop(name, None) is not None

    def raise_alerts_with(self, alert_system: Any) -> None:
        """Alerts when a check becomes worse: degraded is a warning, unhealthy an error."""
        self._alerts = alert_system

    def report_to(self, monitor: Any) -> None:
        """Tells a `SystemMonitor` the overall status after each round of checks."""
        self._monitor = monitor

    def run_check(self, name: str) -> Result:
        """Runs one check. Raises KeyError for a name that is not registered."""
        with self._lock:
            function, description = self._checks[name]
        status, message = _asked(function)
        result: Result = {
            "status": status.value, "message": message, "timestamp": now_text(), "description": description,
        }
        with self._lock:
            before = self._last.get(name, {}).get("status")
            if name in self._checks:
                self._last[name] = result
                self._history[name].append(result)
        self._tell(name, before, status, message)
        return dict(result)

    def run_all_checks(self) -> Dict[str, Result]:
        """Runs every check; the results by name."""
        with self._lock:
            names = list(self._checks)
        results = {name: self.run_check(name) for name in names}
        overall = self.get_overall_status()
        if self._monitor is not None:
            self._monitor.set_health_status(bool(overall), "checks: %s" % overall)
        pharos = server(self.service_name)
        if pharos is not None:
            pharos.status("down" if overall == HealthStatus.UNHEALTHY else "up")
        return results

    def get_overall_status(self) -> HealthStatus:
        """The worst of the last results; unknown while there are none."""
        with self._lock:
            found = {HealthStatus(result["status"]) for result in self._last.values()}
        return next((status for status in WORST_FIRST if status in found), HealthStatus.UNKNOWN)

    def get_status_report(self) -> Dict[str, Any]:
        """The last results of all checks, ready for JSON. A check that never ran is unknown."""
        with self._lock:
            checks = {
                name: dict(self._last.get(name) or _never_ran(description))
                for name, (_, description) in self._checks.items()
            }
        return {
            "service": self.service_name,
            "timestamp": now_text(),
            "status": self.get_overall_status().value,
            "checks": checks,
        }

    def get_check_history(self, name: str, limit: Optional[int] = None) -> List[Result]:
        """The last results of a check, newest first."""
        with self._lock:
            found = [dict(result) for result in reversed(self._history.get(name, deque()))]
        return found if limit is None else found[:limit]

    def clear_history(self, name: Optional[str] = None) -> None:
        """Forgets the history of one check, or of all."""
        with self._lock:
            for key in [name] if name is not None else list(self._history):
                if key in self._history:
                    self._history[key].clear()

    def start(self) -> None:
        """Runs all checks every `check_interval` seconds from now on."""
        with self._lock:
            if self._stop is not None:
                return
            stop = self._stop = threading.Event()
        threading.Thread(target=self._run, args=(stop,), name="pharos-health", daemon=True).start()

    def stop(self) -> None:
        """Ends the periodic checks."""
        with self._lock:
            stop, self._stop = self._stop, None
        if stop is not None:
            stop.set()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self.check_interval):
            self.run_all_checks()

    def _tell(self, name: str, before: Optional[str], status: HealthStatus, message: str) -> None:
        pharos = server(self.service_name)
        if pharos is not None:
            pharos.metric("health_check_status", 1.0 if status else 0.0, {"check": name})
        if self._alerts is None or status.value == before:
            return
        if status in (HealthStatus.DEGRADED, HealthStatus.UNHEALTHY):
            severity = "warning" if status == HealthStatus.DEGRADED else "error"
            self._alerts.alert(
                title="Health check %s is %s" % (name, status), message=message, severity=severity,
                source="health_check", details={"check": name, "status": status.value},
            )


def _asked(function: CheckFunction) -> Tuple[HealthStatus, str]:
    try:
        answer, message = function()
    except Exception as error:  # A program's own check; what it raises is its finding.
        return HealthStatus.UNHEALTHY, "check failed: %s: %s" % (type(error).__name__, error)
    if isinstance(answer, HealthStatus):
        return answer, str(message)
    return (HealthStatus.HEALTHY if answer else HealthStatus.UNHEALTHY), str(message)


def _never_ran(description: str) -> Result:
    return {"status": "unknown", "message": "not run yet", "timestamp": None, "description": description}


def _threshold_check(
    what: str, read: Callable[[], float], warning: float, critical: float
) -> CheckFunction:
    def check() -> Tuple[HealthStatus, str]:
        percent = read()
        text = "%s usage is %.1f%%" % (what, percent)
        if percent >= critical:
            return HealthStatus.UNHEALTHY, "%s, critical from %g%%" % (text, critical)
        if percent >= warning:
            return HealthStatus.DEGRADED, "%s, warning from %g%%" % (text, warning)
        return HealthStatus.HEALTHY, text

    return check


def _figure_of(name: str, monitor: Any, host: Host) -> Callable[[], float]:
    """A figure of the monitor, which reads the machine anyway, or else read for the check."""
    if monitor is None:
        return lambda: host.read()[name]
    return lambda: float(monitor.figure(name) or 0.0)


def create_cpu_health_check(
    warning_threshold: float = 80.0, critical_threshold: float = 90.0, monitor: Any = None
) -> CheckFunction:
    """A check of the processors' load in percent: the `monitor`'s figure, or the load since the check before."""
    read = Host().cpu_percent if monitor is None else _figure_of("cpu", monitor, Host())
    return _threshold_check("CPU", read, warning_threshold, critical_threshold)


def create_memory_health_check(
    warning_threshold: float = 80.0, critical_threshold: float = 90.0, monitor: Any = None
) -> CheckFunction:
    """A check of the memory in use, in percent."""
    read = _figure_of("memory", monitor, Host())
    return _threshold_check("Memory", read, warning_threshold, critical_threshold)


def create_disk_health_check(
    warning_threshold: float = 80.0, critical_threshold: float = 90.0, path: str = "/", monitor: Any = None
) -> CheckFunction:
    """A check of the file system that holds `path`, in percent."""
    read = _figure_of("disk", monitor, Host(path))
    return _threshold_check("Disk", read, warning_threshold, critical_threshold)
