"""The amptalk family's import path of HealthCheck."""

from pharos.compat.amptalk.health_check import *  # noqa: F401,F403
