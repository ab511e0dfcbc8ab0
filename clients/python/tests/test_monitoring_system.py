"""The llm family for real: SQLite files, an SMTP server, webhooks.

No test asks how long something took: the figures of `TestMonitoringPerformance` are printed, and what
is checked is that nothing was lost.
"""

import json
import logging
import sqlite3
import threading
import time
import tracemalloc
from datetime import datetime, timedelta, timezone

import pytest

from conftest import wait_for
from pharos.compat.llm import alerting, metrics_collector, startup
from pharos.compat.llm.alerting import (
    AlertManager, AlertRule, AlertSeverity, AlertStatus, EmailNotificationHandler, SlackNotificationHandler,
)
from pharos.compat.llm.database import seconds
from pharos.compat.llm.figures import percentile
from pharos.compat.llm.metrics_collector import ApiMetrics, ApplicationMetrics, MetricsCollector, SystemMetrics


def ago(**past):
    return datetime.now(timezone.utc) - timedelta(**past)


@pytest.fixture
def collector(tmp_path):
    made = MetricsCollector(str(tmp_path / "deep/metrics.db"), collection_interval=3600)
    yield made
    made.close()


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def manager(tmp_path, clock):
    made = AlertManager(str(tmp_path / "alerts.db"), clock=clock, metrics=dict)
    yield made
    made.close()


def row_of(path, text):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(text).fetchall()
    finally:
        connection.close()


