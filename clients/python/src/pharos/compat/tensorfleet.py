"""The tensorfleet family: collection from its services, aggregation, alerts and health.

`SERVICES` and `ALERT_RULES` are plain dictionaries that a program may change. Errors of a service are
logged and never fatal. The collected figures are exported again by `prometheus_client`.
"""

from __future__ import annotations

import logging
import os
import random
import re
import threading
import time
from datetime import datetime, timezone
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional

import prometheus_client
import urllib3

from ..notify import NotifyError, post_webhook
from .bridge import server, time_text

__all__ = [
    "ALERT_RULES", "CUSTOM_METRICS", "SERVICES", "MetricsCollector", "aggregate_platform_metrics",
    "broadcast_metrics_update", "get_current_metrics", "get_latest_metrics", "handle_metrics_subscription",
    "secure_metrics_access", "update_training_metrics",
    "calculate_avg_duration", "calculate_success_rate", "check_api_gateway_health", "check_orchestrator_health",
    "check_service_health", "check_storage_health", "check_worker_pool_health", "collect_platform_metrics",
    "collect_service_metrics", "generate_mock_worker_data", "get_daily_model_count", "get_job_analytics",
    "get_performance_trends", "get_resource_metrics", "merge_metrics", "parse_prometheus_metrics",
    "process_alerts", "record_job", "send_alert_webhook", "update_custom_metrics", "update_prometheus_metrics",
    "validate_prometheus_token",
]

log = logging.getLogger("pharos")

TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 8 << 20
# Jobs whose end is remembered for rates and trends.
JOBS_MAX = 10_000

SERVICES: Dict[str, str] = {
    "api_gateway": "http://api-gateway:8080",
    "orchestrator": os.environ.get("ORCHESTRATOR_URL", "http://orchestrator:50051"),
    "worker": "http://worker:2112",
    "storage": "http://storage:8081",
}

Metrics = Dict[str, Any]
REGISTRY = prometheus_client.CollectorRegistry()
_pool = urllib3.PoolManager(timeout=urllib3.Timeout(total=TIMEOUT_S), retries=False, maxsize=10)

CUSTOM_METRICS: Dict[str, Any] = {
    "models_trained_today": prometheus_client.Gauge("models_trained_today", "Models trained today", registry=REGISTRY),
    "user_activity": prometheus_client.Counter("user_activity_total", "User activity", ["action"], registry=REGISTRY),
    "revenue_metrics": prometheus_client.Gauge("platform_revenue", "Platform revenue", ["period"], registry=REGISTRY),
}
_PLATFORM: Dict[str, Any] = {
    "total_jobs": prometheus_client.Gauge("tensorfleet_total_jobs", "Jobs of all services", registry=REGISTRY),
    "active_workers": prometheus_client.Gauge("tensorfleet_active_workers", "Workers that are alive", registry=REGISTRY),
    "system_load": prometheus_client.Gauge("tensorfleet_system_load", "Sum of the services' loads", registry=REGISTRY),
    "error_rate": prometheus_client.Gauge("tensorfleet_error_rate_percent", "Errors per request", registry=REGISTRY),
}

ALERT_RULES: Dict[str, Dict[str, Any]] = {
    "high_error_rate": {
        "condition": lambda metrics: metrics.get("error_rate", 0) > 5.0,
        "message": "Error rate above 5%",
        "severity": "warning",
    },
    "worker_failure": {
        "condition": lambda metrics: metrics.get("active_workers", 0) < 2,
        "message": "Less than 2 workers active",
        "severity": "critical",
    },
    "storage_full": {
        "condition": lambda metrics: metrics.get("storage_usage", 0) > 90,
        "message": "Storage usage above 90%",
        "severity": "warning",
    },
}

# A rule's webhook is not called again within so many seconds while it stays active.
ALERT_COOLDOWN_S = 1800.0

LINE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}]*\})?\s+(\S+)")


def parse_prometheus_metrics(text: str) -> Dict[str, float]:
    """The values of a metrics page by name; of several series of one name, their sum."""
    found: Dict[str, float] = {}
    for line in text.splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        try:
            value = float(match.group(3))
        except ValueError:
            continue
        if value == value:  # NaN says nothing.
            found[match.group(1)] = found.get(match.group(1), 0.0) + value
    return found


def _get(url: str) -> str:
    """The text at `url`; raises what goes wrong."""
    answer = _pool.request("GET", url, preload_content=False)
    try:
        body = answer.read(ANSWER_BYTES_MAX)
    finally:
        answer.close()
    if answer.status != 200:
        raise ValueError("%s answered %d" % (url, answer.status))
    return body.decode("utf-8", "replace")


