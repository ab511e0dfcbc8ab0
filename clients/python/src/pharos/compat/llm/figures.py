"""What the rows of the llm family add up to: the summaries that rules and dashboards read."""

from __future__ import annotations

import math
from typing import Any, Dict, List

from .database import Database

# A summary reads no more requests than these for its percentiles: the newest ones.
SAMPLE_MAX = 200_000


def system_summary(database: Database, since: str) -> Dict[str, Any]:
    """Averages and peaks of the machine."""
    row = database.read(
        "SELECT COUNT(*) n, AVG(cpu_percent) avg_cpu, MAX(cpu_percent) max_cpu, AVG(memory_percent) avg_memory,"
        " MAX(memory_percent) max_memory, AVG(disk_usage_percent) avg_disk FROM system_metrics WHERE timestamp >= ?",
        (since,),
    )[0]
    return {
        "avg_cpu_percent": _rounded(row["avg_cpu"]),
        "max_cpu_percent": _rounded(row["max_cpu"]),
        "avg_memory_percent": _rounded(row["avg_memory"]),
        "max_memory_percent": _rounded(row["max_memory"]),
        "avg_disk_percent": _rounded(row["avg_disk"]),
        "data_points": row["n"],
    }


def api_summary(database: Database, since: str, reach_s: float) -> Dict[str, Any]:
    """Requests, their rate, times, errors and sizes, in all and by endpoint."""
    rows = database.read(
        "SELECT endpoint, method, status_code, COUNT(*) n, SUM(error_count > 0) errors, AVG(response_time_ms) avg_ms,"
        " MAX(response_time_ms) max_ms, SUM(request_size_bytes) request_bytes, SUM(response_size_bytes) response_bytes"
        " FROM api_metrics WHERE timestamp >= ? GROUP BY endpoint, method, status_code",
        (since,),
    )
    times_ms = sorted(
        database.column(
            "SELECT response_time_ms FROM api_metrics WHERE timestamp >= ? AND response_time_ms IS NOT NULL"
            " ORDER BY id DESC LIMIT %d" % SAMPLE_MAX,
            (since,),
        )
    )
    total = sum(row["n"] for row in rows)
    errors = sum(row["errors"] or 0 for row in rows)
    return {
        "total_requests": total,
        "requests_per_second": round(total / reach_s, 4) if reach_s else 0.0,
        "avg_response_time_ms": _rounded(sum((row["avg_ms"] or 0) * row["n"] for row in rows) / total if total else 0),
        "max_response_time_ms": _rounded(max((row["max_ms"] or 0 for row in rows), default=0)),
        **{"p%d_response_time_ms" % share: percentile(times_ms, share) for share in (50, 90, 95, 99)},
        "error_count": errors,
        "error_rate_percent": _rounded(100.0 * errors / total if total else 0),
        "unique_endpoints": len({row["endpoint"] for row in rows}),
        "request_size_bytes": sum(row["request_bytes"] or 0 for row in rows),
        "response_size_bytes": sum(row["response_bytes"] or 0 for row in rows),
        "status_codes": _by_status(rows),
        "endpoints": _by_endpoint(rows),
    }


def _by_status(rows: List[Dict[str, Any]]) -> Dict[str, int]:
    found: Dict[str, int] = {}
    for row in rows:
        code = str(row["status_code"])
        found[code] = found.get(code, 0) + row["n"]
    return dict(sorted(found.items()))


def _by_endpoint(rows: List[Dict[str, Any]]) -> Dict[str, Dict[str, Any]]:
    found: Dict[str, Dict[str, Any]] = {}
    for row in rows:
        one = found.setdefault("%s %s" % (row["method"], row["endpoint"]), {"requests": 0, "errors": 0, "ms": 0.0})
        one["requests"] += row["n"]
        one["errors"] += row["errors"] or 0
        one["ms"] += (row["avg_ms"] or 0.0) * row["n"]
    for one in found.values():
        one["avg_response_time_ms"] = _rounded(one.pop("ms") / one["requests"])
        one["error_rate_percent"] = _rounded(100.0 * one["errors"] / one["requests"])
    return found


def app_summary(database: Database, since: str) -> Dict[str, Any]:
    """The application's newest figures, where it told any."""
    rows = database.read(
        "SELECT * FROM app_metrics WHERE timestamp >= ? ORDER BY timestamp DESC, id DESC LIMIT 1", (since,)
    )
    return {name: value for name, value in rows[0].items() if name not in ("id", "created_at")} if rows else {}


def percentile(values: List[float], share: float) -> float:
    """The nearest-rank percentile; 0 of nothing."""
    if not values:
        return 0.0
    # Sorted already, this costs next to nothing.
    ordered = sorted(values)
    return _rounded(ordered[max(0, math.ceil(share / 100.0 * len(ordered)) - 1)])


def _rounded(value: Any) -> float:
    return round(float(value or 0.0), 4)