class TestMetricsCollector:
    def test_the_tables_are_those_of_the_schema(self, collector):
        columns = {
            table: [row[1] for row in row_of(collector.db_path, "PRAGMA table_info(%s)" % table)]
            for table in ("system_metrics", "api_metrics")
        }
        assert columns["system_metrics"] == [
            "id", "timestamp", "cpu_percent", "memory_percent", "memory_used_mb", "memory_available_mb",
            "disk_usage_percent", "disk_free_gb", "network_bytes_sent", "network_bytes_recv", "active_connections",
            "created_at",
        ]
        assert columns["api_metrics"] == [
            "id", "timestamp", "endpoint", "method", "status_code", "response_time_ms", "request_size_bytes",
            "response_size_bytes", "error_count", "created_at",
        ]
        assert row_of(collector.db_path, "PRAGMA integrity_check") == [("ok",)]
        assert collector.database.integrity_check() == "ok"

    def test_a_reading_of_the_machine_is_plausible_and_stored(self, collector):
        metrics = collector.collect_once()
        assert 0 <= metrics.cpu_percent <= 100 and 0 < metrics.memory_percent <= 100
        assert metrics.memory_used_mb > 0 and metrics.disk_free_gb > 0
        (row,) = collector.get_recent_system_metrics(minutes=60)
        assert row["memory_used_mb"] == metrics.memory_used_mb and row["timestamp"].endswith("Z")
        assert len(collector.system_metrics) == 1 and collector.last_collection == metrics.timestamp

    def test_collection_runs_and_ends(self, tmp_path):
        made = MetricsCollector(str(tmp_path / "m.db"), collection_interval=0.01)
        made.start_collection()
        made.start_collection()
        assert made.running
        wait_for(lambda: len(made.system_metrics) >= 3)
        made.stop_collection()
        assert not made.running
        assert len(made.get_recent_system_metrics()) == len(made.system_metrics)
        made.close()

    def test_the_summary_adds_up(self, collector):
        for cpu in (10.0, 30.0):
            collector.record_system_metrics(SystemMetrics(ago(minutes=5), cpu_percent=cpu, memory_percent=50, disk_usage_percent=70))
        for number in range(100):
            collector.record_api_call("/train", "POST", 500 if number < 5 else 200, number + 1.0, 10, 20)
        collector.record_api_call("/health", "GET", 404, 1.0)
        found = collector.get_metrics_summary(hours=24)
        assert (found["system"]["avg_cpu_percent"], found["system"]["max_cpu_percent"]) == (20, 30)
        assert found["system"]["avg_disk_percent"] == 70 and found["system"]["data_points"] == 2
        api = found["api"]
        assert (api["total_requests"], api["error_count"], api["unique_endpoints"]) == (101, 6, 2)
        assert (api["p50_response_time_ms"], api["p99_response_time_ms"], api["max_response_time_ms"]) == (50, 99, 100)
        assert api["status_codes"] == {"200": 95, "404": 1, "500": 5}
        assert api["endpoints"]["POST /train"]["error_rate_percent"] == 5
        assert (api["request_size_bytes"], api["response_size_bytes"]) == (1000, 2000)
        assert api["error_rate_percent"] == round(600 / 101, 4)

    def test_percentiles_are_nearest_ranks(self):
        assert [percentile([4, 1, 3, 2], share) for share in (1, 25, 50, 51, 99, 100)] == [1, 1, 2, 3, 4, 4]
        assert percentile([], 99) == 0

    def test_old_rows_are_outside_the_window_and_deleted(self, collector):
        collector.record_system_metrics(SystemMetrics(ago(minutes=90)))
        collector.record_api_metrics(ApiMetrics(ago(days=8), "/a", "GET", 200, 1.0))
        collector.record_app_metrics(ApplicationMetrics(queue_size=1))
        assert collector.get_recent_system_metrics(minutes=60) == []
        assert len(collector.get_recent_system_metrics(minutes=120)) == 1
        assert collector.cleanup_old_data() == 1
        assert row_of(collector.db_path, "SELECT COUNT(*) FROM api_metrics") == [(0,)]
        assert collector.cleanup_old_data(days=-1) == 2

    def test_app_metrics_are_in_the_file_when_the_call_returns(self, collector):
        naive = datetime(2024, 5, 1, 12, 0)
        collector._store_app_metrics(ApplicationMetrics(timestamp=naive, cache_hit_rate=0.85, queue_size=25))
        row = row_of(collector.db_path, "SELECT timestamp, cache_hit_rate, queue_size FROM app_metrics")
        assert row == [("2024-05-01T12:00:00.000Z", 0.85, 25)]
        collector._store_app_metrics(ApplicationMetrics(queue_size=7))
        assert collector.current_metrics()["app"]["queue_size"] == 7

    def test_rules_see_the_newest_reading_and_whether_requests_ever_came(self, collector):
        assert collector.current_metrics()["api"]["ever_requested"] is False
        collector.record_system_metrics(SystemMetrics(ago(seconds=1), cpu_percent=91))
        collector.record_api_metrics(ApiMetrics(ago(hours=1), "/a", "GET", 200, 1.0))
        found = collector.current_metrics()
        assert found["system"]["cpu_percent"] == 91 and found["api"]["ever_requested"] is True
        assert found["api"]["total_requests"] == 0

    def test_a_full_queue_drops_the_oldest_and_counts(self, collector, monkeypatch):
        monkeypatch.setattr(metrics_collector, "WAITING_MAX", 3)
        for number in range(5):
            collector.record_api_call("/%d" % number, "GET", 200, 1.0)
        assert [row["endpoint"] for row in collector.get_recent_api_metrics()] == ["/2", "/3", "/4"]
        assert collector.dropped == 2

    def test_a_disk_that_refuses_loses_nothing(self, collector, monkeypatch, caplog):
        write = collector.database.write

        def refuse(*_):
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(collector.database, "write", refuse)
        collector.record_api_call("/a", "GET", 200, 1.0)
        collector._store_app_metrics(ApplicationMetrics(queue_size=3))
        assert not collector.flush() and "disk is full" in collector.write_error
        assert caplog.text.count("disk is full") == 1
        monkeypatch.setattr(collector.database, "write", write)
        assert collector.flush() and collector.write_error == ""
        assert [row["endpoint"] for row in collector.get_recent_api_metrics()] == ["/a"]
        assert [row["queue_size"] for row in collector.get_recent_app_metrics()] == [3]

    def test_the_environment_sets_interval_and_path(self, llm, monkeypatch):
        monkeypatch.setenv("METRICS_COLLECTION_INTERVAL", "5m")
        monkeypatch.setenv("METRICS_DB_PATH", str(llm / "elsewhere.db"))
        made = metrics_collector.get_metrics_collector()
        assert made is metrics_collector.get_metrics_collector()
        assert made.collection_interval == 300 and (llm / "elsewhere.db").exists()

    def test_durations(self):
        assert [seconds(text) for text in ("30", "10ms", "1.5s", "5m", "24h", "7d")] == [30, 0.01, 1.5, 300, 86400, 604800]
        with pytest.raises(ValueError, match="not a duration"):
            seconds("soon")


def rule(name="queue", duration_s=300, cooldown_s=1800, **more):
    return AlertRule(
        name, "the queue is long", AlertSeverity.MEDIUM, lambda m: m["app"]["queue_size"] > 100,
        threshold_duration=duration_s, cooldown_period=cooldown_s, **more
    )


