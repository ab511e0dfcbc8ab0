"""Plays the cases that all clients share against their scripted server."""

import asyncio
import json
import logging
import time

import pytest

import pharos
from conftest import CASES, call, free_port, wait_for

# What the server makes of each severity that a client may send.
WORDS = {1: "info", 2: "warning", "error": "error", 3: "critical"}

CASE_LIST = json.loads((CASES / "cases.json").read_text())


class Awaited:
    """An `AsyncClient` as the cases' steps call a client."""

    def __init__(self, **settings):
        self.client = pharos.AsyncClient(**settings)

    def flush(self):
        asyncio.run(self.client.flush())

    def close(self):
        asyncio.run(self.client.close())

    def __getattr__(self, name):
        return getattr(self.client, name)


def seen(script, path):
    return [request for request in call(script + "/_seen")["requests"] if request["path"] == path]


def act(client, step, script, number=None):
    kind, *rest = step
    if kind == "repeat":
        for at in range(rest[0]):
            act(client, rest[1], script, at)
    elif kind == "until":
        wait_for(lambda: len(seen(script, rest[0])) >= rest[1])
    elif kind == "metric":
        client.metric(*(rest if number is None or len(rest) > 1 else [rest[0], number]))
    elif kind in ("status", "pipeline", "alert", "flush", "close"):
        getattr(client, kind)(*rest)
    else:
        raise AssertionError("no such step: %s" % kind)


def check(told, found, what):
    least, most = told if isinstance(told, list) else (told, told)
    assert least <= found <= most, "%s: %s, expected %s" % (what, found, told)


def play(kind, case, url, script, monkeypatch):
    for name, value in case.get("environment", {}).items():
        monkeypatch.setenv(name, value.replace("{url}", url))
    named = {} if "environment" in case else {"url": url}
    client = kind(**named, **case.get("config", {}))
    for step in case["do"]:
        act(client, step, script)
    client.close()
    return client.stats()


def check_requests(expect, seen):
    path = expect.get("path", "/metrics/batch")
    of_path = [request for request in seen if request["path"] == path]
    if "requests" in expect:
        check(expect["requests"], len(of_path), "requests of " + path)
    if "authorization" in expect:
        assert {request["authorization"] for request in seen} == {expect["authorization"]}
    batches = [request for request in seen if request["path"] == "/metrics/batch"]
    if "encoding" in expect:
        assert {request["encoding"] for request in batches} == {expect["encoding"]}
    if "last_status" in expect:
        reports = [request for request in seen if request["path"] == "/services"]
        assert reports[-1]["body"]["status"] == expect["last_status"]
    if "alerts" in expect:
        alerts = [r for r in seen if r["path"] == "/alerts" and 200 <= r["status"] < 300]
        check(expect["alerts"], len(alerts), "alerts")
    if "severity" in expect:
        assert {WORDS[r["body"]["severity"]] for r in seen if r["path"] == "/alerts"} == {expect["severity"]}
    check_metrics(expect, [
        [item["metric_type"], item["value"]]
        for request in batches if 200 <= request["status"] < 300 for item in request["body"]["metrics"]
    ])


def check_metrics(expect, metrics):
    if "metrics" in expect:
        assert metrics == expect["metrics"]
    if "metrics_count" in expect:
        assert len(metrics) == expect["metrics_count"]
    if "newest" in expect:
        assert metrics[-1][1] == expect["newest"]


@pytest.mark.parametrize("kind", [pharos.Client, Awaited], ids=["Client", "AsyncClient"])
@pytest.mark.parametrize("case", CASE_LIST, ids=lambda case: case["name"])
def test_case(kind, case, script, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "pharos")
    listening = case.get("server") is not None
    url = script if listening else "http://127.0.0.1:%d" % free_port()
    call(script + "/_case", case.get("server") or {})
    started_s = time.monotonic()
    stats = play(kind, case, url, script, monkeypatch)
    duration_s = time.monotonic() - started_s
    expect = case["expect"]
    check_requests(expect, call(script + "/_seen")["requests"] if listening else [])
    for name, told in expect.get("stats", {}).items():
        check(told, stats[name], name)
    for text, n_times in expect.get("said", {}).items():
        said = [record.getMessage() for record in caplog.records if text in record.getMessage()]
        assert len(said) == n_times, (text, [record.getMessage() for record in caplog.records])
    assert duration_s <= expect.get("duration_s", 60)
