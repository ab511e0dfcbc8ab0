"""AlertManager: rules over the collected metrics, with real durations and a real cooldown.

A rule's condition must hold for all of `threshold_duration` before its alert fires; after a
notification the same alert is silent for `cooldown_period`. A resolve is told at once.
"""

from __future__ import annotations

import enum
import json
import logging
import os
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Callable, Dict, List, Mapping, Optional

from ...notify import MailSettings, NotifyError, post_slack, send_email
from ..bridge import server, time_text
from .database import ALERTS, ALERTS_DB_DEFAULT, Database, seconds_from_environment
from .metrics_collector import get_metrics_collector, utc_now

__all__ = [
    "Alert", "AlertManager", "AlertRule", "AlertSeverity", "AlertStatus", "EmailNotificationHandler",
    "SlackNotificationHandler", "default_rules", "get_alert_manager",
]

log = logging.getLogger("pharos")

DURATION_S = 300.0
COOLDOWN_S = 1800.0

Metrics = Mapping[str, Any]


class AlertSeverity(enum.Enum):
    """How bad it is, in order."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class AlertStatus(enum.Enum):
    """Where an alert stands."""

    ACTIVE = "active"
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"


@dataclass
class AlertRule:
    """When to alert; durations in seconds. Without a `cooldown_period` the manager's holds."""

    name: str
    description: str
    severity: AlertSeverity
    condition: Callable[[Any], Any]
    threshold_duration: float = DURATION_S
    cooldown_period: Optional[float] = None
    enabled: bool = True


@dataclass
class Alert:
    """An alert from its firing to its end."""

    id: str
    name: str
    description: str
    severity: AlertSeverity
    status: AlertStatus
    created_at: datetime
    updated_at: datetime
    resolved_at: Optional[datetime] = None
    acknowledged_at: Optional[datetime] = None
    metadata: Dict[str, Any] = field(default_factory=dict)

    def row(self) -> "tuple[Any, ...]":
        times = (self.created_at, self.updated_at, self.resolved_at, self.acknowledged_at)
        return (
            self.id, self.name, self.description, self.severity.value, self.status.value,
            *(None if at is None else time_text(at) for at in times), json.dumps(self.metadata, default=str),
        )


NotificationHandler = Callable[[Alert], Any]


def _figure(metrics: Metrics, group: str, *names: str) -> float:
    """The first of the names that the group tells; 0 without any."""
    found = metrics.get(group) or {}
    return float(next((found[name] for name in names if found.get(name) is not None), 0.0))


def _no_requests(metrics: Metrics) -> bool:
    # A program that never had a request is new, not down.
    api = metrics.get("api") or {}
    return bool(api.get("ever_requested")) and not api.get("total_requests")


def default_rules() -> List[AlertRule]:
    """The six rules that every manager starts with."""
    high, medium, critical = AlertSeverity.HIGH, AlertSeverity.MEDIUM, AlertSeverity.CRITICAL
    return [
        AlertRule("high_cpu_usage", "CPU usage is above 80%", high,
                  lambda m: _figure(m, "system", "cpu_percent", "avg_cpu_percent") > 80, 300),
        AlertRule("high_memory_usage", "Memory usage is above 90%", critical,
                  lambda m: _figure(m, "system", "memory_percent", "avg_memory_percent") > 90, 180),
        AlertRule("high_error_rate", "API error rate is above 10%", high,
                  lambda m: _figure(m, "api", "error_rate_percent") > 10, 300),
        AlertRule("slow_response_time", "Average response time is above 5 seconds", medium,
                  lambda m: _figure(m, "api", "avg_response_time_ms") > 5000, 600),
        AlertRule("low_disk_space", "Disk usage is above 85%", high,
                  lambda m: _figure(m, "system", "disk_usage_percent", "avg_disk_percent") > 85, 300),
        AlertRule("no_recent_requests", "No requests for 15 minutes: the system may be down", critical,
                  _no_requests, 900),
    ]


