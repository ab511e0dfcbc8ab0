"""Runs every Python example of the families' own documents, as it stands there, against a real Pharos.

`PHAROS_DOCUMENTS` names the folder; a document is found by its first line. Only addresses, ports and
keys are replaced, and names that the text leaves to the reader are defined.
"""

import os
import pathlib
import re
import sqlite3
import urllib.request

import pytest

from conftest import free_port, wait_for

CLIMATE, AMPTALK, LLM = "# System Monitor Integration Guide", "# System Monitoring", "# Monitoring System"


def snippets(title):
    folder = os.environ.get("PHAROS_DOCUMENTS")
    if not folder:
        pytest.skip("PHAROS_DOCUMENTS names no folder with the families' documents")
    for path in sorted(pathlib.Path(folder).iterdir()):
        text = path.read_text(encoding="utf-8", errors="replace")
        if text.split("\n", 1)[0].strip() == title:
            return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return pytest.fail("no document opens with %r" % title)


def run(texts, replaced, names):
    for number, text in enumerate(texts):
        for old, new in replaced.items():
            text = text.replace(old, new)
        exec(compile(text, "example %d" % (number + 1), "exec"), names)
    return names


def test_climate(pharos_server, monkeypatch):
    texts = snippets(CLIMATE)
    assert len(texts) == 4
    replaced = {"http://your-monitor-host:8000": pharos_server.url, "your-service-name": "climate-example"}
    names = run(texts, replaced, {"get_queue_size": lambda: 17, "count_active_users": lambda: 5})

    service = pharos_server.get("/services/", name="climate-example")[0]
    assert (service["status"], service["endpoint"]) == ("up", "http://your-service:port")
    for metric in ("cpu", "memory", "disk", "network"):
        assert pharos_server.value('%s{service="climate-example"}' % metric) >= 0
    assert pharos_server.value('requests_per_second{service="climate-example"}') == 156.7
    assert pharos_server.value('service_metric{metric_type="response_time_ms"}') == 245.3
    assert pharos_server.value('queue_size{service="climate-example"}') == 17
    assert pharos_server.value("active_users") == 5
    runs = {run["pipeline_type"]: run for run in pharos_server.get("/pipelines/", service="climate-example")}
    assert runs["data_ingestion"]["metadata"] == {"step": "download", "progress": 45}
    assert runs["training"]["metadata"]["accuracy"] == 0.945
    alert = pharos_server.get("/alerts/", service="climate-example")[0]
    assert (alert["title"], alert["severity"]) == ("High CPU Usage", 2)

    names["monitor"].close()
    assert pharos_server.get("/services/", name="climate-example")[0]["status"] == "down"


def test_amptalk(pharos_server, mail, webhook, monkeypatch):
    flask = pytest.importorskip("flask")
    pytest.importorskip("opentelemetry.exporter.prometheus")
    texts = snippets(AMPTALK)
    assert len(texts) == 4
    port = free_port()
    monkeypatch.setenv("PHAROS_URL", pharos_server.url)
    monkeypatch.setenv("SMTP_SERVER", "127.0.0.1")
    monkeypatch.setenv("SMTP_PORT", str(mail.port))
    replaced = {
        "prometheus_port=8000": "prometheus_port=%d" % port,
        "https://example.com/webhook": webhook.url,
        '"amptalk"': '"amptalk-example"',
    }
    names = run(texts, replaced, {"app": flask.Flask("example")})
    try:
        check_amptalk(names, port, mail, webhook, pharos_server)
    finally:
        names["monitor"].shutdown()
        names["health_check"].stop()


def check_amptalk(names, port, mail, webhook, pharos_server):
    page = urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=10).read().decode()
    line = next(line for line in page.splitlines() if line.startswith("app_requests_total{"))
    assert 'endpoint="/api/transcription"' in line and 'status_code="200"' in line and line.endswith(" 1.0")
    for name in ("system_cpu_usage", "system_memory_available", "app_threads_active", "app_health_status",
                 "app_request_duration_milliseconds_bucket", "app_errors_total"):
        assert re.search(r"^%s" % name, page, re.MULTILINE), name

    assert names["results"]["database"]["status"] == "healthy"
    assert names["report"]["checks"]["cpu"]["description"] == "CPU usage health check"
    served = names["app"].test_client().get("/health").get_json()
    assert served["service"] == "amptalk-example" and set(served["checks"]) == {"cpu", "memory", "database"}

    assert names["alert_system"].flush(20)
    assert [alert["title"] for alert in names["history"]] == ["Database Connection Failed"]
    assert sorted(message["Subject"] for _, message in mail.messages) == [
        "[ERROR] Database Connection Failed", "[WARNING] API Rate Limit Exceeded", "[WARNING] High CPU Usage",
    ]
    assert [body["title"] for body in webhook.bodies] == ["Database Connection Failed"]
    assert webhook.bodies[0]["details"] == {"database": "main", "host": "localhost"}

    query = 'app_requests_total{service="amptalk-example",endpoint="/api/transcription",status_code="200"}'
    assert pharos_server.value(query) == 1
    assert pharos_server.value('app_health_status{service="amptalk-example"}') == 1
    assert pharos_server.value('app_errors_total{service="amptalk-example"}') == 1
    titles = wait_for(lambda: [a["title"] for a in pharos_server.get("/alerts/", service="amptalk-example")][2:])
    assert titles
    assert pharos_server.get("/services/", name="amptalk-example")[0]["status"] in ("up", "down")


def test_llm(pharos_server, mail, llm, monkeypatch, capsys):
    texts = snippets(LLM)
    monkeypatch.setenv("PHAROS_URL", pharos_server.url)
    monkeypatch.setenv("PHAROS_SERVICE", "llm-example")
    replaced = {"'smtp.gmail.com'": "'127.0.0.1'", "'smtp_port': 587": "'smtp_port': %d" % mail.port}
    names = run(texts, replaced, {})
    manager, collector = names["alert_manager"], names["collector"]
    assert len(texts) == 11
    said = capsys.readouterr().out
    assert "Running: True" in said and "Active rules: 6" in said

    assert manager.running and collector.running
    assert {"high_error_rate", "high_queue_size", "no_recent_requests"} <= set(manager.rules)
    assert manager.rules["high_queue_size"].threshold_duration == 300
    assert collector.collection_interval == 30 and collector.retention_days == 7
    assert manager.check_interval == 60 and manager.cooldown_period == 1800

    rows = sqlite3.connect(str(llm / "monitoring/metrics.db"))
    assert rows.execute("SELECT queue_size, cache_hit_rate FROM app_metrics").fetchone() == (25, 0.85)
    assert rows.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rows.close()
    assert pharos_server.value('queue_size{service="llm-example"}') == 25
    assert pharos_server.value('cpu_percent{service="llm-example"}') >= 0

    # The rule of the text fires through the handlers of the text.
    manager.rules["high_queue_size"].threshold_duration = 0
    manager.check_rules({"app": {"queue_size": 101}})
    assert "Custom notification: high_queue_size - Background queue is backing up" in capsys.readouterr().out
    assert mail.messages[0][0] == ["admin@company.com"]
    assert mail.messages[0][1]["Subject"] == "[MEDIUM] high_queue_size"
    assert wait_for(lambda: pharos_server.get("/alerts/", service="llm-example"))[0]["title"] == "high_queue_size"