class MetricsCollector:
    """Collects from the API gateway, the orchestrator and the workers."""

    def __init__(self, services: Optional[Mapping[str, str]] = None, workers: Iterable[str] = ()) -> None:
        self.services = SERVICES if services is None else dict(services)
        self.workers = list(workers)
        self.job_metrics: Dict[str, float] = {}

    parse_prometheus_metrics = staticmethod(parse_prometheus_metrics)

    def collect_job_metrics(self) -> Dict[str, float]:
        """Reads gateway and orchestrator; what could not be read is missing, and in the log."""
        for name in ("api_gateway", "orchestrator"):
            try:
                self.update_job_metrics(parse_prometheus_metrics(_get(self.services[name] + "/metrics")))
            except Exception as error:  # A service of the fleet, whatever it does.
                log.error("Failed to collect job metrics from %s: %s", name, error)
        return dict(self.job_metrics)

    def collect_worker_metrics(self) -> Dict[str, Dict[str, float]]:
        """The figures of every worker that answers."""
        found: Dict[str, Dict[str, float]] = {}
        for worker in self.get_active_workers():
            address = worker if ":" in worker else worker + ":2112"
            try:
                found[worker] = parse_prometheus_metrics(_get("http://%s/metrics" % address))
            except Exception as error:  # A worker comes and goes.
                log.warning("Failed to collect metrics from %s: %s", worker, error)
        return found

    def get_active_workers(self) -> List[str]:
        """The workers to ask, as `host` or `host:port`."""
        return list(self.workers)

    def update_job_metrics(self, metrics: Mapping[str, float]) -> None:
        """Takes over what was read."""
        self.job_metrics.update(metrics)
        pharos = server("tensorfleet")
        if pharos is not None:
            for name, value in metrics.items():
                if name.startswith("tensorfleet_"):
                    pharos.metric(name, value)


def collect_service_metrics(service: str) -> Metrics:
    """One service's share of the platform's figures; raises what goes wrong."""
    found = parse_prometheus_metrics(_get(SERVICES[service] + "/metrics"))

    def first(*names: str) -> float:
        return next((found[name] for name in names if name in found), 0.0)

    metrics: Metrics = {
        "total_jobs": first("tensorfleet_job_submissions_total", "tensorfleet_total_jobs"),
        "active_workers": first("tensorfleet_active_workers"),
        "system_load": first("tensorfleet_system_load", "tensorfleet_worker_cpu_usage"),
        "requests": first("tensorfleet_api_requests_total"),
        "errors": first("tensorfleet_api_errors_total", "tensorfleet_failed_jobs_total"),
    }
    if "tensorfleet_storage_usage_percent" in found:
        metrics["storage_usage"] = found["tensorfleet_storage_usage_percent"]
    return metrics


def merge_metrics(aggregated: Metrics, metrics: Metrics) -> Metrics:
    """The sum of both; `error_rate` is in percent of all requests, `storage_usage` the highest."""
    merged = dict(aggregated)
    for name in ("total_jobs", "active_workers", "system_load", "requests", "errors"):
        if name in metrics or name in merged:
            merged[name] = merged.get(name, 0) + metrics.get(name, 0)
    if "storage_usage" in metrics:
        merged["storage_usage"] = max(merged.get("storage_usage", 0.0), metrics["storage_usage"])
    requests = merged.get("requests", 0)
    merged["error_rate"] = 100.0 * merged.get("errors", 0) / requests if requests else merged.get("error_rate", 0.0)
    return merged


def aggregate_platform_metrics() -> Metrics:
    """The figures of all services together, exported again."""
    aggregated: Metrics = {"total_jobs": 0, "active_workers": 0, "system_load": 0.0, "error_rate": 0.0}
    for service in list(SERVICES):
        try:
            aggregated = merge_metrics(aggregated, collect_service_metrics(service))
        except Exception as error:  # A service of the fleet, whatever it does.
            log.error("Failed to collect from %s: %s", service, error)
    update_prometheus_metrics(aggregated)
    return aggregated


def collect_platform_metrics() -> Metrics:
    """The aggregate with its time; may be called by many threads at once."""
    return {**aggregate_platform_metrics(), "timestamp": time_text(datetime.now(timezone.utc))}


def update_prometheus_metrics(aggregated: Mapping[str, Any]) -> None:
    """Exports the aggregate: in `REGISTRY`, and at the server where one is named."""
    with _jobs_lock:
        _latest.update(aggregated)
    pharos = server("tensorfleet")
    for name, gauge in _PLATFORM.items():
        value = float(aggregated.get(name, 0))
        gauge.set(value)
        if pharos is not None:
            pharos.metric(gauge._name, value)


