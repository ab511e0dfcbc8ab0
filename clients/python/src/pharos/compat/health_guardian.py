"""The guardian family: collectors of CPU, memory and GPU, with JSON and Prometheus text.

Each collector reads into Pydantic models, which refuse what cannot be; `MetricsCollector` holds them by
name and exports. Names of metrics and keys of JSON are those of the guardian's pages.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
from typing import Any, Dict, Iterator, List, Optional, Protocol, Tuple

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import Annotated

from ..gpu import gpus
from ..host import psutil

__all__ = [
    "CPUCollector", "CPUMetrics", "Collector", "GPUCollector", "GPUMetrics", "MemoryCollector", "MemoryMetrics",
    "MetricsCollector",
]

log = logging.getLogger("pharos")

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


class _Model(BaseModel):
    """Checked when it is made: a reading that cannot be is an error of its collector."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]
Percent = Annotated[float, Field(ge=0, le=100)]


class CPUCount(_Model):
    """How many processors; None where the system does not tell."""

    physical: Optional[Count]
    logical: Optional[Count]


class CPUFrequency(_Model):
    """In MHz; None where the system does not tell."""

    current: Optional[Amount]
    min: Optional[Amount]
    max: Optional[Amount]


class CPUPercent(_Model):
    """How busy, since the reading before."""

    total: Percent
    per_cpu: List[Percent]


class CPUStats(_Model):
    """Counters since boot."""

    ctx_switches: Count
    interrupts: Count
    soft_interrupts: Count
    syscalls: Count


class CPUMetrics(_Model):
    """Processors: counts, MHz, percent, and counters since boot."""

    count: CPUCount
    frequency: CPUFrequency
    percent: CPUPercent
    stats: CPUStats

    def to_json(self) -> Dict[str, Any]:
        return self.model_dump()

    def samples(self) -> Iterator[Sample]:
        gauges = {
            "cpu_physical_count": self.count.physical, "cpu_logical_count": self.count.logical,
            "cpu_frequency_current_mhz": self.frequency.current, "cpu_frequency_min_mhz": self.frequency.min,
            "cpu_frequency_max_mhz": self.frequency.max, "cpu_percent_total": self.percent.total,
        }
        for name, value in gauges.items():
            if value is not None:
                yield name, "gauge", {}, float(value)
        for core, percent in enumerate(self.percent.per_cpu):
            yield "cpu_percent_per_cpu", "gauge", {"core": str(core)}, percent
        for name, count in self.stats.model_dump().items():
            yield "cpu_%s_total" % name, "counter", {}, float(count)


class VirtualMemory(_Model):
    """In bytes."""

    total: Count
    available: Count
    used: Count
    free: Count
    percent: Percent


class SwapMemory(_Model):
    """In bytes; `sin` and `sout` are pages since boot."""

    total: Count
    used: Count
    free: Count
    percent: Percent
    sin: Count
    sout: Count


class MemoryMetrics(_Model):
    """Memory and swap."""

    virtual: VirtualMemory
    swap: SwapMemory

    def to_json(self) -> Dict[str, Any]:
        return self.model_dump()

    def samples(self) -> Iterator[Sample]:
        for kind, part in (("virtual", self.virtual), ("swap", self.swap)):
            for name, value in part.model_dump().items():
                if name in ("sin", "sout"):
                    yield "memory_swap_%s_total" % name, "counter", {}, float(value)
                else:
                    unit = "" if name == "percent" else "_bytes"
                    yield "memory_%s_%s%s" % (kind, name, unit), "gauge", {}, float(value)


class GPUDevice(_Model):
    """One card; None is what it does not tell."""

    name: str
    temperature: Optional[float] = None
    power_usage: Optional[Amount] = None
    memory_total: Optional[Amount] = None
    memory_used: Optional[Amount] = None
    memory_free: Optional[Amount] = None
    utilization: Optional[Percent] = None
    memory_utilization: Optional[Percent] = None
    fan_speed: Optional[Amount] = None


