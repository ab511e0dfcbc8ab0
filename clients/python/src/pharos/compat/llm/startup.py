"""Starts the llm family's monitoring, by arguments or by the environment."""

from __future__ import annotations

import logging
from typing import Any, Dict, NamedTuple, Optional

from ...notify import NotifyError
from .alerting import AlertManager, EmailNotificationHandler, SlackNotificationHandler, get_alert_manager
from .database import switched_on
from .metrics_collector import MetricsCollector, get_metrics_collector

__all__ = ["Monitoring", "initialize_monitoring_system", "start_monitoring_with_config", "stop_monitoring_system"]

log = logging.getLogger("pharos")


class Monitoring(NamedTuple):
    """What was started."""

    metrics_collector: MetricsCollector
    alert_manager: AlertManager


def initialize_monitoring_system(
    enable_email_alerts: Optional[bool] = None,
    email_config: Optional[Dict[str, Any]] = None,
    enable_slack_alerts: Optional[bool] = None,
    slack_webhook_url: Optional[str] = None,
    metrics: Optional[Dict[str, Any]] = None,
    alerts: Optional[Dict[str, Any]] = None,
) -> Monitoring:
    """Starts collection and alerting.

    `metrics` takes `collection_interval` and `retention_days`, `alerts` takes `check_interval` and
    `cooldown_period`, all in the units of their names or seconds. What is left out is told by the
    environment. A second call changes the settings; each channel is added once.
    """
    started = Monitoring(get_metrics_collector(), get_alert_manager())
    _set(started.metrics_collector, metrics, ("collection_interval", "retention_days"))
    _set(started.alert_manager, alerts, ("check_interval", "cooldown_period"))
    if _wanted(enable_email_alerts, "ENABLE_EMAIL_ALERTS"):
        handler = EmailNotificationHandler(**email_config) if email_config else EmailNotificationHandler.from_environment()
        _add(started.alert_manager, handler)
    if _wanted(enable_slack_alerts, "ENABLE_SLACK_ALERTS"):
        try:
            _add(started.alert_manager, SlackNotificationHandler(slack_webhook_url))
        except NotifyError as error:
            log.error("no alerts to Slack: %s", error)
    started.metrics_collector.start_collection()
    started.alert_manager.start_monitoring()
    return started


def start_monitoring_with_config() -> Monitoring:
    """Starts collection and alerting as the environment says."""
    return initialize_monitoring_system()


def stop_monitoring_system() -> None:
    """Ends both, and writes what waits."""
    get_alert_manager().stop_monitoring()
    get_metrics_collector().stop_collection()


def _wanted(given: Optional[bool], variable: str) -> bool:
    return switched_on(variable) if given is None else given


def _set(what: Any, given: Optional[Dict[str, Any]], known: "tuple[str, ...]") -> None:
    for name, value in (given or {}).items():
        if name not in known:
            raise ValueError("unknown setting %r, known are %s" % (name, ", ".join(known)))
        setattr(what, name, value)


def _add(manager: AlertManager, handler: Any) -> None:
    for held in list(manager.notification_handlers):
        if type(held) is type(handler):
            manager.notification_handlers.remove(held)
    manager.add_notification_handler(handler)