_told_s: Dict[str, float] = {}
_told_lock = threading.Lock()


def process_alerts(metrics: Metrics) -> List[Dict[str, Any]]:
    """The rules that hold now, as alerts. Each is sent when it begins, and not again within the cooldown."""
    active: List[Dict[str, Any]] = []
    for rule_name, rule in list(ALERT_RULES.items()):
        try:
            holds = rule["condition"](metrics)
        except Exception as error:  # The program's own function.
            log.error("the condition of rule %s fails: %r", rule_name, error)
            continue
        if not holds:
            continue
        alert = {
            "rule": rule_name,
            "message": rule["message"],
            "severity": rule["severity"],
            "timestamp": time_text(datetime.now(timezone.utc)),
            "metrics": metrics,
        }
        active.append(alert)
        if _is_due(rule_name):
            _tell(alert)
    return active


def _is_due(rule_name: str) -> bool:
    now_s = time.monotonic()
    with _told_lock:
        told_s = _told_s.get(rule_name)
        if told_s is not None and now_s - told_s < ALERT_COOLDOWN_S:
            return False
        _told_s[rule_name] = now_s
        return True


def _tell(alert: Dict[str, Any]) -> None:
    send_alert_webhook(alert)
    pharos = server("tensorfleet")
    if pharos is not None:
        pharos.alert(str(alert["rule"]), str(alert["message"]), str(alert["severity"]))


def send_alert_webhook(alert: Mapping[str, Any]) -> bool:
    """POSTs the alert to `ALERT_WEBHOOK_URL`; False where none is set or it failed."""
    url = os.environ.get("ALERT_WEBHOOK_URL")
    if not url:
        return False
    try:
        post_webhook(url, alert)
    except NotifyError as error:
        log.error("alert %s is not sent: %s", alert.get("rule"), error)
        return False
    return True


_latest: Metrics = {}
_training: Dict[str, Dict[str, float]] = {}


def update_training_metrics(job_id: str, **figures: float) -> None:
    """Notes a running job's figures, such as `loss`, `accuracy` and `progress`."""
    with _jobs_lock:
        _training.setdefault(job_id, {}).update(figures)
        while len(_training) > JOBS_MAX:
            del _training[next(iter(_training))]
    pharos = server("tensorfleet")
    if pharos is not None:
        for name, value in figures.items():
            pharos.metric("tensorfleet_training_" + name, value, {"job_id": job_id})


def get_latest_metrics() -> Metrics:
    """The newest aggregate, with the time of asking."""
    with _jobs_lock:
        return {**_latest, "timestamp": time_text(datetime.now(timezone.utc))}


def get_current_metrics(job_id: Optional[str] = None) -> Metrics:
    """The newest aggregate and, of a job that is named, its figures."""
    found = get_latest_metrics()
    if job_id is not None:
        with _jobs_lock:
            found.update(job_id=job_id, job=dict(_training.get(job_id, {})))
    return found


def handle_metrics_subscription(data: Any) -> None:
    """The handler of `subscribe_metrics` in a Flask-SocketIO application: joins a room and answers.

    `socketio.on("subscribe_metrics")(handle_metrics_subscription)`
    """
    from flask_socketio import emit, join_room

    asked = data if isinstance(data, dict) else {}
    join_room(str(asked.get("room", "general")))
    emit("metrics_update", get_current_metrics(asked.get("job_id")))


def broadcast_metrics_update(socketio: Any, room: Optional[str] = None) -> None:
    """Sends the newest aggregate to all, or to one room."""
    socketio.emit("metrics_update", get_latest_metrics(), **({"to": room} if room else {}))


def secure_metrics_access() -> Any:
    """A `before_request` hook of Flask: paths from `/metrics` on need a valid token."""
    from flask import jsonify, request

    if request.path.startswith("/metrics") and not validate_prometheus_token(request.headers.get("Authorization")):
        return jsonify({"error": "Unauthorized"}), 401
    return None


# Jobs that ended: (Unix seconds, seconds it took, whether it was completed).
_jobs: "List[tuple[float, float, bool]]" = []
_jobs_lock = threading.Lock()
job_counter = 0


def record_job(duration_s: float, completed: bool = True) -> None:
    """Notes a job that ended; rates, trends and the daily count come from here."""
    global job_counter
    with _jobs_lock:
        job_counter += 1
        _jobs.append((time.time(), float(duration_s), bool(completed)))
        del _jobs[:-JOBS_MAX]