LONG_QUEUE, SHORT_QUEUE = {"app": {"queue_size": 101}}, {"app": {"queue_size": 100}}


class TestAlertManager:
    def check(self, manager, clock, at_s, metrics):
        clock.now_s = at_s
        return [alert.name for alert in manager.check_rules(metrics)]

    def test_the_six_default_rules(self, manager):
        assert {name: (r.severity.value, r.threshold_duration) for name, r in manager.rules.items()} == {
            "high_cpu_usage": ("HIGH", 300), "high_memory_usage": ("CRITICAL", 180), "high_error_rate": ("HIGH", 300),
            "slow_response_time": ("MEDIUM", 600), "low_disk_space": ("HIGH", 300),
            "no_recent_requests": ("CRITICAL", 900),
        }
        assert (manager.check_interval, manager.cooldown_period) == (60, 1800)

    @pytest.mark.parametrize("name, below, above", [
        ("high_cpu_usage", {"system": {"cpu_percent": 80}}, {"system": {"cpu_percent": 80.1}}),
        ("high_memory_usage", {"system": {"memory_percent": 90}}, {"system": {"memory_percent": 90.1}}),
        ("high_error_rate", {"api": {"error_rate_percent": 10}}, {"api": {"error_rate_percent": 10.1}}),
        ("slow_response_time", {"api": {"avg_response_time_ms": 5000}}, {"api": {"avg_response_time_ms": 5001}}),
        ("low_disk_space", {"system": {"disk_usage_percent": 85}}, {"system": {"disk_usage_percent": 85.1}}),
        ("no_recent_requests", {"api": {"ever_requested": True, "total_requests": 1}},
         {"api": {"ever_requested": True, "total_requests": 0}}),
        ("no_recent_requests", {"api": {"ever_requested": False, "total_requests": 0}},
         {"api": {"ever_requested": True, "total_requests": 0}}),
        ("no_recent_requests", {}, {"api": {"ever_requested": True}}),
    ])
    def test_each_default_rule_fires_after_its_duration_and_not_before(self, manager, clock, name, below, above):
        duration_s = manager.rules[name].threshold_duration
        assert self.check(manager, clock, 0, below) == []
        assert self.check(manager, clock, 10_000, below) == []
        assert self.check(manager, clock, 10_001, above) == []
        assert self.check(manager, clock, 10_000 + duration_s, above) == []
        assert self.check(manager, clock, 10_001 + duration_s, above) == [name]
        assert self.check(manager, clock, 10_002 + duration_s, below) == []

    def test_a_condition_that_stops_in_between_starts_again(self, manager, clock):
        manager.add_rule(rule(duration_s=300))
        self.check(manager, clock, 0, LONG_QUEUE)
        self.check(manager, clock, 200, SHORT_QUEUE)
        self.check(manager, clock, 250, LONG_QUEUE)
        assert self.check(manager, clock, 549, LONG_QUEUE) == []
        assert self.check(manager, clock, 550, LONG_QUEUE) == ["queue"]

    def test_the_cooldown_silences_notifications_and_not_the_alert(self, manager, clock):
        told = []
        manager.add_rule(rule(duration_s=0, cooldown_s=1800))
        manager.add_notification_handler(lambda alert: told.append((clock.now_s, alert.status.value)))
        for at_s, metrics in ((0, LONG_QUEUE), (10, SHORT_QUEUE), (20, LONG_QUEUE), (30, SHORT_QUEUE), (1800, LONG_QUEUE)):
            active = self.check(manager, clock, at_s, metrics)
            assert active == (["queue"] if metrics is LONG_QUEUE else [])
        assert told == [(0, "active"), (10, "resolved"), (1800, "active")]
        assert len(manager.get_alert_history()) == 3

    def test_an_alert_that_stays_is_told_once(self, manager, clock):
        told = []
        manager.add_rule(rule(duration_s=0, cooldown_s=0))
        manager.add_notification_handler(told.append)
        for at_s in range(100):
            self.check(manager, clock, at_s * 60, LONG_QUEUE)
        assert len(told) == 1

    def test_acknowledge_and_resolve_are_in_the_file(self, manager, clock):
        manager.add_rule(rule(duration_s=0))
        self.check(manager, clock, 0, LONG_QUEUE)
        (alert,) = manager.get_active_alerts()
        assert manager.acknowledge_alert(alert.id) and not manager.acknowledge_alert("no such id")
        text = "SELECT status, acknowledged_at IS NOT NULL, resolved_at IS NOT NULL, severity FROM alerts"
        assert row_of(manager.db_path, text) == [("acknowledged", 1, 0, "MEDIUM")]
        assert self.check(manager, clock, 60, LONG_QUEUE) == ["queue"]
        assert manager.resolve_alert(alert.id) and not manager.resolve_alert(alert.id)
        assert row_of(manager.db_path, text) == [("resolved", 1, 1, "MEDIUM")]
        (row,) = manager.get_alert_history(hours=24)
        assert json.loads(row["metadata"])["metrics"] == LONG_QUEUE
        assert list(row) == [
            "id", "name", "description", "severity", "status", "created_at", "updated_at", "resolved_at",
            "acknowledged_at", "metadata",
        ]

    def test_an_alert_outlives_the_program(self, tmp_path, clock):
        first = AlertManager(str(tmp_path / "a.db"), clock=clock)
        first.add_rule(rule(duration_s=0))
        self.check(first, clock, 0, LONG_QUEUE)
        first.close()
        second = AlertManager(str(tmp_path / "a.db"), clock=clock)
        second.add_rule(rule(duration_s=0))
        assert list(second.active_alerts) == ["queue"]
        self.check(second, clock, 60, SHORT_QUEUE)
        assert [row["status"] for row in second.get_alert_history()] == ["resolved"]
        second.close()

    def test_a_rule_that_fails_and_a_handler_that_fails_harm_nobody(self, manager, clock, caplog):
        told = []

        def broken(_):
            raise RuntimeError("no route to pager")

        manager.add_rule(AlertRule("bad", "", AlertSeverity.LOW, broken, 0))
        manager.add_rule(rule(duration_s=0))
        manager.add_notification_handler(broken)
        manager.add_notification_handler(told.append)
        for at_s in (0, 1, 2):
            self.check(manager, clock, at_s, LONG_QUEUE)
        assert [alert.name for alert in told] == ["queue"]
        assert caplog.text.count("the condition of rule bad fails") == 1
        assert caplog.text.count("no route to pager") == 2

    def test_disabled_and_removed_rules_are_silent(self, manager, clock):
        manager.add_rule(rule("off", 0, enabled=False))
        manager.add_rule(rule("gone", 0))
        assert self.check(manager, clock, 0, LONG_QUEUE) == ["gone"]
        assert manager.remove_rule("gone") and not manager.remove_rule("gone")
        assert self.check(manager, clock, 1, LONG_QUEUE) == []

    def test_mail_arrives(self, manager, clock, mail):
        manager.add_rule(rule(duration_s=0))
        manager.add_notification_handler(
            EmailNotificationHandler("127.0.0.1", mail.port, "me", "secret", "from@x.org", ["a@x.org", "b@x.org"])
        )
        self.check(manager, clock, 0, LONG_QUEUE)
        self.check(manager, clock, 1, SHORT_QUEUE)
        assert [message["Subject"] for _, message in mail.messages] == ["[MEDIUM] queue", "[RESOLVED] queue"]
        recipients, message = mail.messages[0]
        assert recipients == ["a@x.org", "b@x.org"] and "the queue is long" in message.get_payload()

    def test_a_line_break_in_a_name_writes_no_header(self, mail):
        from pharos.notify import MailSettings, send_email

        send_email(MailSettings("127.0.0.1", mail.port, recipients=["a@x.org"]), "x\r\nBcc: evil@x.org", "text")
        recipients, message = mail.messages[0]
        assert recipients == ["a@x.org"] and message["Bcc"] is None

    def test_a_password_does_not_travel_in_the_clear(self, mail, monkeypatch):
        from pharos import notify

        settings = notify.MailSettings("127.0.0.1", mail.port, "me", "secret", recipients=["a@x.org"])
        monkeypatch.setattr(notify, "LOOPBACK", ())
        with pytest.raises(notify.NotifyError, match="offers no encryption"):
            notify.send_email(settings, "subject", "text")
        assert mail.messages == []

    def test_slack_gets_a_coloured_attachment(self, manager, clock, webhook):
        manager.add_rule(rule(duration_s=0))
        manager.add_notification_handler(SlackNotificationHandler(webhook.url))
        self.check(manager, clock, 0, LONG_QUEUE)
        (attachment,) = webhook.bodies[0]["attachments"]
        assert (attachment["title"], attachment["color"]) == ("queue", "#f2c744")

    def test_the_environment_starts_all_of_it(self, llm, mail, webhook, monkeypatch):
        for name, value in {
            "ENABLE_EMAIL_ALERTS": "true", "SMTP_SERVER": "127.0.0.1", "SMTP_PORT": str(mail.port),
            "ALERT_TO_EMAILS": "a@x.org, b@x.org", "ENABLE_SLACK_ALERTS": "true", "SLACK_WEBHOOK_URL": webhook.url,
            "ALERT_CHECK_INTERVAL": "7", "ALERT_COOLDOWN_PERIOD": "9", "ALERTS_DB_PATH": str(llm / "my.db"),
        }.items():
            monkeypatch.setenv(name, value)
        started = startup.start_monitoring_with_config()
        again = startup.start_monitoring_with_config()
        manager = started.alert_manager
        assert again == started and started.metrics_collector.running and manager.running
        assert (manager.check_interval, manager.cooldown_period, len(manager.notification_handlers)) == (7, 9, 2)
        manager.add_rule(rule(duration_s=0))
        manager.check_rules(LONG_QUEUE)
        assert mail.messages[0][0] == ["a@x.org", "b@x.org"] and webhook.bodies
        assert (llm / "my.db").exists() and (llm / "monitoring/metrics.db").exists()
        startup.stop_monitoring_system()
        assert not manager.running

    def test_without_any_setting_nobody_is_told(self, llm):
        assert startup.start_monitoring_with_config().alert_manager.notification_handlers == []

    def test_a_setting_that_is_unknown_is_named(self, llm):
        with pytest.raises(ValueError, match="interval_collection.*collection_interval"):
            startup.initialize_monitoring_system(metrics={"interval_collection": 3})

    def test_the_whole_way(self, llm, mail):
        """From requests by way of the file and a rule to the mail."""
        started = startup.initialize_monitoring_system(
            enable_email_alerts=True,
            email_config={"smtp_server": "127.0.0.1", "smtp_port": mail.port, "to_emails": ["a@x.org"]},
        )
        started.alert_manager.rules["high_error_rate"].threshold_duration = 0
        for number in range(10):
            started.metrics_collector.record_api_call("/train", "POST", 500 if number < 2 else 200, 12.0)
        assert [alert.name for alert in started.alert_manager.check_rules()] == ["high_error_rate"]
        assert mail.messages[0][1]["Subject"] == "[HIGH] high_error_rate"
        assert started.alert_manager.active_alerts["high_error_rate"].status is AlertStatus.ACTIVE


