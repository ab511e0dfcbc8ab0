"""The families beyond their documents' examples: what is promised when something goes wrong."""

import asyncio
import re
import threading

import pytest

from conftest import call, free_port, wait_for

from climate_monitor import SystemMonitorClient


def answers(script, *statuses, **more):
    call(script + "/_case", {"answers": [{"status": status} for status in statuses], **more})


def seen(script, path):
    return [request for request in call(script + "/_seen")["requests"] if request["path"] == path]


class TestClimate:
    def client(self, script, **more):
        return SystemMonitorClient(base_url=script + "/", service_name="s", backoff_factor=0.01, **more)

    def test_answers_are_returned(self, script):
        answers(script, 200)
        with self.client(script) as monitor:
            assert monitor.update_status() == {"status": "updated"}
            assert monitor.update_pipeline("training", "failed", error_message="out of memory") == {"id": 1}
            assert monitor.send_alert("t", "m") == {"id": 1}
            assert monitor.send_metrics({"extra": 1})["status"] == "created"
        assert seen(script, "/services")[0]["body"] == {"name": "s", "status": "up"}
        assert seen(script, "/pipelines")[0]["body"]["error_message"] == "out of memory"
        assert seen(script, "/alerts")[0]["body"] == {"title": "t", "message": "m", "severity": 1, "service": "s"}

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_server_errors_are_tried_again(self, script, status):
        answers(script, status, status, 200)
        monitor = self.client(script)
        assert monitor.send_alert("t", "m") == {"id": 1}
        assert len(seen(script, "/alerts")) == 3
        monitor.close()

    def test_max_retries_is_kept(self, script):
        answers(script, 500, only="/pipelines")
        monitor = self.client(script, max_retries=2, timeout=5)
        assert monitor.update_pipeline("training", "running") is None
        assert len(seen(script, "/pipelines")) == 3
        monitor.close()

    def test_a_wrong_key_is_said_once_and_not_tried_again(self, script, caplog):
        answers(script, 401)
        monitor = self.client(script, api_key="wrong")
        assert monitor.update_status("up") is None and monitor.send_alert("t", "m") is None
        assert caplog.text.count("PHAROS_API_KEY") == 1
        assert [request["authorization"] for request in seen(script, "/services")] == ["Bearer wrong"]
        monitor.close()

    def test_errors_in_a_row_raise_one_alert(self, script):
        answers(script, 500, only="/pipelines")
        monitor = self.client(script, max_retries=0)
        for _ in range(6):
            monitor.update_pipeline("training", "running")
        wait_for(lambda: seen(script, "/alerts"))
        monitor.close()
        assert len(seen(script, "/alerts")) == 1

    def test_against_nobody_nothing_raises(self):
        monitor = SystemMonitorClient("http://127.0.0.1:%d" % free_port(), "s", max_retries=1, backoff_factor=0.01)
        assert monitor.update_status("up") is None and monitor.send_metrics() is None
        monitor.close()

    def test_collection_calls_its_functions_and_goes_on(self, script):
        answers(script, 200)
        calls = []

        def broken():
            raise RuntimeError("no database")

        monitor = self.client(script)
        monitor.start_metric_collection(
            interval=0.01, additional_metrics={"n": lambda: calls.append(1) or len(calls), "broken": broken}
        )
        wait_for(lambda: len(calls) >= 3)
        monitor.stop_metric_collection()
        bodies = [request["body"]["metrics"] for request in seen(script, "/metrics/batch")]
        values = [item["value"] for body in bodies for item in body if item["metric_type"] == "n"]
        assert values[:2] == [1, 2]
        assert {"cpu", "memory", "disk", "network"} <= {item["metric_type"] for item in bodies[0]}
        monitor.close()


