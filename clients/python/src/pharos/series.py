"""Counters and histograms: summed up here, so that a million events cost one number per batch.

A caller's thread adds, the engine's thread takes what changed since the last batch. Each is told as
a running total; the label `instance` keeps the totals of several processes apart.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from typing import Dict, List, Mapping, Optional, Sequence, Tuple, Union

Labels = Mapping[str, object]
Key = Tuple[str, Tuple[Tuple[str, str], ...]]
# (name, value, labels)
Point = Tuple[str, float, Dict[str, str]]

# Upper bounds in seconds, as most of Prometheus' libraries have them.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Labels of unbounded values (an id, an address) must not eat the program's memory.
SERIES_MAX = 10_000


class _Histogram:
    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(sorted(bounds))
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def points(self, name: str, labels: Dict[str, str]) -> List[Point]:
        found: List[Point] = []
        total = 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts):
            total += count
            le = "+Inf" if bound == float("inf") else repr(float(bound))
            found.append((name + "_bucket", float(total), {**labels, "le": le}))
        found.append((name + "_sum", self.sum, labels))
        found.append((name + "_count", float(total), labels))
        return found


class Series:
    """The running totals of one client."""

    def __init__(self, instance: str) -> None:
        self.instance = instance
        self._lock = threading.Lock()
        self._all: Dict[Key, Union[float, _Histogram]] = {}
        self._changed: Dict[Key, None] = {}

    def add(self, name: str, amount: float, labels: Optional[Labels]) -> bool:
        """Counts; False when there are too many series already."""
        return self.add_known(key_of(name, labels), amount)

    def add_known(self, key: Key, amount: float) -> bool:
        """The same, of a key that the caller holds."""
        with self._lock:
            total = self._all.get(key, 0.0)
            if isinstance(total, _Histogram) or not self._room(key):
                return False
            self._all[key] = total + amount
            self._changed[key] = None
        return True

    def observe(
        self, name: str, value: float, labels: Optional[Labels], bounds: Sequence[float]
    ) -> bool:
        """Puts a value into its bucket; False when there are too many series already."""
        return self.observe_known(key_of(name, labels), value, bounds)

    def observe_known(self, key: Key, value: float, bounds: Sequence[float]) -> bool:
        """The same, of a key that the caller holds."""
        with self._lock:
            held = self._all.get(key)
            if held is None and self._room(key):
                held = self._all[key] = _Histogram(bounds)
            if not isinstance(held, _Histogram):
                return False
            held.counts[bisect_left(held.bounds, value)] += 1
            held.sum += value
            self._changed[key] = None
        return True

    def _room(self, key: Key) -> bool:
        return key in self._all or len(self._all) < SERIES_MAX

    @property
    def waits(self) -> bool:
        """Whether anything changed since the last `take`."""
        return bool(self._changed)

    def take(self) -> List[Point]:
        """What changed since the last call."""
        if not self._changed:
            return []
        with self._lock:
            changed, self._changed = self._changed, {}
            points: List[Point] = []
            for key in changed:
                name, labels = key[0], {**dict(key[1]), "instance": self.instance}
                held = self._all[key]
                if isinstance(held, _Histogram):
                    points.extend(held.points(name, labels))
                else:
                    points.append((name, held, labels))
        return points


def key_of(name: str, labels: Optional[Labels]) -> Key:
    """What tells a series from all others, whatever the order of its labels."""
    if not labels:
        return name, ()
    return name, tuple(sorted((str(key), str(value)) for key, value in labels.items()))
