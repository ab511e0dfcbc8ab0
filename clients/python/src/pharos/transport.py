"""One request to the server, tried again where that can help.

The engine's thread and the clients that wait for an answer come here. A network error, a 5xx and a
429 are tried again with exponential backoff and jitter; any other answer is final.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Tuple

from .settings import Settings

if TYPE_CHECKING:
    import urllib3

# A pause is never longer, whatever the server asks for.
PAUSE_S_MAX = 60.0
# Of an answer we read so much and no more.
ANSWER_BYTES_MAX = 1 << 20


@dataclass(frozen=True)
class Outcome:
    """How a request ended: a status, or 0 and the network's words."""

    status: int
    text: str = ""
    tries: int = 1

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def refused_key(self) -> bool:
        return self.status in (401, 403)

    def json(self) -> Any:
        """The answer's JSON, or None where it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    def reason(self) -> str:
        """For the log: what the server or the network said."""
        if self.status == 0:
            return self.text
        answer = self.json()
        detail = answer.get("detail") or answer.get("error") if isinstance(answer, dict) else self.text
        return "the server answered %d%s" % (self.status, ": %.300s" % detail if detail else "")


class Transport:
    """A pool of connections to one server."""

    def __init__(self, settings: Settings, on_retry: Callable[[], None]) -> None:
        self.settings = settings
        self.on_retry = on_retry
        # Set to end all waiting: the program leaves.
        self.abort = threading.Event()
        self._pool: Optional[urllib3.PoolManager] = None

    def post(self, path: str, data: bytes, compress: bool = False) -> Outcome:
        """POSTs the JSON text `data`. Never raises for what server or network do."""
        headers = self._headers()
        if compress:
            data = gzip.compress(data, 6)
            headers["Content-Encoding"] = "gzip"
        tries = 0
        while True:
            tries += 1
            outcome, asked_s = self._once(path, data, headers, tries)
            if not self._again(outcome) or tries > self.settings.retries_max:
                return outcome
            if self.abort.wait(self._pause_s(tries, asked_s)):
                return outcome
            self.on_retry()

    def _headers(self) -> Dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "pharos-client-python"}
        if self.settings.api_key:
            headers["Authorization"] = "Bearer " + self.settings.api_key
        return headers

    @staticmethod
    def _again(outcome: Outcome) -> bool:
        return outcome.status == 0 or outcome.status == 429 or outcome.status >= 500

    def _once(
        self, path: str, data: bytes, headers: Dict[str, str], tries: int
    ) -> Tuple[Outcome, Optional[float]]:
        try:
            answer = self._connections().request(
                "POST", self.settings.url + path, body=data, headers=headers, preload_content=False,
                # The key must not follow to another place.
                redirect=False,
            )
            body = _read(answer)
            asked_s = retry_after_s(answer.headers.get("Retry-After"))
            text = body.decode("utf-8", "replace")
            return Outcome(answer.status, text, tries), asked_s
        except Exception as error:  # Of urllib3, ssl, sockets, codecs: none is the program's concern.
            return Outcome(0, "%s: %s" % (type(error).__name__, error), tries), None

    def _connections(self) -> "urllib3.PoolManager":
        if self._pool is None:
            import urllib3

            self._pool = urllib3.PoolManager(
                maxsize=2, retries=False, timeout=urllib3.Timeout(total=self.settings.timeout_s)
            )
        return self._pool

    def _pause_s(self, tries: int, asked_s: Optional[float]) -> float:
        if asked_s is not None:
            return min(asked_s, PAUSE_S_MAX)
        pause_s = self.settings.backoff_s * 2.0 ** (tries - 1)
        # Jitter keeps many clients from coming back in step.
        return min(pause_s, PAUSE_S_MAX) * random.uniform(0.5, 1.0)


def _read(answer: Any) -> bytes:
    """The body of an answer, as far as it comes: its status is told already, and decides."""
    try:
        body: bytes = answer.read(ANSWER_BYTES_MAX + 1)
    except Exception:  # Of urllib3 and sockets: it broke off.
        answer.close()
        return b""
    if len(body) > ANSWER_BYTES_MAX:
        answer.close()
    else:
        answer.release_conn()
    return body


def encode(body: Any) -> bytes:
    """`body` as JSON. What JSON cannot say becomes null (a loss of NaN) or text.

    Raises ValueError for what is nested without end.
    """
    try:
        try:
            text = json.dumps(body, default=_plain, separators=(",", ":"), allow_nan=False)
        except ValueError:
            text = json.dumps(_finite(body), default=_plain, separators=(",", ":"))
    except Exception as error:  # Nested without end, or an object that fails to tell itself.
        raise ValueError("cannot be written as JSON: %s" % error) from error
    return text.encode()


def _plain(value: Any) -> Any:
    """A scalar of NumPy or a tensor as the number it holds, anything else as its text."""
    item = getattr(value, "item", None)
    if callable(item):
        try:
            number = item()
        except Exception:  # Not a scalar, whatever the library says then.
            return str(value)
        return number if not isinstance(number, float) or math.isfinite(number) else None
    return str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def retry_after_s(header: Optional[str]) -> Optional[float]:
    """The `Retry-After` header, in seconds or as a date, as seconds from now."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    import email.utils

    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
