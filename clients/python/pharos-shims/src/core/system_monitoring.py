"""The amptalk family's import path of SystemMonitor."""

from pharos.compat.amptalk.system_monitoring import *  # noqa: F401,F403