class TestAmptalk:
    @pytest.fixture
    def health(self):
        from pharos.compat.amptalk.health_check import HealthCheck

        made = HealthCheck("s", auto_check=False, history_size=3)
        yield made
        made.stop()

    def test_the_worst_check_is_the_overall_word(self, health):
        from pharos.compat.amptalk.health_check import HealthStatus

        assert health.get_overall_status() == "unknown"
        health.register_check("a", lambda: (True, "fine"))
        assert health.get_status_report()["checks"]["a"]["status"] == "unknown"
        health.run_all_checks()
        assert health.get_overall_status() == "healthy"
        health.register_check("b", lambda: (HealthStatus.DEGRADED, "slow"))
        health.run_all_checks()
        assert health.get_status_report()["status"] == "degraded"
        health.register_check("c", lambda: 1 / 0)
        assert health.run_check("c")["message"] == "check failed: ZeroDivisionError: division by zero"
        assert health.get_overall_status() == HealthStatus.UNHEALTHY
        assert health.unregister_check("c") and not health.unregister_check("c")
        assert health.get_overall_status() == "degraded"

    def test_history_is_bounded_and_newest_first(self, health):
        answers = iter(range(5))
        health.register_check("a", lambda: (True, str(next(answers))))
        for _ in range(5):
            health.run_check("a")
        assert [result["message"] for result in health.get_check_history("a")] == ["4", "3", "2"]
        assert len(health.get_check_history("a", limit=1)) == 1
        health.clear_history()
        assert health.get_check_history("a") == []

    def test_checks_run_by_themselves(self):
        from pharos.compat.amptalk.health_check import HealthCheck

        ran = threading.Event()
        health = HealthCheck("s", check_interval=0.01)
        health.register_check("a", lambda: (ran.set(), "x") and (True, "x"))
        assert ran.wait(20)
        health.stop()

    def test_thresholds(self):
        from pharos.compat.amptalk import health_check

        low = health_check.create_memory_health_check(warning_threshold=0, critical_threshold=101)
        high = health_check.create_disk_health_check(warning_threshold=0, critical_threshold=0)
        fine = health_check.create_cpu_health_check(warning_threshold=101, critical_threshold=102)
        assert [str(check()[0]) for check in (low, high, fine)] == ["degraded", "unhealthy", "healthy"]

    def test_a_check_that_worsens_raises_alerts_once(self, health):
        from pharos.compat.amptalk.alert_system import AlertSystem

        alerts = AlertSystem("s", [])
        health.raise_alerts_with(alerts)
        state = {"good": True}
        health.register_check("db", lambda: (state["good"], "db"))
        for good in (True, False, False, True, False):
            state["good"] = good
            health.run_check("db")
        assert [alert["severity"] for alert in alerts.get_history()] == ["error", "error"]

    def test_each_notifier_hears_from_its_severity_on(self, webhook):
        from pharos.compat.amptalk.alert_system import (
            AlertNotifier, AlertSeverity, AlertSystem, WebhookNotifier, create_critical_alert, create_info_alert,
        )

        heard = []

        class Own(AlertNotifier):
            def notify(self, alert):
                heard.append(alert["title"])
                raise RuntimeError("the others hear it all the same")

        own = Own()
        system = AlertSystem("s", [own, WebhookNotifier(webhook.url, AlertSeverity.CRITICAL)], max_history_size=2)
        create_info_alert(system, "i", "m")
        create_critical_alert(system, "c", "m", "src", {"n": 1})
        alert = system.alert("x", "m", "no such word")
        assert system.flush(20)
        assert heard == ["i", "c", "x"] and [body["title"] for body in webhook.bodies] == ["c"]
        assert list(alert) == ["alert_id", "title", "message", "severity", "source", "timestamp", "details"]
        assert alert["severity"] == "warning"
        assert [past["title"] for past in system.get_history()] == ["x", "c"]
        assert system.get_history(min_severity=AlertSeverity.ERROR)[0]["title"] == "c"
        assert system.remove_notifier(own) and not system.remove_notifier(own)

    def test_monitor_checks_and_alerts_work_together(self):
        pytest.importorskip("opentelemetry.exporter.prometheus")
        from pharos.compat.amptalk import AlertSystem, HealthCheck, SystemMonitor
        from pharos.compat.amptalk.health_check import create_cpu_health_check, create_memory_health_check

        monitor, alerts = SystemMonitor("s", prometheus_port=free_port(), collect_interval=3600), AlertSystem("s", [])
        health = HealthCheck("s", auto_check=False)
        health.register_check("cpu", create_cpu_health_check(75, 90, monitor=monitor))
        health.register_check("memory", create_memory_health_check(75, 90, monitor=monitor))
        health.raise_alerts_with(alerts)
        health.report_to(monitor)
        # The checks look at what the monitor has collected.
        for cpu, memory, status in ((10.0, 20.0, 1), (91.0, 20.0, 0), (91.0, 76.0, 0), (10.0, 76.0, 1)):
            monitor._read("cpu")
            monitor._figures.update(cpu=cpu, memory=memory)
            health.run_all_checks()
            assert "app_health_status %.1f" % status in re.sub(r"{[^}]*}", "", monitor.metrics_text())
        titles = [alert["title"] for alert in alerts.get_history()]
        assert titles == ["Health check memory is degraded", "Health check cpu is unhealthy"]
        assert [alert["severity"] for alert in alerts.get_history()] == ["warning", "error"]
        monitor.shutdown()

    def test_two_monitors_do_not_mix(self):
        pytest.importorskip("opentelemetry.exporter.prometheus")
        from pharos.compat.amptalk import SystemMonitor

        first, second = (SystemMonitor(name, prometheus_port=free_port()) for name in ("a", "b"))
        first.record_request("/x", "GET", 200, 3)
        assert 'endpoint="/x"' in first.metrics_text() and "/x" not in second.metrics_text()
        assert first.get_system_info()["memory_total_bytes"] > 0
        first.shutdown()
        second.shutdown()

    def test_a_taken_port_is_said_and_harms_nothing(self, webhook, caplog):
        pytest.importorskip("opentelemetry.exporter.prometheus")
        from pharos.compat.amptalk import SystemMonitor

        monitor = SystemMonitor("a", prometheus_port=webhook.server_address[1])
        monitor.record_error("e", {"why": "x"})
        assert "no metrics page" in caplog.text and "app_errors" in monitor.metrics_text()
        monitor.shutdown()


