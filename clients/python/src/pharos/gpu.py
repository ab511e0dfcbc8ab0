"""NVIDIA devices, read by NVML (`pip install pharos-client[gpu]`).

No library, no driver and no device all mean the same: an empty list.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional

_lock = threading.Lock()
_state: Dict[str, Any] = {"tried": False, "nvml": None}


@dataclass(frozen=True)
class Gpu:
    """One device. What it does not tell (a passive card has no fan) is None."""

    name: str
    temperature_celsius: Optional[float] = None
    power_watts: Optional[float] = None
    memory_total_bytes: Optional[float] = None
    memory_used_bytes: Optional[float] = None
    memory_free_bytes: Optional[float] = None
    utilization_percent: Optional[float] = None
    memory_utilization_percent: Optional[float] = None
    fan_speed_percent: Optional[float] = None

    def figures(self) -> Dict[str, float]:
        """What the device tells, by name."""
        return {
            name: value for name, value in self.__dict__.items() if name != "name" and value is not None
        }


def gpus() -> List[Gpu]:
    """The devices and their figures of now."""
    nvml = _nvml()
    if nvml is None:
        return []
    count = _asked(nvml.nvmlDeviceGetCount)
    return [_read(nvml, nvml.nvmlDeviceGetHandleByIndex(at)) for at in range(count or 0)]


def _nvml() -> Any:
    """The library once it is started; asked for once only, since a machine gets no GPU as it runs."""
    with _lock:
        if not _state["tried"]:
            _state["tried"] = True
            try:
                import pynvml

                pynvml.nvmlInit()
                _state["nvml"] = pynvml
            except Exception:  # No package, no driver: each has an exception of its own.
                _state["nvml"] = None
        return _state["nvml"]


def _asked(question: Callable[..., Any], *args: Any) -> Any:
    try:
        return question(*args)
    except Exception:  # NVMLError_NotSupported and its kin: this device does not tell.
        return None


def _read(nvml: Any, handle: Any) -> Gpu:
    name = _asked(nvml.nvmlDeviceGetName, handle) or "unknown"
    memory = _asked(nvml.nvmlDeviceGetMemoryInfo, handle)
    busy = _asked(nvml.nvmlDeviceGetUtilizationRates, handle)
    power_mw = _asked(nvml.nvmlDeviceGetPowerUsage, handle)
    return Gpu(
        name=name.decode() if isinstance(name, bytes) else str(name),
        temperature_celsius=_asked(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
        power_watts=None if power_mw is None else power_mw / 1000.0,
        memory_total_bytes=memory and memory.total,
        memory_used_bytes=None if memory is None else memory.used,
        memory_free_bytes=None if memory is None else memory.free,
        utilization_percent=None if busy is None else busy.gpu,
        memory_utilization_percent=None if busy is None else busy.memory,
        fan_speed_percent=_asked(nvml.nvmlDeviceGetFanSpeed, handle),
    )