def calculate_success_rate() -> float:
    """Completed jobs in percent; 0 before the first."""
    with _jobs_lock:
        return round(100.0 * sum(done for _, _, done in _jobs) / len(_jobs), 2) if _jobs else 0.0


def calculate_avg_duration() -> float:
    """The mean duration of jobs in seconds; 0 before the first."""
    with _jobs_lock:
        return round(sum(took for _, took, _ in _jobs) / len(_jobs), 3) if _jobs else 0.0


def get_performance_trends(hours: int = 24) -> List[Dict[str, Any]]:
    """Jobs and their mean duration per hour of the last hours, oldest first."""
    now_s = time.time()
    found: List[Dict[str, Any]] = []
    with _jobs_lock:
        for back in range(hours - 1, -1, -1):
            end_s = now_s - 3600.0 * back
            took = [took for at, took, _ in _jobs if end_s - 3600.0 < at <= end_s]
            found.append({
                "timestamp": time_text(datetime.fromtimestamp(end_s, timezone.utc)), "jobs": len(took),
                "average_duration": round(sum(took) / len(took), 3) if took else 0.0,
            })
    return found


def get_resource_metrics() -> Dict[str, float]:
    """This machine's use of CPU, memory and disk in percent."""
    from ..host import Host

    figures = Host().read()
    return {name + "_percent": figures.get(name, 0.0) for name in ("cpu", "memory", "disk")}


def get_daily_model_count() -> int:
    """Jobs completed since midnight UTC."""
    midnight_s = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    with _jobs_lock:
        return sum(1 for at, _, done in _jobs if done and at >= midnight_s)


def get_job_analytics() -> Dict[str, Any]:
    """What `/api/analytics/jobs` answers."""
    return {
        "total_jobs": job_counter,
        "success_rate": calculate_success_rate(),
        "average_duration": calculate_avg_duration(),
        "performance_trends": get_performance_trends(),
        "resource_utilization": get_resource_metrics(),
    }


def update_custom_metrics(action: str = "login") -> None:
    """Sets the business metrics: today's models, and one more action of a user."""
    CUSTOM_METRICS["models_trained_today"].set(get_daily_model_count())
    CUSTOM_METRICS["user_activity"].labels(action=action).inc()


def _health_of(service: str) -> str:
    try:
        _get(SERVICES[service] + "/health")
    except Exception:  # Not reached or not well: both are unhealthy.
        return "unhealthy"
    return "healthy"


def check_orchestrator_health() -> str:
    """`healthy` or `unhealthy`, by its /health."""
    return _health_of("orchestrator")


def check_worker_pool_health() -> str:
    """`healthy` or `unhealthy`, by the workers' /health."""
    return _health_of("worker")


def check_api_gateway_health() -> str:
    """`healthy` or `unhealthy`, by its /health."""
    return _health_of("api_gateway")


def check_storage_health() -> str:
    """`healthy` or `unhealthy`, by its /health."""
    return _health_of("storage")


def check_service_health() -> Dict[str, str]:
    """Every dependency's word, and `degraded` over all when one is not healthy."""
    checks: Dict[str, Callable[[], str]] = {
        "orchestrator": check_orchestrator_health, "workers": check_worker_pool_health,
        "api_gateway": check_api_gateway_health, "storage": check_storage_health,
    }
    health = {name: check() for name, check in checks.items()}
    health["overall_status"] = "healthy" if set(health.values()) == {"healthy"} else "degraded"
    return health


def generate_mock_worker_data() -> Dict[str, Any]:
    """Three made-up workers, for pages without an orchestrator; marked as such."""
    workers: List[Dict[str, Any]] = [
        {
            "worker_id": "tensorfleet-worker-%d" % number,
            "status": random.choice(["BUSY", "IDLE"]),
            "tasks_completed": random.randint(10, 50),
            "cpu_usage": random.randint(30, 90),
            "memory_usage": random.randint(40, 85),
            "is_active": True,
            "last_activity_time": int(time.time()),
        }
        for number in (1, 2, 3)
    ]
    return {
        "total_workers": len(workers),
        "active_workers": sum(1 for worker in workers if worker["is_active"]),
        "busy_workers": sum(1 for worker in workers if worker["status"] == "BUSY"),
        "workers": workers,
        "mock": True,
    }


def validate_prometheus_token(token: Optional[str]) -> bool:
    """Whether an `Authorization` value carries `PHAROS_API_KEY`, as Bearer or alone."""
    import hmac

    key = os.environ.get("PHAROS_API_KEY")
    if not key or not token:
        return False
    given = token[7:] if token.lower().startswith("bearer ") else token
    return hmac.compare_digest(given.encode(), key.encode())
