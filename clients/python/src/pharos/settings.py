"""What a client can be told, and where it looks when it is told nothing.

Order: argument, environment, default. Everything has an end here: queue, batch, retry and wait.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Optional

URL_DEFAULT = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Settings:
    """The settings of one client; `Settings.of` fills in what is left out."""

    url: str
    service: str
    api_key: Optional[str] = None
    # Told apart from other processes of the service in counters and histograms.
    instance: Optional[str] = None
    batch_interval_s: float = 1.0
    batch_items_max: int = 500
    queue_items_max: int = 10_000
    # With the default backoff the last try comes about 90 s after the first: a restart of the server
    # costs nothing, and the queue takes what is recorded meanwhile.
    retries_max: int = 8
    backoff_s: float = 0.5
    timeout_s: float = 10.0
    flush_timeout_s: float = 5.0
    # The server holds a service for silent after three minutes.
    heartbeat_s: float = 60.0
    alert_after_errors: int = 3
    raise_errors: bool = False

    def __post_init__(self) -> None:
        if self.batch_items_max < 1 or self.queue_items_max < 1:
            raise ValueError("batch_items_max and queue_items_max are at least 1")
        if self.retries_max < 0 or self.alert_after_errors < 1:
            raise ValueError("retries_max is at least 0, alert_after_errors at least 1")
        if min(self.batch_interval_s, self.timeout_s, self.heartbeat_s) <= 0:
            raise ValueError("batch_interval_s, timeout_s and heartbeat_s are above 0")


def url_of(given: Optional[str]) -> str:
    """The server's address without its last slash; `monitor:8000` alone is taken as http."""
    url = (given or os.environ.get("PHAROS_URL") or URL_DEFAULT).strip().rstrip("/")
    return url if "://" in url else "http://" + url


def service_of(given: Optional[str]) -> str:
    """The service's name; without any, the name of the program."""
    program = os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0]
    if program in ("", "-", "-c", "__main__"):
        program = "python"
    return given or os.environ.get("PHAROS_SERVICE") or program


def api_key_of(given: Optional[str]) -> Optional[str]:
    """The key, or None: then no `Authorization` is sent."""
    return given or os.environ.get("PHAROS_API_KEY") or None
