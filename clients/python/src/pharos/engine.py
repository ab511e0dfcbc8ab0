"""The engine of both clients: queues, one thread that sends, and what it tells about itself.

A caller's thread only appends to a deque. The thread here sends metrics in batches (after
`batch_interval_s` or `batch_items_max`) and events (status, pipeline, alert) at once and in order.
Nothing here raises into the program; what goes wrong is counted, and said once in the log `pharos`.
"""

from __future__ import annotations

import atexit
import json
import logging
import math
import os
import signal
import socket
import threading
import time
import weakref
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Sequence, Set, Tuple

from .series import Key, Labels, Series
from .settings import Settings
from .transport import Outcome, Transport, encode

log = logging.getLogger("pharos")

# (name, value, Unix seconds, labels)
Item = Tuple[str, float, float, Optional[Dict[str, str]]]

# Reports waiting to be sent; a program that makes more of them has another problem.
EVENTS_MAX = 1000
# The server takes no larger batch.
SERVER_ITEMS_MAX = 10_000
# How many single metrics a refused batch may lose before it is given up whole.
REFUSED_ITEMS_MAX = 20
# How long closing waits for the thread once its time is over.
GIVE_UP_S = 0.5
# Distinct lines said once; beyond that, silence.
SAID_MAX = 200

STATES = ("up", "down", "unknown")


class PharosError(Exception):
    """Raised only where `raise_errors` is set: what could not be sent, and why."""


