"""This machine's and this process's figures, by psutil or, without it, from /proc.

`Host.read` gives plain numbers; `HostReporter` sends them. `cpu`, `memory` and `disk` are percent,
`network` is bytes per second in both directions.
"""

from __future__ import annotations

import importlib
import os
import shutil
import threading
import time
from typing import Any, Callable, Dict, Optional, Tuple

from .gpu import gpus

psutil: Any
try:
    psutil = importlib.import_module("psutil")
except ImportError:  # Optional: /proc tells the main figures.
    psutil = None

# (busy, total) of all processors, in any unit
CpuTimes = Tuple[float, float]


class Host:
    """Reads figures; rates are since the read before."""

    def __init__(self, disk_path: str = os.sep) -> None:
        self.disk_path = disk_path
        self._lock = threading.Lock()
        self._cpu = self._cpu_times()
        self._network = (time.monotonic(), *_network_bytes())
        self._cpu_percent = 0.0

    def read(self) -> Dict[str, float]:
        """The figures of now. A figure that this system does not tell is left out."""
        figures: Dict[str, float] = {"cpu": self.cpu_percent()}
        for read in (self._memory, self._disk, self._network_rates, _load, _process):
            try:
                figures.update(read())
            except (OSError, ValueError, RuntimeError, AttributeError):
                continue
        return figures

    def cpu_percent(self) -> float:
        """How busy all processors were since the call before, in percent."""
        with self._lock:
            busy, total = self._cpu_times()
            elapsed = total - self._cpu[1]
            # Two calls within one tick of the kernel's clock: the last figure stands.
            if elapsed > 0:
                share = (busy - self._cpu[0]) / elapsed
                self._cpu_percent = round(100.0 * min(max(share, 0.0), 1.0), 2)
                self._cpu = (busy, total)
            return self._cpu_percent

    @staticmethod
    def _cpu_times() -> CpuTimes:
        if psutil is not None:
            times = psutil.cpu_times()
            # A guest's time is already in the user's.
            total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
            idle = times.idle + getattr(times, "iowait", 0.0)
            return total - idle, total
        try:
            with open("/proc/stat") as file:
                parts = [float(part) for part in file.readline().split()[1:9]]
        except (OSError, ValueError):
            return 0.0, 0.0
        return sum(parts) - parts[3] - parts[4], sum(parts)

    @staticmethod
    def _memory() -> Dict[str, float]:
        used, total = memory_bytes()
        return {"memory": round(100.0 * used / total, 2)}

    def _disk(self) -> Dict[str, float]:
        usage = shutil.disk_usage(self.disk_path)
        # Of what programs may use, as df tells it.
        return {"disk": round(100.0 * usage.used / max(usage.used + usage.free, 1), 2)}

    def _network_rates(self) -> Dict[str, float]:
        now_s, (received, sent) = time.monotonic(), _network_bytes()
        with self._lock:
            then_s, received_then, sent_then = self._network
            self._network = (now_s, received, sent)
        elapsed_s = max(now_s - then_s, 1e-3)
        receive = max(received - received_then, 0) / elapsed_s
        transmit = max(sent - sent_then, 0) / elapsed_s
        return {
            "network": round(receive + transmit, 1),
            "network_receive_bytes_per_second": round(receive, 1),
            "network_transmit_bytes_per_second": round(transmit, 1),
        }


def memory_bytes() -> Tuple[int, int]:
    """Used (as seen by who wants more) and total memory."""
    if psutil is not None:
        memory = psutil.virtual_memory()
        return memory.total - memory.available, memory.total
    fields: Dict[str, int] = {}
    with open("/proc/meminfo") as file:
        for line in file:
            name, _, rest = line.partition(":")
            fields[name] = int(rest.split()[0]) * 1024
    available = fields.get("MemAvailable", fields.get("MemFree", 0))
    return fields["MemTotal"] - available, fields["MemTotal"]


def _network_bytes() -> Tuple[int, int]:
    """Received and sent since boot, of all interfaces but the loopback."""
    received = sent = 0
    try:
        if psutil is not None:
            for name, counted in psutil.net_io_counters(pernic=True).items():
                if name != "lo":
                    received, sent = received + counted.bytes_recv, sent + counted.bytes_sent
            return received, sent
        with open("/proc/net/dev") as file:
            for line in file.readlines()[2:]:
                name, _, rest = line.partition(":")
                if name.strip() != "lo":
                    fields = rest.split()
                    received, sent = received + int(fields[0]), sent + int(fields[8])
    except (OSError, ValueError, IndexError):
        pass
    return received, sent


def _load() -> Dict[str, float]:
    return {"load1": round(os.getloadavg()[0], 2)}


def _process() -> Dict[str, float]:
    figures = {"process_cpu_seconds": time.process_time(), "process_threads": float(threading.active_count())}
    if psutil is not None:
        figures["process_resident_memory_bytes"] = float(psutil.Process().memory_info().rss)
    else:
        with open("/proc/self/statm") as file:
            figures["process_resident_memory_bytes"] = float(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    return figures


class HostReporter:
    """Called before each batch; sends the figures when their time has come."""

    def __init__(self, metric: Callable[..., Any], interval_s: float, gpu: bool) -> None:
        self._metric = metric
        self._interval_s = interval_s
        self._gpu = gpu
        self._host = Host()
        self._told_s: Optional[float] = None

    def __call__(self) -> None:
        now_s = time.monotonic()
        if self._told_s is not None and now_s - self._told_s < self._interval_s:
            return
        self._told_s = now_s
        for name, value in self._host.read().items():
            self._metric(name, value)
        if self._gpu:
            self._report_gpus()

    def _report_gpus(self) -> None:
        for number, device in enumerate(gpus()):
            labels = {"gpu_id": str(number), "name": device.name}
            for name, value in device.figures().items():
                self._metric("gpu_" + name, value, labels)