# The key in JSON, and the metric's name after `gpu_`.
GPU_NAMES = {
    "temperature": "temperature_celsius", "power_usage": "power_watts", "memory_total": "memory_total_bytes",
    "memory_used": "memory_used_bytes", "memory_free": "memory_free_bytes", "utilization": "utilization_percent",
    "memory_utilization": "memory_utilization_percent", "fan_speed": "fan_speed_percent",
}


class GPUMetrics(_Model):
    """NVIDIA devices; none is a count of 0, not an error."""

    devices: List[GPUDevice]

    def to_json(self) -> Dict[str, Any]:
        return {"device_count": len(self.devices), **self.model_dump()}

    def samples(self) -> Iterator[Sample]:
        yield "gpu_device_count", "gauge", {}, float(len(self.devices))
        for number, device in enumerate(self.devices):
            labels = {"gpu_id": str(number), "name": device.name}
            for key, name in GPU_NAMES.items():
                value = getattr(device, key)
                if value is not None:
                    yield "gpu_" + name, "gauge", labels, float(value)


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
            count=CPUCount(physical=ps.cpu_count(logical=False), logical=ps.cpu_count()),
            frequency=CPUFrequency(
                current=frequency and frequency.current, min=frequency and frequency.min,
                max=frequency and frequency.max,
            ),
            percent=CPUPercent(total=_percent(ps.cpu_percent()), per_cpu=[_percent(p) for p in ps.cpu_percent(percpu=True)]),
            stats=CPUStats(
                ctx_switches=stats.ctx_switches, interrupts=stats.interrupts,
                soft_interrupts=stats.soft_interrupts, syscalls=stats.syscalls,
            ),
        )


def _percent(value: float) -> float:
    """Clocks that are read one after the other may add up to a little more."""
    return min(max(float(value), 0.0), 100.0)


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
        return MemoryMetrics(
            virtual=VirtualMemory(**{name: getattr(virtual, name) for name in names}), swap=SwapMemory(**swapped)
        )


class GPUCollector(_Hardware):
    """Reads NVIDIA devices."""

    name = "gpu"

    def collect(self) -> GPUMetrics:
        """The figures of now."""
        return GPUMetrics(devices=[
            GPUDevice(name=device.name, **{key: getattr(device, name) for key, name in GPU_NAMES.items()})
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
        """JSON of all collectors, or of one. Raises KeyError for a name that is not there.

        One that fails is left out of all, and in the log; asked for alone, it raises.
        """
        return {key: metrics.to_json() for key, metrics in self._collected(name)}

    async def collect_metrics_async(self, name: Optional[str] = None) -> Dict[str, Any]:
        """The same, without holding up the event loop."""
        return await asyncio.get_running_loop().run_in_executor(None, self.collect_metrics, name)

    def to_prometheus(self, name: Optional[str] = None) -> str:
        """The Prometheus text of all collectors, or of one."""
        lines: List[str] = []
        described = ""
        for _, metrics in self._collected(name):
            for metric, kind, labels, value in metrics.samples():
                if metric != described:
                    lines.append("# TYPE %s %s" % (metric, kind))
                    described = metric
                lines.append("%s%s %s" % (metric, _labels(labels), repr(float(value))))
        return "\n".join(_grouped(lines)) + "\n"

    def push(self, client: Any) -> None:
        """Sends all figures by a `pharos.Client`."""
        for _, metrics in self._collected(None):
            for metric, _, labels, value in metrics.samples():
                client.metric(metric, value, labels)

    def _collected(self, name: Optional[str]) -> Iterator[Tuple[str, Any]]:
        for key in self._names(name):
            try:
                metrics = self.collectors[key].collect()
            except Exception as error:  # A driver's or the program's own.
                if name is not None:
                    raise
                log.warning("the collector %s fails: %s", key, error)
                continue
            yield key, metrics

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
