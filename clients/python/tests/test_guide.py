"""Runs the guide's and the README's examples, in order, against a real Pharos."""

import json
import os
import pathlib
import re

import pytest

from conftest import HERE

ROOT = pathlib.Path(os.environ.get("PHAROS_ROOT", HERE.parents[2]))


def run(path):
    text = path.read_text(encoding="utf-8")
    names = {}
    examples = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert examples, "no example in %s" % path
    for number, example in enumerate(examples):
        exec(compile(example, "%s, example %d" % (path.name, number + 1), "exec"), names)
    return names


@pytest.fixture
def environment(pharos_server, monkeypatch):
    import pharos

    monkeypatch.setenv("PHAROS_URL", pharos_server.url)
    yield pharos_server
    if pharos._client is not None:
        pharos._client.close()
    monkeypatch.setattr(pharos, "_client", None)


def test_the_guide(environment, capsys):
    for module in ("starlette", "flask", "psutil"):
        pytest.importorskip(module)
    names = run(ROOT / "docs/guide/python.md")
    names["client"].close()
    assert environment.value('loss{service="trainer"}') == 0.25
    assert environment.value('queue_size{service="shop",queue="orders"}') == 17
    assert environment.value('sum(sold_total{service="shop"})') == 2
    assert environment.value('checkout_seconds_count{service="shop"}') == 1
    assert environment.value('render_seconds_count{service="shop"}') == 1
    assert environment.value('basket_euros_bucket{service="shop",le="100.0"}') == 1
    assert environment.value('pages{service="crawler"}') == 12
    assert environment.value('stations_online{service="station-7"}') == 41
    assert environment.value('log_messages_total{service="shop",level="error"}') == 2
    alerts = {alert["title"]: alert["message"] for alert in environment.get("/alerts/", service="shop")}
    titles = set(alerts)
    declined = alerts["shop: card declined: token=***REDACTED***"]
    assert declined.endswith(" request_id=r-17") and "4711" not in declined
    assert {"Card service is slow", "shop: order 812 is lost"} <= titles
    runs = {run["pipeline_type"]: run["status"] for run in environment.get("/pipelines/", service="shop")}
    assert runs == {"preprocessing": "running", "training": "completed"}
    assert environment.get("/services/", name="shop")[0]["status"] == "down"
    assert environment.get("/services/", name="crawler")[0]["status"] == "unknown"
    said = capsys.readouterr().out
    assert "'failed': 0" in said and "# TYPE cpu_percent_total gauge" in said


def test_the_readme(environment):
    run(HERE.parent / "README.md")["client"].close()
    assert environment.value('loss{service="trainer"}') == 0.25


PLACES = {"python": "clients/python/tests", "node": "clients/node/test", "rust": "clients/rust"}


def test_every_promise_of_the_clients_has_its_test():
    text = (ROOT / "docs/compatibility.md").read_text(encoding="utf-8")
    # A case's sentence may itself have no backtick: the page's are pairs.
    named = [word.split("::", 1) for word in text.split("`")[1::2] if "::" in word and not word.endswith("::")]
    cases = {case["name"] for case in json.loads((ROOT / "clients/cases/cases.json").read_text())}
    files = {}
    for place, test in named:
        if place == "cases":
            assert test in cases, test
            continue
        language, path = place.split("/", 1)
        found = files.setdefault(place, (ROOT / PLACES[language] / path).read_text(encoding="utf-8"))
        defined = test if language == "node" else ("def %s(" if language == "python" else "fn %s(") % test
        assert defined in found, "%s::%s" % (place, test)
    assert len(named) > 80