class AlertManager:
    """Checks all rules every `check_interval` seconds once started."""

    def __init__(
        self,
        db_path: Optional[str] = None,
        check_interval: Optional[float] = None,
        cooldown_period: Optional[float] = None,
        metrics: Optional[Callable[[], Metrics]] = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.db_path = db_path or os.environ.get("ALERTS_DB_PATH") or ALERTS_DB_DEFAULT
        self.check_interval = check_interval or seconds_from_environment("ALERT_CHECK_INTERVAL", 60.0)
        self.cooldown_period = (
            seconds_from_environment("ALERT_COOLDOWN_PERIOD", COOLDOWN_S) if cooldown_period is None else cooldown_period
        )
        self.rules: Dict[str, AlertRule] = {rule.name: rule for rule in default_rules()}
        self.active_alerts: Dict[str, Alert] = {}
        self.notification_handlers: List[NotificationHandler] = []
        self.running = False
        self.database = Database(self.db_path, [ALERTS])
        self._metrics = metrics or self._collected
        self._clock = clock
        # Since when a condition holds, and when an alert was last told, by the rule's name.
        self._holds_since_s: Dict[str, float] = {}
        self._told_s: Dict[str, float] = {}
        self._broken: Dict[str, str] = {}
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._restore()

    def add_rule(self, rule: AlertRule) -> None:
        """Adds a rule, or replaces the one of that name."""
        with self._lock:
            self.rules[rule.name] = rule
            self._holds_since_s.pop(rule.name, None)

    def remove_rule(self, name: str) -> bool:
        """Removes a rule and resolves its alert; False if there is none of that name."""
        with self._lock:
            removed = self.rules.pop(name, None) is not None
            self._holds_since_s.pop(name, None)
        self._resolve(name)
        return removed

    def add_notification_handler(self, handler: NotificationHandler) -> None:
        """Calls `handler(alert)` when an alert fires, and again when it is resolved."""
        with self._lock:
            self.notification_handlers.append(handler)

    def start_monitoring(self) -> None:
        """Checks from now on; a second call does nothing."""
        with self._lock:
            if self.running:
                return
            self.running, self._stop = True, threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._stop,), name="pharos-llm-alerts", daemon=True
            )
            self._thread.start()

    def stop_monitoring(self) -> None:
        """Ends the checks."""
        with self._lock:
            self.running = False
            self._stop.set()
        if self._thread is not None:
            self._thread.join(5)

    def check_rules(self, metrics: Optional[Metrics] = None) -> List[Alert]:
        """Checks all rules once; the alerts that are active then."""
        found = self._metrics() if metrics is None else metrics
        for rule in list(self.rules.values()):
            if rule.enabled:
                self._check(rule, found)
        return list(self.active_alerts.values())

    def get_active_alerts(self) -> List[Alert]:
        """The alerts that fire now, also acknowledged ones."""
        return list(self.active_alerts.values())

    def get_alert_history(self, hours: float = 24) -> List[Dict[str, Any]]:
        """The alerts of the last hours as rows, newest first."""
        since = time_text(utc_now() - timedelta(hours=hours))
        return self.database.read("SELECT * FROM alerts WHERE created_at >= ? ORDER BY created_at DESC", (since,))

    def acknowledge_alert(self, alert_id: str) -> bool:
        """Notes that someone looks after it; False if no active alert has this id."""
        with self._lock:
            for alert in self.active_alerts.values():
                if alert.id == alert_id:
                    alert.status = AlertStatus.ACKNOWLEDGED
                    alert.acknowledged_at = alert.updated_at = utc_now()
                    self._store(alert)
                    return True
        return False

    def resolve_alert(self, alert_id: str) -> bool:
        """Ends an alert by hand; False if no active alert has this id."""
        name = next((alert.name for alert in self.get_active_alerts() if alert.id == alert_id), None)
        return name is not None and self._resolve(name)

    def close(self) -> None:
        """Ends the checks and closes the file."""
        self.stop_monitoring()
        self.database.close()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self.check_interval):
            try:
                self.check_rules()
            except Exception as error:  # A full disk today must not end tomorrow's checks.
                log.warning("alert rules are not checked: %s", error)

    def _collected(self) -> Metrics:
        return get_metrics_collector().current_metrics(window_s=max(self.check_interval, 60.0))

    def _check(self, rule: AlertRule, metrics: Metrics) -> None:
        holds = self._holds(rule, metrics)
        if holds is None:
            return
        now_s = self._clock()
        if not holds:
            self._holds_since_s.pop(rule.name, None)
            self._resolve(rule.name)
            return
        since_s = self._holds_since_s.setdefault(rule.name, now_s)
        if rule.name not in self.active_alerts and now_s - since_s >= rule.threshold_duration:
            self._fire(rule, metrics, now_s)

    def _holds(self, rule: AlertRule, metrics: Metrics) -> Optional[bool]:
        """None where the condition itself fails: then nothing is known, and nothing changes."""
        try:
            holds = bool(rule.condition(metrics))
        except Exception as error:  # The program's own function.
            if self._broken.get(rule.name) != repr(error):
                log.error("the condition of rule %s fails: %r", rule.name, error)
            self._broken[rule.name] = repr(error)
            return None
        self._broken.pop(rule.name, None)
        return holds

    def _fire(self, rule: AlertRule, metrics: Metrics, now_s: float) -> None:
        now = utc_now()
        alert = Alert(
            str(uuid.uuid4()), rule.name, rule.description, rule.severity, AlertStatus.ACTIVE, now, now,
            metadata={"metrics": {key: value for key, value in metrics.items() if isinstance(value, dict)}},
        )
        with self._lock:
            self.active_alerts[rule.name] = alert
            self._store(alert)
        cooldown_s = self.cooldown_period if rule.cooldown_period is None else rule.cooldown_period
        told_s = self._told_s.get(rule.name)
        if told_s is not None and now_s - told_s < cooldown_s:
            alert.metadata["silent"] = True
            return
        self._told_s[rule.name] = now_s
        self._notify(alert)
        pharos = server()
        if pharos is not None:
            pharos.alert(rule.name, rule.description, rule.severity.value)

    def _resolve(self, name: str) -> bool:
        with self._lock:
            alert = self.active_alerts.pop(name, None)
            if alert is None:
                return False
            alert.status = AlertStatus.RESOLVED
            alert.resolved_at = alert.updated_at = utc_now()
            self._store(alert)
        # Who was not told of its begin is not told of its end.
        if not alert.metadata.get("silent"):
            self._notify(alert)
        return True

    def _notify(self, alert: Alert) -> None:
        for handler in list(self.notification_handlers):
            try:
                handler(alert)
            except Exception as error:  # One channel's failure must not silence the others.
                log.error("%s could not tell alert %s: %s", getattr(handler, "__name__", type(handler).__name__), alert.name, error)

    def _store(self, alert: Alert) -> None:
        self.database.write("INSERT OR REPLACE INTO alerts VALUES (?,?,?,?,?,?,?,?,?,?)", [alert.row()])

    def _restore(self) -> None:
        """Takes up what was active when the program ended, so that it can still be resolved."""
        for row in self.database.read("SELECT * FROM alerts WHERE status != 'resolved'"):
            created, updated = _time(row["created_at"]), _time(row["updated_at"])
            self.active_alerts[row["name"]] = Alert(
                row["id"], row["name"], row["description"], AlertSeverity(row["severity"]),
                AlertStatus(row["status"]), created or utc_now(), updated or utc_now(),
                acknowledged_at=_time(row["acknowledged_at"]), metadata=json.loads(row["metadata"] or "{}"),
            )


