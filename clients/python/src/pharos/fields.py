"""What log lines carry besides their text: the context of their request, and no secrets.

    with pharos.logs.context(request_id="r-1"):
        log.error("declined")          # its alert says request_id=r-1
"""

from __future__ import annotations

import contextlib
import contextvars
import re
from typing import Any, Dict, Iterator, Mapping, Match

SENSITIVE = (
    "password", "api_key", "token", "secret", "authorization", "credit_card", "ssn", "social_security",
    "private_key",
)
CAMEL = re.compile(r"([a-z0-9])([A-Z])")
REDACTED = "***REDACTED***"
# Fields nested deeper are told as text.
DEPTH_MAX = 8
# A name and its value in running text: password=x, "apiKey": "x", Authorization: Bearer x.
NAMED_VALUE = re.compile(
    r"""(?P<name>[\w-]*(?:password|api[_-]?key|token|secret|authorization|credit[_-]?card|ssn"""
    r"""|social[_-]?security|private[_-]?key)[\w-]*)(?P<between>["']?\s*[=:]\s*)"""
    r"""(?P<value>"[^"]*"|'[^']*'|(?:Bearer|Basic|Token)\s+[^\s,;"']+|[^\s,;&"'})\]]+)""",
    re.IGNORECASE,
)
# A key that stands alone, as in a header's dump.
BEARER = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}")

_context: "contextvars.ContextVar[Mapping[str, Any]]" = contextvars.ContextVar("pharos_log_context", default={})


def is_sensitive(name: Any) -> bool:
    """Whether a field of this name is taken out: `password`, also as part of `dbPassword`.

    `max_tokens` is a number of words, not a secret; `ssn` is only a word of its own.
    """
    text = CAMEL.sub(r"\1_\2", str(name)).lower().replace("-", "_").replace("tokens", "")
    return "ssn" in text.split("_") or any(word in text for word in SENSITIVE if word != "ssn")


def redact(value: Any, depth: int = 0) -> Any:
    """A copy of `value` with the values of sensitive fields taken out, at every depth."""
    if depth > DEPTH_MAX:
        return "..."
    if isinstance(value, Mapping):
        return {
            str(key): REDACTED if is_sensitive(key) else redact(part, depth + 1) for key, part in value.items()
        }
    if isinstance(value, (list, tuple, set)):
        return [redact(part, depth + 1) for part in value]
    return value


def redact_text(text: str) -> str:
    """Running text with the values of sensitive names taken out."""

    def replaced(match: "Match[str]") -> str:
        if not is_sensitive(match.group("name")):
            return match.group()
        return match.group("name") + match.group("between") + REDACTED

    return BEARER.sub(r"\1 " + REDACTED, NAMED_VALUE.sub(replaced, text))


def current() -> Mapping[str, Any]:
    """The context of this thread or task."""
    return _context.get()


def set_context(**fields: Any) -> None:
    """Fields of all lines to come, in this thread or task."""
    _context.set({**_context.get(), **fields})


def clear_context() -> None:
    """Forgets the context of this thread or task."""
    _context.set({})


@contextlib.contextmanager
def context(**fields: Any) -> Iterator[None]:
    """Fields of the lines within, in this thread or task."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def told(fields: Dict[str, Any]) -> str:
    """Fields at the end of a line: ` request_id=r-1`."""
    return "".join(" %s=%s" % pair for pair in redact(fields).items())
