"""AlertSystem: alerts go to notifiers, each from its own severity on, and into a history.

Notifiers that wait for a network run on a thread of their own, so that raising an alert never does.
"""

from __future__ import annotations

import atexit
import enum
import logging
import queue
import threading
import uuid
import weakref
from collections import deque
from typing import Any, Deque, Dict, List, Optional, Sequence, Tuple, Union

from ...notify import MailSettings, post_webhook, send_email
from ..bridge import now_text, server

__all__ = [
    "AlertNotifier", "AlertSeverity", "AlertSystem", "EmailNotifier", "LoggingNotifier", "WebhookNotifier",
    "create_critical_alert", "create_error_alert", "create_info_alert", "create_warning_alert",
]

log = logging.getLogger("pharos")

# Alerts that wait for a slow notifier; what comes beyond is said in the log instead.
WAITING_MAX = 1000
EXIT_WAIT_S = 5.0


class AlertSeverity(enum.Enum):
    """How bad it is, in order."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def level(self) -> int:
        return list(AlertSeverity).index(self)

    def __ge__(self, other: "AlertSeverity") -> bool:
        return self.level >= other.level

    def __gt__(self, other: "AlertSeverity") -> bool:
        return self.level > other.level

    def __le__(self, other: "AlertSeverity") -> bool:
        return self.level <= other.level

    def __lt__(self, other: "AlertSeverity") -> bool:
        return self.level < other.level

    @classmethod
    def of(cls, value: Union["AlertSeverity", str]) -> "AlertSeverity":
        """A severity by its word; one that is unknown is a warning."""
        if isinstance(value, AlertSeverity):
            return value
        try:
            return cls(str(value).lower())
        except ValueError:
            return cls.WARNING


Alert = Dict[str, Any]


class AlertNotifier:
    """The base of all notifiers; one of your own overrides `notify`."""

    # True where `notify` may wait: it then runs on the system's own thread.
    waits = True

    def __init__(self, min_severity: AlertSeverity = AlertSeverity.INFO) -> None:
        self.min_severity = AlertSeverity.of(min_severity)

    def should_notify(self, alert: Alert) -> bool:
        """Whether the alert is severe enough for this notifier."""
        return AlertSeverity.of(alert["severity"]) >= self.min_severity

    def notify(self, alert: Alert) -> None:
        """Delivers the alert; raises what goes wrong."""
        raise NotImplementedError


class LoggingNotifier(AlertNotifier):
    """Writes alerts to a log, at the level of their severity."""

    waits = False
    LEVELS = {"info": 20, "warning": 30, "error": 40, "critical": 50}

    def __init__(
        self, min_severity: AlertSeverity = AlertSeverity.INFO, logger: Optional[logging.Logger] = None
    ) -> None:
        super().__init__(min_severity)
        self.logger = logger or logging.getLogger("pharos.alerts")

    def notify(self, alert: Alert) -> None:
        self.logger.log(
            self.LEVELS[alert["severity"]], "[%s] %s: %s (source %s) %s", alert["severity"].upper(),
            alert["title"], alert["message"], alert["source"], alert["details"] or "",
        )


class EmailNotifier(AlertNotifier):
    """Sends alerts by SMTP; the server is that of `SMTP_SERVER` and its kin unless given."""

    def __init__(
        self,
        recipients: Sequence[str],
        min_severity: AlertSeverity = AlertSeverity.WARNING,
        smtp_server: Optional[str] = None,
        smtp_port: Optional[int] = None,
        username: Optional[str] = None,
        password: Optional[str] = None,
        sender: Optional[str] = None,
        use_tls: Optional[bool] = None,
    ) -> None:
        super().__init__(min_severity)
        self.recipients = list(recipients)
        mail = MailSettings.from_environment()
        self.mail = MailSettings(
            smtp_server or mail.server, smtp_port or mail.port, username or mail.username,
            password or mail.password, sender or mail.sender, self.recipients, use_tls,
        )

    def notify(self, alert: Alert) -> None:
        lines = [alert["message"], "", "source: %s" % alert["source"], "time: %s" % alert["timestamp"]]
        lines += ["%s: %s" % pair for pair in alert["details"].items()]
        send_email(self.mail, "[%s] %s" % (alert["severity"].upper(), alert["title"]), "\n".join(lines))


class WebhookNotifier(AlertNotifier):
    """POSTs alerts as JSON."""

    def __init__(
        self, webhook_url: str, min_severity: AlertSeverity = AlertSeverity.WARNING, timeout: float = 10.0
    ) -> None:
        super().__init__(min_severity)
        self.webhook_url = webhook_url
        self.timeout = timeout

    def notify(self, alert: Alert) -> None:
        post_webhook(self.webhook_url, alert, timeout_s=self.timeout)


class AlertSystem:
    """Raises alerts, notifies, and remembers the last `max_history_size`."""

    def __init__(
        self,
        service_name: str = "amptalk",
        default_notifiers: Optional[Sequence[AlertNotifier]] = None,
        max_history_size: int = 1000,
    ) -> None:
        self.service_name = service_name
        self._notifiers: List[AlertNotifier] = list(
            [LoggingNotifier()] if default_notifiers is None else default_notifiers
        )
        self._history: Deque[Alert] = deque(maxlen=max_history_size)
        self._lock = threading.Lock()
        self._waiting: "queue.Queue[Tuple[AlertNotifier, Alert]]" = queue.Queue(WAITING_MAX)
        self._idle = threading.Condition()
        self._n_open = 0
        self._thread: Optional[threading.Thread] = None
        _SYSTEMS.add(self)

    def add_notifier(self, notifier: AlertNotifier) -> None:
        """Adds a notifier for all alerts to come."""
        with self._lock:
            self._notifiers.append(notifier)

    def remove_notifier(self, notifier: AlertNotifier) -> bool:
        """Removes a notifier; False if it was not there."""
        with self._lock:
            if notifier not in self._notifiers:
                return False
            self._notifiers.remove(notifier)
            return True

    def alert(
        self,
        title: str,
        message: str,
        severity: Union[AlertSeverity, str] = AlertSeverity.WARNING,
        source: str = "",
        details: Optional[Dict[str, Any]] = None,
    ) -> Alert:
        """Raises an alert and returns it; notifications follow."""
        level = AlertSeverity.of(severity)
        alert: Alert = {
            "alert_id": str(uuid.uuid4()),
            "title": title,
            "message": message,
            "severity": level.value,
            "source": source,
            "timestamp": now_text(),
            "details": dict(details or {}),
        }
        with self._lock:
            self._history.append(alert)
            notifiers = list(self._notifiers)
        for notifier in notifiers:
            if notifier.should_notify(alert):
                self._pass_on(notifier, alert)
        pharos = server(self.service_name)
        if pharos is not None:
            pharos.alert(title, message, level.value)
        return dict(alert)

    def get_history(
        self,
        limit: Optional[int] = None,
        min_severity: Optional[AlertSeverity] = None,
        source: Optional[str] = None,
    ) -> List[Alert]:
        """Past alerts, newest first."""
        least = AlertSeverity.INFO if min_severity is None else AlertSeverity.of(min_severity)
        with self._lock:
            found = [
                dict(alert) for alert in reversed(self._history)
                if AlertSeverity.of(alert["severity"]) >= least and source in (None, alert["source"])
            ]
        return found if limit is None else found[:limit]

    def clear_history(self) -> None:
        """Forgets all past alerts."""
        with self._lock:
            self._history.clear()

    def flush(self, timeout_s: float = EXIT_WAIT_S) -> bool:
        """Waits until all notifications are delivered or given up."""
        with self._idle:
            return self._idle.wait_for(lambda: self._n_open == 0, timeout_s)

    def _pass_on(self, notifier: AlertNotifier, alert: Alert) -> None:
        if not getattr(notifier, "waits", True):
            return _notify(notifier, alert)
        self._start()
        try:
            with self._idle:
                self._waiting.put_nowait((notifier, alert))
                self._n_open += 1
        except queue.Full:
            log.warning("%d notifications wait: %r is not sent", WAITING_MAX, alert["title"])

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="pharos-alerts", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            notifier, alert = self._waiting.get()
            _notify(notifier, alert)
            with self._idle:
                self._n_open -= 1
                self._idle.notify_all()


def _notify(notifier: AlertNotifier, alert: Alert) -> None:
    try:
        notifier.notify(dict(alert))
    except Exception as error:  # One channel's failure must not silence the others.
        log.error("%s could not tell %r: %s", type(notifier).__name__, alert["title"], error)


_SYSTEMS: "weakref.WeakSet[AlertSystem]" = weakref.WeakSet()


@atexit.register
def _at_exit() -> None:
    for system in list(_SYSTEMS):
        system.flush()


Details = Optional[Dict[str, Any]]


def create_info_alert(
    alert_system: AlertSystem, title: str, message: str, source: str = "", details: Details = None
) -> Alert:
    """Raises an alert of severity INFO."""
    return alert_system.alert(title, message, AlertSeverity.INFO, source, details)


def create_warning_alert(
    alert_system: AlertSystem, title: str, message: str, source: str = "", details: Details = None
) -> Alert:
    """Raises an alert of severity WARNING."""
    return alert_system.alert(title, message, AlertSeverity.WARNING, source, details)


def create_error_alert(
    alert_system: AlertSystem, title: str, message: str, source: str = "", details: Details = None
) -> Alert:
    """Raises an alert of severity ERROR."""
    return alert_system.alert(title, message, AlertSeverity.ERROR, source, details)


def create_critical_alert(
    alert_system: AlertSystem, title: str, message: str, source: str = "", details: Details = None
) -> Alert:
    """Raises an alert of severity CRITICAL."""
    return alert_system.alert(title, message, AlertSeverity.CRITICAL, source, details)