def _time(text: Optional[str]) -> Optional[datetime]:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


class EmailNotificationHandler:
    """Tells alerts by SMTP."""

    def __init__(
        self,
        smtp_server: str = "smtp.gmail.com",
        smtp_port: int = 587,
        username: Optional[str] = None,
        password: Optional[str] = None,
        from_email: Optional[str] = None,
        to_emails: Optional[List[str]] = None,
    ) -> None:
        self.mail = MailSettings(
            smtp_server, int(smtp_port), username, password, from_email or username or "pharos@localhost",
            list(to_emails or []),
        )

    @classmethod
    def from_environment(cls) -> "EmailNotificationHandler":
        mail = MailSettings.from_environment("smtp.gmail.com")
        return cls(mail.server, mail.port, mail.username, mail.password, mail.sender, mail.recipients)

    def __call__(self, alert: Alert) -> None:
        word = "RESOLVED" if alert.status is AlertStatus.RESOLVED else alert.severity.value
        text = "%s\n\nseverity: %s\nstatus: %s\nsince: %s\nid: %s\n" % (
            alert.description, alert.severity.value, alert.status.value, time_text(alert.created_at), alert.id,
        )
        send_email(self.mail, "[%s] %s" % (word, alert.name), text)


class SlackNotificationHandler:
    """Tells alerts to a Slack incoming webhook, coloured by severity."""

    def __init__(self, webhook_url: Optional[str] = None) -> None:
        self.webhook_url = webhook_url or os.environ.get("SLACK_WEBHOOK_URL") or ""
        if not self.webhook_url:
            raise NotifyError("SLACK_WEBHOOK_URL is not set")

    def __call__(self, alert: Alert) -> None:
        resolved = alert.status is AlertStatus.RESOLVED
        post_slack(
            self.webhook_url, alert.name, alert.description, "RESOLVED" if resolved else alert.severity.value,
            {"severity": alert.severity.value, "status": alert.status.value, "since": time_text(alert.created_at)},
        )


_manager: Optional[AlertManager] = None
_manager_lock = threading.Lock()


def get_alert_manager() -> AlertManager:
    """The program's manager, made by the environment on the first call."""
    global _manager
    with _manager_lock:
        if _manager is None:
            _manager = AlertManager()
        return _manager
