#!/usr/bin/env python3
"""What a call costs the caller's thread, and what importing costs the program's start.

    python bench.py

Prints the best and the middle of several rounds: on a busy machine the best is the call's own cost.
The server is an address where nobody listens, and no batch leaves while the clock runs.
"""

import statistics
import subprocess
import sys
import time

import pharos

ROUNDS = 15
CALLS = 20_000


def cost_us(call):
    rounds = []
    for _ in range(ROUNDS):
        started_s = time.perf_counter()
        for at in range(CALLS):
            call(at)
        rounds.append((time.perf_counter() - started_s) / CALLS * 1e6)
    return min(rounds), statistics.median(rounds)


def quiet_client():
    return pharos.Client(
        "http://127.0.0.1:9", batch_interval_s=3600, batch_items_max=10**9, queue_items_max=10**9,
        retries_max=0, flush_timeout_s=0.1,
    )


def import_ms():
    """The import alone, by the interpreter's own account."""
    found = []
    for _ in range(5):
        text = subprocess.run(
            [sys.executable, "-c", "import time; t=time.perf_counter(); import pharos; print((time.perf_counter()-t)*1e3)"],
            stdout=subprocess.PIPE, check=True,
        ).stdout
        found.append(float(text))
    return min(found), statistics.median(found)


def main():
    client = quiet_client()
    labels = {"gpu": "0"}
    calls = {
        "metric(name, float)": lambda at: client.metric("loss", 0.25),
        "metric(name, int)": lambda at: client.metric("step", at),
        "metric(name, float, labels)": lambda at: client.metric("loss", 0.25, labels),
        "counter(name)": lambda at: client.counter("requests_total"),
        "histogram(name, float, labels)": lambda at: client.histogram("request_seconds", 0.02, labels),
    }
    for name, call in calls.items():
        best, middle = cost_us(call)
        print("%-32s %6.2f us best, %6.2f us middle" % (name, best, middle))
        client.engine.items.clear()
    best, middle = import_ms()
    print("%-32s %6.1f ms best, %6.1f ms middle" % ("import pharos", best, middle))


if __name__ == "__main__":
    main()