class TestGuardian:
    def test_json_and_text_have_the_documented_names(self):
        from pharos.compat.health_guardian import MetricsCollector

        collector = MetricsCollector()
        found = collector.collect_metrics()
        assert set(found["cpu"]) == {"count", "frequency", "percent", "stats"}
        assert set(found["memory"]["swap"]) == {"total", "used", "free", "percent", "sin", "sout"}
        assert found["gpu"]["device_count"] == len(found["gpu"]["devices"])
        text = collector.to_prometheus()
        names = set(re.findall(r"^([a-z_]+)", text, re.MULTILINE))
        assert {"cpu_physical_count", "cpu_percent_per_cpu", "cpu_syscalls_total", "memory_virtual_percent",
                "memory_swap_sin_total", "gpu_device_count"} <= names
        assert "# TYPE cpu_percent_total gauge" in text and 'cpu_percent_per_cpu{core="0"}' in text
        assert asyncio.run(collector.collect_metrics_async("cpu"))["cpu"]["count"] == found["cpu"]["count"]
        with pytest.raises(KeyError, match="Collector 'tpu' not found"):
            collector.collect_metrics("tpu")

    def test_the_text_is_valid_also_with_two_devices(self):
        parser = pytest.importorskip("prometheus_client.parser")
        from pharos.compat.health_guardian import GPU_NAMES, GPUDevice, GPUMetrics, MetricsCollector

        class Two:
            name = "gpu"

            def collect(self):
                device = dict.fromkeys(GPU_NAMES, 1.0)
                return GPUMetrics(devices=[
                    GPUDevice(**device, name='A "100"\\'), GPUDevice(**{**device, "fan_speed": None}, name="B"),
                ])

        families = {f.name: f for f in parser.text_string_to_metric_families(MetricsCollector([Two()]).to_prometheus())}
        assert [s.labels for s in families["gpu_temperature_celsius"].samples] == [
            {"gpu_id": "0", "name": 'A "100"\\'}, {"gpu_id": "1", "name": "B"},
        ]
        assert len(families["gpu_fan_speed_percent"].samples) == 1

    def test_a_reading_that_cannot_be_is_refused(self):
        import pydantic

        from pharos.compat.health_guardian import CPUPercent, SwapMemory

        CPUPercent(total=0, per_cpu=[100])
        for bad in (dict(total=101, per_cpu=[]), dict(total=float("nan"), per_cpu=[]), dict(total=1, per_cpu=["x"]),
                    dict(total=1), dict(total=1, per_cpu=[], more=1)):
            with pytest.raises(pydantic.ValidationError):
                CPUPercent(**bad)
        with pytest.raises(pydantic.ValidationError):
            SwapMemory(total=-1, used=0, free=0, percent=0, sin=0, sout=0)

    def test_a_collector_that_fails_costs_its_own_figures_alone(self, caplog):
        from pharos.compat.health_guardian import MemoryCollector, MetricsCollector

        class Broken:
            name = "broken"

            def collect(self):
                raise OSError("no driver")

        collector = MetricsCollector([Broken(), MemoryCollector()])
        assert list(collector.collect_metrics()) == ["memory"]
        assert "memory_virtual_percent" in collector.to_prometheus()
        assert "the collector broken fails: no driver" in caplog.text
        with pytest.raises(OSError):
            collector.collect_metrics("broken")

    def test_a_collector_of_ones_own(self):
        from pharos.compat.health_guardian import MemoryCollector, MetricsCollector

        collector = MetricsCollector([MemoryCollector()])
        told = []
        collector.push(type("Client", (), {"metric": lambda self, *one: told.append(one)})())
        assert len(told) == 11 and told[0][0] == "memory_virtual_total_bytes"
        assert asyncio.run(MemoryCollector().collect_async()).virtual.total > 0


