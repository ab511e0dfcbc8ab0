"""The climate family's import path; the client is `pharos.compat.climate_monitor`."""

from pharos.compat.climate_monitor import SystemMonitorClient

__all__ = ["SystemMonitorClient"]
