"""The guardian family: collectors of CPU, memory and GPU, with JSON and Prometheus text.

Each collector reads into typed records; `MetricsCollector` holds them by name and exports. Names of
metrics and keys of JSON are those of the guardian's pages.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterator, List, Optional, Protocol, Tuple

from ..gpu import gpus
from ..host import psutil

__all__ = [
    "CPUCollector", "CPUMetrics", "Collector", "GPUCollector", "GPUMetrics", "MemoryCollector", "MemoryMetrics",
    "MetricsCollector",
]

# (name, type, labels, value)
Sample = Tuple[str, str, Dict[str, str], float]


class Metrics(Protocol):
    """What a collector reads: a record that tells itself both ways."""

    def to_json(self) -> Dict[str, Any]: ...

    def samples(self) -> Iterator[Sample]: ...


class Collector(Protocol):
    """What can be added to a `MetricsCollector`."""

    name: str

    def collect(self) -> Metrics: ...


@dataclass(frozen=True)
class CPUMetrics:
    """Processors: counts, MHz, percent, and counters since boot."""

    physical: Optional[int]
    logical: Optional[int]
    current: Optional[float]
    min: Optional[float]
    max: Optional[float]
    total: float
    per_cpu: List[float]
    ctx_switches: int
    interrupts: int
    soft_interrupts: int
    syscalls: int

    def to_json(self) -> Dict[str, Any]:
        parts = asdict(self)

        def group(*names: str) -> Dict[str, Any]:
            return {name: parts[name] for name in names}

        return {
            "count": group("physical", "logical"),
            "frequency": group("current", "min", "max"),
            "percent": group("total", "per_cpu"),
            "stats": group("ctx_switches", "interrupts", "soft_interrupts", "syscalls"),
        }

    def samples(self) -> Iterator[Sample]:
        gauges = {
            "cpu_physical_count": self.physical, "cpu_logical_count": self.logical,
            "cpu_frequency_current_mhz": self.current, "cpu_frequency_min_mhz": self.min,
            "cpu_frequency_max_mhz": self.max, "cpu_percent_total": self.total,
        }
        for name, value in gauges.items():
            if value is not None:
                yield name, "gauge", {}, float(value)
        for core, percent in enumerate(self.per_cpu):
            yield "cpu_percent_per_cpu", "gauge", {"core": str(core)}, percent
        for name in ("ctx_switches", "interrupts", "soft_interrupts", "syscalls"):
            yield "cpu_%s_total" % name, "counter", {}, float(getattr(self, name))


@dataclass(frozen=True)
class MemoryMetrics:
    """Memory and swap in bytes and percent; `sin` and `sout` are pages since boot."""

    virtual: Dict[str, float]
    swap: Dict[str, float]

    def to_json(self) -> Dict[str, Any]:
        return asdict(self)

    def samples(self) -> Iterator[Sample]:
        for name in ("total", "available", "used", "free"):
            yield "memory_virtual_%s_bytes" % name, "gauge", {}, self.virtual[name]
        yield "memory_virtual_percent", "gauge", {}, self.virtual["percent"]
        for name in ("total", "used", "free"):
            yield "memory_swap_%s_bytes" % name, "gauge", {}, self.swap[name]
        yield "memory_swap_percent", "gauge", {}, self.swap["percent"]
        for name in ("sin", "sout"):
            yield "memory_swap_%s_total" % name, "counter", {}, self.swap[name]


@dataclass(frozen=True)
class GPUMetrics:
    """NVIDIA devices; none is a count of 0, not an error."""

    devices: List[Dict[str, Any]]

    # The key in JSON, and the metric's name after `gpu_`.
    NAMES = {
        "temperature": "temperature_celsius", "power_usage": "power_watts", "memory_total": "memory_total_bytes",
        "memory_used": "memory_used_bytes", "memory_free": "memory_free_bytes", "utilization": "utilization_percent",
        "memory_utilization": "memory_utilization_percent", "fan_speed": "fan_speed_percent",
    }

    def to_json(self) -> Dict[str, Any]:
        return {"device_count": len(self.devices), "devices": self.devices}

    def samples(self) -> Iterator[Sample]:
        yield "gpu_device_count", "gauge", {}, float(len(self.devices))
        for number, device in enumerate(self.devices):
            labels = {"gpu_id": str(number), "name": str(device["name"])}
            for key, name in self.NAMES.items():
                if device[key] is not None:
                    yield "gpu_" + name, "gauge", labels, float(device[key])


class _Hardware:
    """A collector of the machine; `collect_async` reads on a thread of the event loop's pool."""

    name = ""

    def collect(self) -> Any:
        raise NotImplementedError

    async def collect_async(self) -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, self.collect)


