"""The amptalk family: SystemMonitor, HealthCheck and AlertSystem, in the program itself.

With `PHAROS_URL` set, requests, errors, health and alerts reach the server as well.
"""

from .alert_system import AlertSeverity, AlertSystem, EmailNotifier, LoggingNotifier, WebhookNotifier
from .health_check import HealthCheck, HealthStatus
from .system_monitoring import SystemMonitor

__all__ = [
    "AlertSeverity", "AlertSystem", "EmailNotifier", "HealthCheck", "HealthStatus", "LoggingNotifier",
    "SystemMonitor", "WebhookNotifier",
]
