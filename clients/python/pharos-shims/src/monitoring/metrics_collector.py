"""The llm family's import path of its collector."""

from pharos.compat.llm.metrics_collector import *  # noqa: F401,F403
