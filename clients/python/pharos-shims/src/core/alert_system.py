"""The amptalk family's import path of AlertSystem."""

from pharos.compat.amptalk.alert_system import *  # noqa: F401,F403