def _psutil() -> Any:
    if psutil is None:
        return importlib.import_module("psutil")  # Says what is missing in its own words.
    return psutil


class CPUCollector(_Hardware):
    """Reads the processors; percents are since the reading before."""

    name = "cpu"

    def __init__(self) -> None:
        # The first answers of psutil are since boot, or 0: they only set the mark.
        _psutil().cpu_percent()
        _psutil().cpu_percent(percpu=True)

    def collect(self) -> CPUMetrics:
        """The figures of now."""
        ps = _psutil()
        frequency, stats = ps.cpu_freq() if hasattr(ps, "cpu_freq") else None, ps.cpu_stats()
        return CPUMetrics(
            physical=ps.cpu_count(logical=False), logical=ps.cpu_count(),
            current=frequency and frequency.current, min=frequency and frequency.min,
            max=frequency and frequency.max, total=ps.cpu_percent(), per_cpu=ps.cpu_percent(percpu=True),
            ctx_switches=stats.ctx_switches, interrupts=stats.interrupts,
            soft_interrupts=stats.soft_interrupts, syscalls=stats.syscalls,
        )


class MemoryCollector(_Hardware):
    """Reads memory and swap."""

    name = "memory"

    def collect(self) -> MemoryMetrics:
        """The figures of now."""
        virtual, swap = _psutil().virtual_memory(), _psutil().swap_memory()
        names = ("total", "available", "used", "free", "percent")
        swapped = {name: getattr(swap, name) for name in ("total", "used", "free", "percent")}
        # psutil tells bytes; the metric is pages.
        page_bytes = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
        swapped.update(sin=swap.sin // page_bytes, sout=swap.sout // page_bytes)
        return MemoryMetrics({name: getattr(virtual, name) for name in names}, swapped)


class GPUCollector(_Hardware):
    """Reads NVIDIA devices."""

    name = "gpu"

    def collect(self) -> GPUMetrics:
        """The figures of now."""
        return GPUMetrics([
            {"name": device.name, **{key: getattr(device, name) for key, name in GPUMetrics.NAMES.items()}}
            for device in gpus()
        ])


class MetricsCollector:
    """Holds collectors by name; those of the machine unless others are given."""

    def __init__(self, collectors: Optional[List[Any]] = None) -> None:
        self.collectors: Dict[str, Any] = {}
        for collector in [CPUCollector(), MemoryCollector(), GPUCollector()] if collectors is None else collectors:
            self.register(collector)

    def register(self, collector: Any) -> None:
        """Adds a collector, or replaces the one of its name."""
        self.collectors[collector.name] = collector

    def collect_metrics(self, name: Optional[str] = None) -> Dict[str, Any]:
        """JSON of all collectors, or of one. Raises KeyError for a name that is not there."""
        return {key: self.collectors[key].collect().to_json() for key in self._names(name)}

    async def collect_metrics_async(self, name: Optional[str] = None) -> Dict[str, Any]:
        """The same, without holding up the event loop."""
        return await asyncio.get_running_loop().run_in_executor(None, self.collect_metrics, name)

    def to_prometheus(self, name: Optional[str] = None) -> str:
        """The Prometheus text of all collectors, or of one."""
        lines: List[str] = []
        described = ""
        for key in self._names(name):
            for metric, kind, labels, value in self.collectors[key].collect().samples():
                if metric != described:
                    lines.append("# TYPE %s %s" % (metric, kind))
                    described = metric
                lines.append("%s%s %s" % (metric, _labels(labels), repr(float(value))))
        return "\n".join(_grouped(lines)) + "\n"

    def push(self, client: Any) -> None:
        """Sends all figures by a `pharos.Client`."""
        for collector in self.collectors.values():
            for metric, _, labels, value in collector.collect().samples():
                client.metric(metric, value, labels)

    def _names(self, name: Optional[str]) -> List[str]:
        if name is not None and name not in self.collectors:
            raise KeyError("Collector '%s' not found" % name)
        return list(self.collectors) if name is None else [name]


def _labels(labels: Dict[str, str]) -> str:
    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    parts = ['%s="%s"' % (key, escaped(value)) for key, value in labels.items()]
    return "{%s}" % ",".join(parts) if parts else ""


def _grouped(lines: List[str]) -> List[str]:
    """All lines of a metric together, as the format wants it, also with several GPUs."""
    groups: Dict[str, List[str]] = {}
    name = ""
    for line in lines:
        if line.startswith("# TYPE "):
            name = line.split()[2]
            if name in groups:
                continue
        groups.setdefault(name, []).append(line)
    return [line for group in groups.values() for line in group]
