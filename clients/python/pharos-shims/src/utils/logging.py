"""The llm family's import path of its logs."""

from pharos.compat.llm.logging import *  # noqa: F401,F403
