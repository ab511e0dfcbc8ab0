"""What the families' libraries tell a Pharos server, where the environment names one.

They work alone as they always did; with `PHAROS_URL` set, the server hears everything too.
"""

from __future__ import annotations

import os
import threading
from datetime import datetime, timezone
from typing import Dict, Optional, Tuple

from ..client import Client

_lock = threading.Lock()
_clients: Dict[Tuple[str, Optional[str]], Client] = {}


def server(service: Optional[str] = None) -> Optional[Client]:
    """The client of `service`, or None where no server is named. One per server and service."""
    url = os.environ.get("PHAROS_URL")
    if not url:
        return None
    key = (url, service)
    # Without the lock first: recording asks for it each time.
    found = _clients.get(key)
    if found is not None:
        return found
    with _lock:
        if key not in _clients:
            _clients[key] = Client(url, service)
        return _clients[key]


def now_text() -> str:
    """Now as RFC 3339 in UTC, with milliseconds."""
    return time_text(datetime.now(timezone.utc))


def time_text(at: datetime) -> str:
    """A time as RFC 3339; one without a zone is taken as UTC."""
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone.utc)
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