class Engine:
    """Queues and the thread that empties them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._collectors: List[Callable[[], None]] = []
        self._reset()
        _ENGINES.add(self)

    def _reset(self) -> None:
        """Starts from nothing: at birth, and in the child of a fork, whose parent sends the rest."""
        settings = self.settings
        self.items: Deque[Item] = deque()
        self.series = Series(settings.instance or "%s:%d" % (socket.gethostname(), os.getpid()))
        # From so many items on, a caller looks closer.
        self.mark = min(settings.batch_items_max, settings.queue_items_max)
        self._events: Deque[Tuple[str, bytes]] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._tickets: Deque[threading.Event] = deque()
        self._thread: Optional[threading.Thread] = None
        self._transport = Transport(settings, self._count_retry)
        self._closing = self._closed = False
        self._counts = dict.fromkeys(
            ("sent", "dropped", "retries", "failed", "events_sent", "events_failed", "events_dropped"), 0
        )
        self._said: Set[str] = set()
        self._errors_in_row = 0
        self._alerted = False
        self._last_error: Optional[str] = None
        self._status: Optional[Dict[str, Any]] = None
        self._status_at_s = 0.0

    # What callers use.

    def metric(self, name: str, value: Any, labels: Optional[Labels] = None) -> None:
        """Queues one value. The hot path: no lock, no wait."""
        try:
            if value.__class__ is not float:
                value = _number(value)
            if value - value != 0.0 or not name:
                raise ValueError
        except Exception:
            return self._refuse(name, value)
        items = self.items
        if labels:
            try:
                # Copied: the caller may go on with its own.
                texts = {str(key): str(part) for key, part in labels.items()}
            except Exception:
                return self._refuse(name, labels, "no labels")
            items.append((name, value, time.time(), texts))
        else:
            items.append((name, value, time.time(), None))
        if len(items) >= self.mark or self._thread is None:
            self._crowded()

    def count(self, name: str, amount: Any, labels: Optional[Labels]) -> None:
        """Adds to a running total."""
        try:
            number = _number(amount)
            if not (number >= 0.0 and math.isfinite(number)):
                raise ValueError
        except Exception:
            return self._refuse(name, amount, "not a finite number from 0 on")
        self._added(name, lambda: self.series.add(name, number, labels))

    def observe(self, name: str, value: Any, labels: Optional[Labels], bounds: Sequence[float]) -> None:
        """Adds to a histogram."""
        try:
            number = _number(value)
            if not math.isfinite(number):
                raise ValueError
        except Exception:
            return self._refuse(name, value)
        self._added(name, lambda: self.series.observe(name, number, labels, bounds))

    def count_and_observe(self, counter: Key, histogram: Key, value: Any, bounds: Sequence[float]) -> None:
        """One more of a counter, and a value of a histogram, by keys that the caller holds: for hot paths."""
        try:
            number = float(value)
            if number - number != 0.0:
                raise ValueError
        except Exception:
            return self._refuse(histogram[0], value)
        series = self.series
        if not (series.add_known(counter, 1.0) and series.observe_known(histogram, number, bounds)):
            self._no_room()
        if self._thread is None:
            self._ensure_thread()

    def event(self, path: str, body: Dict[str, Any]) -> None:
        """Queues a report that is to be sent at once."""
        try:
            data = encode(body)
        except ValueError as error:
            return self.complain("a report to %s %s" % (path, error))
        with self._lock:
            if self._closed:
                self._counts["events_dropped"] += 1
                return
            self._events.append((path, data))
            if len(self._events) > EVENTS_MAX:
                self._events.popleft()
                self._counts["events_dropped"] += 1
        self._ensure_thread()
        self._wake.set()

    def status(self, state: str, endpoint: Optional[str]) -> None:
        """Reports the service's state, from then on every `heartbeat_s`, and `down` at the end."""
        if state not in STATES:
            return self.complain("a status is up, down or unknown, not %r" % (state,))
        body: Dict[str, Any] = {"name": self.settings.service, "status": state}
        if endpoint:
            body["endpoint"] = endpoint
        self.keep_status(body)
        self.event("/services/", body)

    def keep_status(self, body: Dict[str, Any]) -> None:
        """Notes what was reported: it is repeated, and turned to `down` at the end."""
        self._status, self._status_at_s = body, time.monotonic()
        # The thread waits by the older date.
        if self._ensure_thread():
            self._wake.set()

    def request(self, path: str, body: Dict[str, Any]) -> Outcome:
        """Sends now, on the caller's thread, and waits for the answer."""
        try:
            data = encode(body)
        except ValueError as error:
            self.complain("a report to %s %s" % (path, error))
            return Outcome(0, str(error))
        outcome = self._transport.post(path, data)
        with self._lock:
            self._counts["events_sent" if outcome.ok else "events_failed"] += 1
        self._judge(outcome, "a report to %s" % path, counts=not path.startswith("/alerts"))
        self._raise_last()
        return outcome

    def every_batch(self, collect: Callable[[], None]) -> None:
        """Calls `collect` before each batch, on the engine's thread."""
        self._collectors.append(collect)
        self._ensure_thread()

    def flush(self, timeout_s: Optional[float] = None) -> bool:
        """Sends all that is queued; False if that took longer than `timeout_s`."""
        if self._closed or (self._thread is None and not self._waits()):
            return True
        ticket = threading.Event()
        self._tickets.append(ticket)
        if self._ensure_thread():
            self._wake.set()
            done = ticket.wait(self.settings.flush_timeout_s if timeout_s is None else timeout_s)
        else:
            self._work()
            done = True
        self._raise_last()
        return done

    def _waits(self) -> bool:
        return bool(self.items or self._events or self.series.waits)

    def close(self, timeout_s: Optional[float] = None) -> None:
        """Says `down` if a status was told, sends what is left, and ends the thread."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        if self._status is not None and self._status["status"] != "down":
            self.event("/services/", {**self._status, "status": "down"})
        try:
            self.flush(timeout_s)
        finally:
            with self._lock:
                self._closed = True
            self.mark = 0
            self._transport.abort.set()
            self._wake.set()
            self._await_thread()

    def _await_thread(self) -> None:
        """What was on its way is given up and counted; a request that hangs is not waited for."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(GIVE_UP_S)

    def stats(self) -> Dict[str, int]:
        """The counters, and how much is waiting."""
        with self._lock:
            counts = dict(self._counts)
        counts["queued"] = len(self.items)
        counts["events_queued"] = len(self._events)
        return counts

    def complain(self, text: str) -> None:
        """A caller's mistake: raised where asked for, said once otherwise."""
        if self.settings.raise_errors:
            raise ValueError(text)
        self.say_once(text, text)

    def say_once(self, key: str, text: str) -> None:
        with self._lock:
            if key in self._said or len(self._said) >= SAID_MAX:
                return
            self._said.add(key)
        log.warning("%s", text)

    # The caller's thread, away from the hot path.

    def _refuse(self, name: object, value: object, why: str = "not a finite number") -> None:
        with self._lock:
            self._counts["dropped"] += 1
        self.complain("metric %s: %s is %s" % (_short(name), _short(value), why))

    def _added(self, name: str, add: Callable[[], bool]) -> None:
        try:
            fits = add()
        except Exception as error:  # Labels or buckets that are none.
            return self._refuse(name, error, "no label or bucket")
        if not fits:
            self._no_room()
        if self._thread is None:
            self._ensure_thread()

    def _no_room(self) -> None:
        with self._lock:
            self._counts["dropped"] += 1
        self.say_once("series", "too many series, or a counter and a histogram of one name")

    def _crowded(self) -> None:
        """The queue is empty-handed (no thread), long enough for a batch, or too long."""
        if self._closed:
            return self._drop(down_to=0)
        if len(self.items) > self.settings.queue_items_max:
            self._drop(down_to=self.settings.queue_items_max)
            # Asked first: each call comes here while the server is away.
            if "full" not in self._said:
                self.say_once(
                    "full", "the queue is full at %d metrics: the oldest are dropped" % self.settings.queue_items_max
                )
        self._ensure_thread()
        if len(self.items) >= self.settings.batch_items_max and not self._wake.is_set():
            self._wake.set()

    def _drop(self, down_to: int) -> None:
        with self._lock:
            while len(self.items) > down_to:
                self.items.popleft()
                self._counts["dropped"] += 1

    def _ensure_thread(self) -> bool:
        """False where no thread can start any more: the interpreter ends."""
        if self._thread is not None:
            return self._thread.is_alive()
        with self._lock:
            if self._thread is None and not self._closed:
                thread = threading.Thread(target=self._run, name="pharos", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    return False
                self._thread = thread
        return self._thread is not None

    def _raise_last(self) -> None:
        error, self._last_error = self._last_error, None
        if error is not None and self.settings.raise_errors:
            raise PharosError(error)

    # The engine's thread.

    def _run(self) -> None:
        due_s = time.monotonic() + self.settings.batch_interval_s
        while not self._closed:
            self._wake.wait(max(0.0, min(due_s, self._beat_at_s()) - time.monotonic()))
            self._wake.clear()
            self._beat()
            if self._tickets or time.monotonic() >= due_s:
                self._work()
                due_s = time.monotonic() + self.settings.batch_interval_s
            else:
                self._send_events()
                self._send_items(self.settings.batch_items_max)

    def _beat_at_s(self) -> float:
        # Who said down has nothing to add.
        if self._status is None or self._closing or self._status["status"] == "down":
            return math.inf
        return self._status_at_s + self.settings.heartbeat_s

    def _beat(self) -> None:
        if self._status is not None and time.monotonic() >= self._beat_at_s():
            self._status_at_s = time.monotonic()
            if not self._events:
                self.event("/services/", self._status)

    def _work(self) -> None:
        """Sends everything, then tells those who wait for it."""
        tickets = [self._tickets.popleft() for _ in range(len(self._tickets))]
        try:
            self._collect()
            self._send_events()
            self._send_items(1)
            # An alert about what just failed.
            self._send_events()
        except Exception:  # A mistake of ours must not end the thread.
            log.exception("the sending thread failed")
        for ticket in tickets:
            ticket.set()

    def _collect(self) -> None:
        for collect in self._collectors:
            try:
                collect()
            except Exception as error:  # A collector of the program's own.
                self.say_once("collect %r" % collect, "a collector failed: %r" % error)
        now_s = time.time()
        self.items.extend((name, value, now_s, labels) for name, value, labels in self.series.take())

    def _send_events(self) -> None:
        while self._events and not self._closed:
            with self._lock:
                if not self._events:
                    return
                path, data = self._events.popleft()
            outcome = self._transport.post(path, data)
            with self._lock:
                self._counts["events_sent" if outcome.ok else "events_failed"] += 1
            # An alert that fails raises no alert.
            self._judge(outcome, "a report to %s" % path, counts=not path.startswith("/alerts"))

    def _send_items(self, least: int) -> None:
        """Sends batches while at least `least` metrics wait."""
        # What is added meanwhile is the next round's: this one ends.
        left = len(self.items)
        while left >= least and left > 0 and not self._closed:
            batch = self._take(min(left, self.settings.batch_items_max, SERVER_ITEMS_MAX))
            if not batch:
                return
            self._send_batch(batch)
            left = min(left - len(batch), len(self.items))

    def _take(self, n_items: int) -> List[Item]:
        with self._lock:
            return [self.items.popleft() for _ in range(min(n_items, len(self.items)))]

    def _send_batch(self, batch: List[Item]) -> None:
        n_refused = 0
        while True:
            outcome = self._transport.post("/metrics/batch", self._body(batch), compress=True)
            index = _refused_index(outcome, len(batch))
            if index is None or len(batch) == 1 or n_refused >= REFUSED_ITEMS_MAX:
                break
            # The server stores a batch whole or not at all: one bad metric must not cost the others.
            name = batch.pop(index)[0]
            n_refused += 1
            self.say_once("refused " + name, "metric %s is refused: %s" % (json.dumps(name), outcome.reason()))
        with self._lock:
            self._counts["failed"] += n_refused
            self._counts["sent" if outcome.ok else "failed"] += len(batch)
        self._judge(outcome, "%d metrics" % len(batch), counts=True)

    def _body(self, batch: List[Item]) -> bytes:
        service = self.settings.service
        metrics = []
        for name, value, at_s, labels in batch:
            item: Dict[str, Any] = {
                "service": service,
                "metric_type": str(name),
                "value": int(value) if value.is_integer() and abs(value) < 1e15 else value,
                "timestamp": round(at_s, 3),
            }
            if labels:
                item["labels"] = labels
            metrics.append(item)
        return encode({"metrics": metrics})

    def _judge(self, outcome: Outcome, what: str, counts: bool) -> None:
        """Says what went wrong, and raises an alert after errors in a row."""
        if outcome.ok:
            if counts:
                self._recovered()
            return
        tries = "1 try" if outcome.tries == 1 else "%d tries" % outcome.tries
        text = "%s lost after %s: %s" % (what, tries, outcome.reason())
        self._last_error = text
        if outcome.refused_key:
            key = "key %d" % outcome.status
            text += "; check PHAROS_API_KEY (scope ingest). It is said this once"
        else:
            key = "lost %d %s" % (outcome.status, outcome.reason() if 400 <= outcome.status < 500 else "")
        self.say_once(key, text)
        log.debug("%s", text)
        if counts and not outcome.refused_key:
            self._errors_in_row += 1
            if self._errors_in_row >= self.settings.alert_after_errors and not self._alerted:
                self._alerted = True
                self._alert(outcome)

    def _recovered(self) -> None:
        if self._errors_in_row:
            log.info("the server takes reports again after %d errors", self._errors_in_row)
            with self._lock:
                # A later outage is said again.
                self._said = {key for key in self._said if not key.startswith(("lost 5", "lost 0"))}
        self._errors_in_row, self._alerted = 0, False

    def _alert(self, outcome: Outcome) -> None:
        self.event(
            "/alerts/",
            {
                "title": "Reports of %s are lost" % self.settings.service,
                "message": "%d in a row failed, the last because %s" % (self._errors_in_row, outcome.reason()),
                "severity": 2,
                "service": self.settings.service,
            },
        )

    def _count_retry(self) -> None:
        with self._lock:
            self._counts["retries"] += 1


def _short(value: object) -> str:
    """For the log; the program's own objects may fail to tell themselves."""
    try:
        return "%.80r" % (value,)
    except Exception:
        return type(value).__name__


def _number(value: Any) -> float:
    """A number of any kind; text is none, even if it looks like one."""
    if isinstance(value, (str, bytes)):
        raise ValueError("text is no number")
    return float(value)


def _refused_index(outcome: Outcome, n_items: int) -> Optional[int]:
    if outcome.status != 422:
        return None
    answer = outcome.json()
    index = answer.get("index") if isinstance(answer, dict) else None
    return index if isinstance(index, int) and 0 <= index < n_items else None


_ENGINES: "weakref.WeakSet[Engine]" = weakref.WeakSet()


def _after_fork() -> None:
    for engine in list(_ENGINES):
        if not engine._closed:
            engine._reset()


def _at_exit() -> None:
    # Several clients of a server that is away wait together, not one after the other.
    started_s = time.monotonic()
    for engine in list(_ENGINES):
        left_s = engine.settings.flush_timeout_s - (time.monotonic() - started_s)
        try:
            engine.close(max(left_s, 0.1))
        except Exception:  # The program ends; nobody is left to be told.
            pass


# Until all engines are closed, or a bit longer than the longest of them waits.
LEAVE_S_MAX = 30.0


def leave_at_sigterm() -> None:
    """Sends what is left before the program dies of SIGTERM, unless it has a handler of its own.

    Python runs no exit handlers then, and services are ended by this signal.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    try:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _on_sigterm)
    except ValueError:  # Not in the main interpreter.
        return


def _on_sigterm(*_: object) -> None:
    # On a thread of its own: the signal may have come while this one holds an engine's lock.
    leaving = threading.Thread(target=_at_exit, name="pharos-leaving", daemon=True)
    leaving.start()
    leaving.join(LEAVE_S_MAX)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