class TestMonitoringPerformance:
    def told(self, capsys, text, *values):
        with capsys.disabled():
            print("\n    " + text % values, end="")

    def test_recording_a_request(self, collector, capsys):
        n_calls = 5000
        started_s = time.perf_counter()
        for number in range(n_calls):
            collector.record_api_call("/train", "POST", 200, 12.5, 100, 200)
        self.told(capsys, "%.4f ms per recorded request (promised: 1)", (time.perf_counter() - started_s) / n_calls * 1e3)
        assert len(collector.get_recent_api_metrics()) == n_calls

    def test_writing_to_the_file(self, collector, capsys):
        n_rows = 5000
        for number in range(n_rows):
            collector.record_api_call("/train", "POST", 200, 12.5)
        started_s = time.perf_counter()
        collector.flush()
        self.told(capsys, "%.0f rows written per second (promised: 1000)", n_rows / (time.perf_counter() - started_s))
        assert row_of(collector.db_path, "SELECT COUNT(*) FROM api_metrics") == [(n_rows,)]

    def test_checking_the_rules(self, manager, collector, capsys):
        for number in range(5000):
            collector.record_api_call("/train", "POST", 200, 12.5)
        metrics = collector.current_metrics()
        started_s = time.perf_counter()
        for _ in range(100):
            manager.check_rules(metrics)
        each_ms = (time.perf_counter() - started_s) / 100 / len(manager.rules) * 1e3
        self.told(capsys, "%.4f ms per rule check (promised: 10)", each_ms)
        assert metrics["api"]["total_requests"] == 5000

    def test_asking_for_the_summary(self, collector, capsys):
        for number in range(10_000):
            collector.record_api_call("/train/%d" % (number % 20), "POST", 200, float(number % 100))
        collector.flush()
        started_s = time.perf_counter()
        found = collector.get_metrics_summary(hours=24)
        self.told(capsys, "%.1f ms for the summary of 10,000 requests (promised: 100)", (time.perf_counter() - started_s) * 1e3)
        assert found["api"]["unique_endpoints"] == 20

    def test_memory_has_a_bound(self, collector, manager, capsys):
        """Ten seconds of the promised load, written, ruled and summed up."""
        tracemalloc.start()
        try:
            for number in range(10_000):
                collector.record_api_call("/train/%d" % (number % 20), "POST", 200, 12.5)
                if number % 1000 == 0:
                    collector.flush()
                    manager.check_rules(collector.current_metrics())
            collector.get_metrics_summary()
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.told(capsys, "%.1f MB at most for 10,000 requests (promised: 50)", peak_bytes / 1e6)
        assert peak_bytes < 50e6

    def test_many_threads_lose_nothing(self, collector):
        def work():
            for _ in range(500):
                collector.record_api_call("/a", "GET", 200, 1.0)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        collector.flush()
        for thread in threads:
            thread.join()
        assert collector.get_metrics_summary()["api"]["total_requests"] == 4000