class TestTensorfleet:
    @pytest.fixture
    def fleet(self, monkeypatch):
        pytest.importorskip("prometheus_client")
        from pharos.compat import tensorfleet

        monkeypatch.setattr(tensorfleet, "_told_s", {})
        monkeypatch.setattr(tensorfleet, "_jobs", [])
        monkeypatch.setattr(tensorfleet, "job_counter", 0)
        return tensorfleet

    def test_the_three_rules(self, fleet):
        calm = {"error_rate": 5.0, "active_workers": 2, "storage_usage": 90}
        assert fleet.process_alerts(calm) == []
        alerts = fleet.process_alerts({"error_rate": 5.1, "active_workers": 1, "storage_usage": 91})
        assert [(alert["rule"], alert["severity"]) for alert in alerts] == [
            ("high_error_rate", "warning"), ("worker_failure", "critical"), ("storage_full", "warning"),
        ]
        assert set(alerts[0]) == {"rule", "message", "severity", "timestamp", "metrics"}

    def test_the_webhook_is_called_once_within_the_cooldown(self, fleet, webhook, monkeypatch):
        monkeypatch.setenv("ALERT_WEBHOOK_URL", webhook.url)
        for _ in range(3):
            assert len(fleet.process_alerts({"error_rate": 6, "active_workers": 2})) == 1
        assert [body["rule"] for body in webhook.bodies] == ["high_error_rate"]

    def test_collection_from_real_services(self, fleet, monkeypatch, caplog):
        prometheus_client = pytest.importorskip("prometheus_client")
        registry = prometheus_client.CollectorRegistry()
        prometheus_client.Counter("tensorfleet_job_submissions", "x", registry=registry).inc(4)
        prometheus_client.Gauge("tensorfleet_active_workers", "x", registry=registry).set(3)
        prometheus_client.Counter("tensorfleet_api_requests", "x", ["service"], registry=registry).labels("a").inc(10)
        prometheus_client.Counter("tensorfleet_api_errors", "x", registry=registry).inc(1)
        port = free_port()
        served = prometheus_client.start_http_server(port, addr="127.0.0.1", registry=registry)
        up, down = "http://127.0.0.1:%d" % port, "http://127.0.0.1:%d" % free_port()
        monkeypatch.setattr(fleet, "SERVICES", {"api_gateway": up, "orchestrator": down, "worker": down, "storage": up})
        found = fleet.aggregate_platform_metrics()
        assert (found["total_jobs"], found["active_workers"], found["error_rate"]) == (8, 6, 10.0)
        assert "Failed to collect from orchestrator" in caplog.text
        collector = fleet.MetricsCollector({"api_gateway": up, "orchestrator": down}, ["127.0.0.1:%d" % port, "127.0.0.1:1"])
        assert collector.collect_job_metrics()["tensorfleet_job_submissions_total"] == 4
        assert list(collector.collect_worker_metrics()) == ["127.0.0.1:%d" % port]
        exported = prometheus_client.generate_latest(fleet.REGISTRY).decode()
        assert "tensorfleet_active_workers 6.0" in exported
        assert fleet.check_service_health()["overall_status"] == "degraded"
        if isinstance(served, tuple):
            served[0].shutdown()
            served[0].server_close()

    def test_load(self, fleet, monkeypatch):
        """A hundred collections on ten threads, each with a result."""
        import concurrent.futures

        nobody = "http://127.0.0.1:%d" % free_port()
        monkeypatch.setattr(fleet, "SERVICES", dict.fromkeys(("api_gateway", "orchestrator"), nobody))
        with concurrent.futures.ThreadPoolExecutor(max_workers=10) as executor:
            futures = [executor.submit(fleet.collect_platform_metrics) for _ in range(100)]
            results = [future.result() for future in concurrent.futures.as_completed(futures)]
        assert len(results) == 100 and all(result is not None for result in results)

    def test_jobs_add_up(self, fleet):
        for completed in (True, True, True, False):
            fleet.record_job(10, completed)
        found = fleet.get_job_analytics()
        assert (found["total_jobs"], found["success_rate"], found["average_duration"]) == (4, 75.0, 10.0)
        assert found["performance_trends"][-1]["jobs"] == 4 and set(found["resource_utilization"]) == {
            "cpu_percent", "memory_percent", "disk_percent",
        }
        fleet.update_custom_metrics()
        assert fleet.REGISTRY.get_sample_value("models_trained_today") == 3
        assert fleet.REGISTRY.get_sample_value("user_activity_total", {"action": "login"}) >= 1

    def test_mock_workers_are_marked(self, fleet):
        found = fleet.generate_mock_worker_data()
        assert found["mock"] is True and found["total_workers"] == 3
        assert {"worker_id", "status", "tasks_completed", "cpu_usage", "memory_usage", "is_active",
                "last_activity_time"} == set(found["workers"][0])

    def test_tokens(self, fleet, monkeypatch):
        assert not fleet.validate_prometheus_token("anything")
        monkeypatch.setenv("PHAROS_API_KEY", "k")
        assert fleet.validate_prometheus_token("Bearer k") and fleet.validate_prometheus_token("k")
        assert not fleet.validate_prometheus_token("Bearer x") and not fleet.validate_prometheus_token(None)

    def test_a_flask_application_with_live_updates_and_a_guard(self, fleet, monkeypatch):
        flask = pytest.importorskip("flask")
        flask_socketio = pytest.importorskip("flask_socketio")
        monkeypatch.setenv("PHAROS_API_KEY", "k")
        app = flask.Flask("fleet")
        app.before_request(fleet.secure_metrics_access)
        app.route("/metrics/all")(lambda: "figures")
        web = app.test_client()
        assert web.get("/metrics/all").status_code == 401 and web.get("/metrics/all").get_json() == {"error": "Unauthorized"}
        assert web.get("/metrics/all", headers={"Authorization": "Bearer k"}).data == b"figures"

        socketio = flask_socketio.SocketIO(app, async_mode="threading")
        socketio.on("subscribe_metrics")(fleet.handle_metrics_subscription)
        browser = socketio.test_client(app)
        fleet.update_training_metrics("job-123", loss=0.5)
        browser.emit("subscribe_metrics", {"job_id": "job-123"})
        fleet.broadcast_metrics_update(socketio, "general")
        first, second = browser.get_received()
        assert first["name"] == "metrics_update" and first["args"][0]["job"] == {"loss": 0.5}
        assert second["name"] == "metrics_update" and "job" not in second["args"][0]
