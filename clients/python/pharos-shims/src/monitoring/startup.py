"""The llm family's import path of its startup."""

from pharos.compat.llm.startup import *  # noqa: F401,F403