class TestLogging:
    @pytest.fixture
    def lines(self, tmp_path, monkeypatch):
        from pharos.compat.llm import logging as logs

        path = tmp_path / "logs/app.log"
        logger = logs.setup_logging(level="DEBUG", log_file=str(path), name="shop")
        yield logger, lambda: [json.loads(line) for line in path.read_text().splitlines()], path
        logs.StructuredLogger.clear_context()

    def test_lines_are_json_with_their_context(self, lines):
        logger, read, _ = lines
        logger.set_context(request_id="r-1")
        logger.info("sold %d", 3, price=2.5)
        logger.clear_context()
        logging.getLogger("other").warning("plain")
        first, second = [line for line in read() if line["logger"] in ("shop", "other")]
        assert (first["message"], first["request_id"], first["price"], first["level"]) == ("sold 3", "r-1", 2.5, "INFO")
        assert first["function"] == "test_lines_are_json_with_their_context"
        assert "request_id" not in second and second["message"] == "plain"

    def test_secrets_are_taken_out_at_every_depth(self, lines):
        logger, read, _ = lines
        logger.info("login", db_password="hunter2", user={"API-Key": "k", "name": "ann", "cards": [{"credit_card": 1}]},
                    ssn="078-05-1120", session="kept", max_tokens=7, Authorization="Bearer x", apiKey="abc-key")
        text = json.dumps(read()[-1])
        assert "hunter2" not in text and '"k"' not in text and "078-05" not in text and "Bearer x" not in text
        assert "abc-key" not in text and read()[-1]["max_tokens"] == 7
        assert read()[-1]["user"]["name"] == "ann" and read()[-1]["session"] == "kept"

    def test_an_exception_and_a_field_with_a_taken_name(self, lines):
        logger, read, _ = lines
        try:
            1 / 0
        except ZeroDivisionError:
            logger.exception("failed", module="mine")
        line = read()[-1]
        assert line["exception"]["type"] == "ZeroDivisionError" and line["module_"] == "mine"

    def test_decorated_calls_are_logged_without_arguments(self, lines):
        from pharos.compat.llm.logging import log_function_call

        logger, read, _ = lines

        @log_function_call
        def pay(card):
            raise ValueError("declined")

        with pytest.raises(ValueError):
            pay("4111")
        assert "raised ValueError" in read()[-1]["message"] and "4111" not in read()[-1]["message"]

    def test_lines_are_found_again(self, lines, tmp_path):
        from pharos.compat.llm.logging import LogAggregator

        logger, _, path = lines
        for number in range(5):
            logger.error("order %d lost", number, request_id="r-%d" % (number % 2))
        logger.info("order 9 sold")
        with open(path, "a") as file:
            file.write("no json at all\n[1,2]\n")
        found = LogAggregator(str(tmp_path / "logs.db"))
        n_lines = sum(1 for line in open(path))
        assert found.ingest_log_file(str(path)) == n_lines
        assert [row["message"] for row in found.search_logs(level="error", limit=2)] == ["order 4 lost", "order 3 lost"]
        assert len(found.search_logs(request_id="r-1")) == 2
        assert len(found.search_logs(message_pattern="order%sold")) == 1
        assert found.search_logs(start_time=datetime.now(timezone.utc) + timedelta(hours=1)) == []
        assert found.get_log_statistics()["by_level"]["ERROR"] == 5
        assert found.cleanup_old_logs(days=30) == 0 and found.cleanup_old_logs(days=-1) == n_lines
        found.database.close()
