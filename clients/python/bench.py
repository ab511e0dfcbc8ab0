#!/usr/bin/env python3
"""What a call costs the caller's thread, and what importing costs the program's start.

    python bench.py

Prints the best and the middle of several rounds: on a busy machine the best is the call's own cost.
The server is an address where nobody listens, and no batch leaves while the clock runs.
"""

import logging
import os
import statistics
import subprocess
import sys
import tempfile
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


IMPORT = """
import time
wall_s, cpu_s = time.perf_counter(), time.process_time()
import pharos
print((time.perf_counter() - wall_s) * 1e3, (time.process_time() - cpu_s) * 1e3)
"""


def import_ms():
    """The import with its bytecode at hand, as an installed package has it: (wall, processor) each best of ten."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        texts = [
            subprocess.run([sys.executable, "-c", IMPORT], stdout=subprocess.PIPE, check=True, env=environment).stdout
            for _ in range(11)
        ]
    found = [[float(part) for part in text.split()] for text in texts[1:]]
    return min(wall for wall, _ in found), min(cpu for _, cpu in found)


def main():
    # That nobody listens is known.
    logging.getLogger("pharos").setLevel(logging.CRITICAL)
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
    print("%-32s %6.1f ms, of that %.1f ms on the processor" % ("import pharos", *import_ms()))


if __name__ == "__main__":
    main()
