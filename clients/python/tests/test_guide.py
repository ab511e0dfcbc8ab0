"""Runs the guide's and the README's examples, in order, against a real Pharos."""

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
    assert environment.value('log_messages_total{service="shop",level="error"}') == 1
    titles = {alert["title"] for alert in environment.get("/alerts/", service="shop")}
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
