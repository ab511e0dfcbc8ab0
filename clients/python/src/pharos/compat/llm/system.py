"""The machine's figures as the llm family's rows have them: percent, MB, GB, bytes since boot."""

from __future__ import annotations

import shutil
import threading
from typing import Any, Dict, Optional

from ...host import Host, memory_bytes, psutil

MB = 1024.0 * 1024.0
GB = 1024.0 * MB

_lock = threading.Lock()
_host: Optional[Host] = None


def read_system() -> Dict[str, Any]:
    """The fields of `SystemMetrics` but its timestamp."""
    global _host
    with _lock:
        _host = _host or Host()
    used, total = memory_bytes()
    disk = shutil.disk_usage("/")
    sent, received = _network()
    return {
        "cpu_percent": _host.cpu_percent(),
        "memory_percent": round(100.0 * used / total, 2),
        "memory_used_mb": round(used / MB, 2),
        "memory_available_mb": round((total - used) / MB, 2),
        "disk_usage_percent": round(100.0 * disk.used / max(disk.used + disk.free, 1), 2),
        "disk_free_gb": round(disk.free / GB, 3),
        "network_bytes_sent": sent,
        "network_bytes_recv": received,
        "active_connections": _connections(),
    }


def _network() -> "tuple[int, int]":
    """Bytes sent and received since boot, all interfaces."""
    try:
        if psutil is not None:
            counted = psutil.net_io_counters()
            return (counted.bytes_sent, counted.bytes_recv) if counted else (0, 0)
        with open("/proc/net/dev") as file:
            rows = [line.partition(":")[2].split() for line in file.readlines()[2:]]
        return sum(int(row[8]) for row in rows), sum(int(row[0]) for row in rows)
    except (OSError, ValueError, IndexError):
        return 0, 0


def _connections() -> int:
    """Established TCP connections of the machine, as far as we may see them."""
    found = 0
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(path) as file:
                found += sum(1 for line in file if line.split()[3:4] == ["01"])
        except OSError:
            continue
    if found == 0 and psutil is not None:
        try:
            return sum(1 for each in psutil.net_connections("tcp") if each.status == "ESTABLISHED")
        except (psutil.Error, OSError):
            return 0
    return found
