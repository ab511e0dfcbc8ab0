"""The llm family's import path of its alerts."""

from pharos.compat.llm.alerting import *  # noqa: F401,F403
