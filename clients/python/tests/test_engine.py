"""What the engine promises beyond the shared cases."""

import asyncio
import logging
import os
import shutil
import subprocess
import sys

import pytest

import pharos
from conftest import CASES, call, free_port, wait_for
from pharos.transport import encode, retry_after_s

LONG = dict(batch_interval_s=3600.0, flush_timeout_s=10.0)


@pytest.fixture
def seen(script):
    call(script + "/_case", {})

    def of(path):
        return [r["body"] for r in call(script + "/_seen")["requests"] if r["path"] == path]

    return of


def metrics_of(seen):
    return {
        (item["metric_type"], item.get("labels", {}).get("le")): item["value"]
        for body in seen("/metrics/batch") for item in body["metrics"]
    }


def test_counters_and_histograms_travel_as_totals(script, seen):
    with pharos.Client(script, "shop", instance="i-1", **LONG) as client:
        for _ in range(1000):
            client.counter("sold_total", 2, {"kind": "book"})
        client.histogram("wait_seconds", 0.02, buckets=(0.01, 0.1, 1))
        client.histogram("wait_seconds", 5, buckets=(0.01, 0.1, 1))
        client.flush()
        client.counter("sold_total", 1, {"kind": "book"})
    found = metrics_of(seen)
    assert found[("sold_total", None)] == 2001
    assert [found[("wait_seconds_bucket", le)] for le in ("0.01", "0.1", "1.0", "+Inf")] == [0, 1, 1, 2]
    assert (found[("wait_seconds_sum", None)], found[("wait_seconds_count", None)]) == (5.02, 2)
    first = seen("/metrics/batch")[0]["metrics"][0]
    assert first["labels"] == {"kind": "book", "instance": "i-1"} and first["service"] == "shop"
    # The second batch tells what changed, and nothing else.
    assert len(seen("/metrics/batch")[1]["metrics"]) == 1


def test_timed_wraps_plain_and_async_functions(script, seen):
    client = pharos.Client(script, **LONG)

    @client.timed
    def load():
        return 1

    @client.timed("save")
    async def save():
        return 2

    assert (load(), asyncio.run(save()), load.__name__) == (1, 2, "load")
    client.close()
    found = metrics_of(seen)
    assert found[("load_seconds_count", None)] == 1 and found[("save_seconds_count", None)] == 1


def test_a_job_reports_its_life(script, seen):
    with pharos.Client(script, "trainer", **LONG) as client:
        with client.job("training", epochs=3) as job:
            for step in range(100):
                job.progress(step + 1, 100, loss=float("nan") if step == 99 else 0.5)
        with pytest.raises(ZeroDivisionError):
            with client.job("evaluation"):
                1 / 0
    runs = seen("/pipelines")
    assert [run["status"] for run in runs] == ["running", "completed", "running", "failed"]
    assert runs[1]["metadata"]["progress"] == 100 and runs[1]["metadata"]["loss"] is None
    assert runs[3]["error_message"] == "ZeroDivisionError: division by zero"
    assert runs[3]["service"] == "trainer"


def test_the_async_client_does_the_same(script, seen):
    async def program():
        async with pharos.AsyncClient(script, **LONG) as client:
            client.metric("loss", 0.5)
            client.status("up")
            async with client.job("training"):
                pass
            assert await client.flush()
            client.metric("loss", 0.25)

    asyncio.run(program())
    assert [b["metrics"][0]["value"] for b in seen("/metrics/batch")] == [0.5, 0.25]
    assert [body["status"] for body in seen("/services")] == ["up", "down"]


def test_one_refused_metric_does_not_cost_the_others(script, caplog):
    refusal = {"status": 422, "body": '{"detail":"metrics[1].labels: too many","index":1}'}
    call(script + "/_case", {"answers": [refusal, {"status": 200}], "only": "/metrics/batch"})
    client = pharos.Client(script, **LONG)
    for name in ("good", "bad", "fine"):
        client.metric(name, 1)
    client.close()
    last = call(script + "/_seen")["requests"][-1]["body"]["metrics"]
    assert [item["metric_type"] for item in last] == ["good", "fine"]
    assert (client.stats()["sent"], client.stats()["failed"]) == (2, 1)
    assert '"bad" is refused' in caplog.text


def test_a_batch_goes_by_time(script, seen):
    client = pharos.Client(script, batch_interval_s=0.02)
    client.metric("a", 1)
    wait_for(lambda: seen("/metrics/batch"))
    client.close()


def test_a_batch_is_never_larger_than_the_server_takes(script, seen):
    with pharos.Client(script, batch_items_max=10**6, queue_items_max=10**6, batch_interval_s=3600) as client:
        for number in range(10_001):
            client.metric("a", number)
    assert [len(body["metrics"]) for body in seen("/metrics/batch")] == [10_000, 1]


def test_a_batch_of_bad_metrics_is_given_up(script, caplog):
    call(script + "/_case", {"answers": [{"status": 422, "body": '{"detail":"bad","index":0}'}]})
    client = pharos.Client(script, **LONG)
    for number in range(100):
        client.metric("m%d" % number, 1)
    client.close()
    assert len(call(script + "/_seen")["requests"]) == 21 and client.stats()["failed"] == 100


def test_reports_that_nobody_takes_are_bounded(script):
    call(script + "/_case", {"answers": [{"delay_s": 30}]})
    client = pharos.Client(script, timeout_s=1, retries_max=0, flush_timeout_s=0.1)
    for number in range(1500):
        client.alert("alert %d" % number)
    assert client.stats()["events_queued"] <= 1000 and client.stats()["events_dropped"] >= 499
    client.close()


def test_each_outage_raises_its_own_alert(script, caplog):
    statuses = [500, 500, 200, 500, 500]
    call(script + "/_case", {"answers": [{"status": status} for status in statuses], "only": "/metrics/batch"})
    client = pharos.Client(script, retries_max=0, alert_after_errors=2, **LONG)
    for _ in statuses:
        client.metric("a", 1)
        client.flush()
    client.close()
    alerts = [r["body"] for r in call(script + "/_seen")["requests"] if r["path"] == "/alerts"]
    assert len(alerts) == 2 and "2 in a row failed" in alerts[0]["message"]
    assert caplog.text.count("1 metrics lost after 1 try") == 2


def test_a_refused_key_raises_no_alert(script):
    call(script + "/_case", {"answers": [{"status": 401}], "only": "/metrics/batch"})
    client = pharos.Client(script, alert_after_errors=1, **LONG)
    client.metric("a", 1)
    client.close()
    assert {r["path"] for r in call(script + "/_seen")["requests"]} == {"/metrics/batch"}


def test_pauses_double_with_jitter_and_have_an_end(script):
    transport = pharos.Client(script, backoff_s=1.0, **LONG).engine._transport
    for tries, longest_s in ((1, 1), (2, 2), (3, 4), (4, 8), (50, 60)):
        pauses_s = {transport._pause_s(tries, None) for _ in range(100)}
        assert longest_s / 2 <= min(pauses_s) and max(pauses_s) <= longest_s and len(pauses_s) > 50
    assert transport._pause_s(1, 7.0) == 7.0 and transport._pause_s(1, 10**6) == 60


def test_series_without_end_are_refused_and_said(script, caplog, monkeypatch):
    from pharos import series

    monkeypatch.setattr(series, "SERIES_MAX", 3)
    call(script + "/_case", {})
    client = pharos.Client(script, **LONG)
    for number in range(5):
        client.counter("a", 1, {"id": number})
    client.counter("a", 1, {"id": 0})
    client.histogram("a", 1, {"id": 1})
    client.close()
    assert (client.stats()["sent"], client.stats()["dropped"]) == (3, 3)
    assert caplog.text.count("too many series") == 1


def test_a_status_is_repeated(script, seen):
    client = pharos.Client(script, heartbeat_s=0.05, **LONG)
    client.status("up", "http://me:1")
    wait_for(lambda: len(seen("/services")) >= 3)
    client.close()
    assert [body["status"] for body in seen("/services")][-1] == "down"
    assert seen("/services")[1] == {"name": client.settings.service, "status": "up", "endpoint": "http://me:1"}


def test_errors_are_raised_only_where_asked():
    nobody = "http://127.0.0.1:%d" % free_port()
    client = pharos.Client(nobody, raise_errors=True, retries_max=0, **LONG)
    with pytest.raises(ValueError, match="finite"):
        client.metric("loss", float("nan"))
    client.metric("loss", 1)
    with pytest.raises(pharos.PharosError, match="lost after 1 try:"):
        client.flush()
    client.close()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), "3", b"3", None, [], {}, object()])
def test_what_is_no_number_harms_nothing(script, value):
    call(script + "/_case", {})
    client = pharos.Client(script, **LONG)
    client.metric("a", value)
    client.counter("b", value)
    client.histogram("c", value)
    client.close()
    assert (client.stats()["dropped"], client.stats()["sent"]) == (3, 0)


class Unspeakable:
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __float__ = __str__


def test_nonsense_of_any_kind_raises_nothing(script, seen):
    with pharos.Client(script, **LONG) as client:
        for labels in ("text", 3, ["a"], {"a": Unspeakable()}):
            client.metric("a", 1, labels)
            client.counter("b", 1, labels)
            client.histogram("c", 1, labels)
        client.metric(None, 1)
        client.metric("", 1)
        client.metric("d", Unspeakable())
        client.counter(["unhashable"], 1)
        client.counter("e", -1)
        client.histogram("f", 1, buckets=("text",))
        client.status(["up"])
        client.alert(Unspeakable(), Unspeakable(), severity=[])
        client.pipeline("p", "running", {"a": Unspeakable()})
        client.metric("good", 1)
    assert [item["metric_type"] for body in seen("/metrics/batch") for item in body["metrics"]] == ["good"]
    assert client.stats()["dropped"] == 18


def test_a_server_that_is_no_address_raises_nothing():
    assert pharos.Client("monitor:8000/").settings.url == "http://monitor:8000"
    for url in ( "http://", "ftp://127.0.0.1", "http://[::1", "http://127.0.0.1:99999"):
        with pharos.Client(url, api_key="a\nb", retries_max=0, **LONG) as client:
            client.metric("a", 1)
        assert client.stats()["failed"] == 1, url


def test_the_callers_labels_may_change(script, seen):
    labels = {"gpu": 0}
    with pharos.Client(script, **LONG) as client:
        client.metric("heat", 1, labels)
        labels["gpu"] = 1
        client.metric("heat", 2, labels)
    assert [item["labels"] for item in seen("/metrics/batch")[0]["metrics"]] == [{"gpu": "0"}, {"gpu": "1"}]


FORKING = """
import os, pharos, sys
client = pharos.Client(sys.argv[1], "forker", batch_interval_s=3600)
client.metric("before", 1)
client.counter("events_total")
child = os.fork()
client.metric("child" if child == 0 else "parent", 1)
client.counter("events_total")
if child == 0:
    client.close()
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_sends_its_own_and_nothing_twice(script, seen):
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKING, script], check=True, env=environment(), timeout=60)
    items = [item for body in seen("/metrics/batch") for item in body["metrics"]]
    names = sorted(item["metric_type"] for item in items)
    assert names == ["before", "child", "events_total", "events_total", "parent"]
    # Two processes, two series.
    instances = {item["labels"]["instance"]: item["value"] for item in items if "labels" in item}
    assert sorted(instances.values()) == [1, 2]


def environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_a_client_that_was_never_used_starts_no_thread():
    client = pharos.Client("127.0.0.1:%d" % free_port())
    assert client.flush()
    client.close()
    assert client.engine._thread is None


def test_a_program_that_just_ends_loses_nothing(script, seen):
    program = "import pharos; c = pharos.Client(%r, 's', batch_interval_s=3600); c.status('up'); c.metric('a', 1)" % script
    subprocess.run([sys.executable, "-c", program], check=True, env=environment(), timeout=60)
    assert [b["metrics"][0]["metric_type"] for b in seen("/metrics/batch")] == ["a"]
    assert [body["status"] for body in seen("/services")] == ["up", "down"]


def test_a_program_that_ends_against_nobody_ends(script):
    program = "import pharos; c = pharos.Client('http://127.0.0.1:%d', flush_timeout_s=0.2); c.metric('a', 1)" % free_port()
    subprocess.run([sys.executable, "-c", program], check=True, env=environment(), timeout=30)


TERMINATED = """
import os, signal, sys, pharos
own = sys.argv[2] == "own"
if own:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
client = pharos.watch("watched", sys.argv[1], batch_interval_s=3600)
client.metric("a", 7)
with client.engine._lock if sys.argv[2] == "locked" else open(os.devnull):
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
"""


@pytest.mark.skipif(os.name != "posix", reason="no SIGTERM on this system")
@pytest.mark.parametrize("kind, status", [("plain", -15), ("own", 3)])
def test_sigterm_sends_what_is_left_and_still_kills(script, seen, kind, status):
    ended = subprocess.run([sys.executable, "-c", TERMINATED, script, kind], env=environment(), timeout=60)
    assert ended.returncode == status
    values = [item["value"] for b in seen("/metrics/batch") for item in b["metrics"] if item["metric_type"] == "a"]
    assert values == [7]
    assert [body["status"] for body in seen("/services")] == ["up", "down"]


@pytest.mark.skipif(os.name != "posix", reason="no SIGTERM on this system")
def test_sigterm_kills_although_a_lock_is_held(script, monkeypatch):
    """The signal comes while the thread that it interrupts is within the engine."""
    program = TERMINATED.replace("import os, signal, sys, pharos", "import os, signal, sys, pharos, pharos.engine\npharos.engine.LEAVE_S_MAX = 0.2")
    ended = subprocess.run([sys.executable, "-c", program, script, "locked"], env=environment(), timeout=60)
    assert ended.returncode == -15


def test_a_million_calls_to_nobody_are_bounded_and_accounted_for():
    resource = pytest.importorskip("resource")

    client = pharos.Client("http://127.0.0.1:%d" % free_port(), flush_timeout_s=0.2, queue_items_max=1000)
    labels = {"gpu": "0"}
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(1_000_000):
        client.metric("loss", number, labels)
    more_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    client.close()
    counts = client.stats()
    # All of them would be 300 MiB.
    assert more_kib < 64 << 10
    assert counts["sent"] == 0 and counts["dropped"] + counts["failed"] + counts["queued"] == 1_000_000


@pytest.fixture
def secure(tmp_path):
    """The scripted server behind https, with a certificate of its own."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    server = subprocess.Popen(
        [sys.executable, str(CASES / "server.py"), "--tls", str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    yield server.stdout.readline().split()[-1], str(tmp_path / "cert.pem")
    server.stdin.close()
    server.wait(10)


SECURE = """
import pharos, sys
client = pharos.Client(sys.argv[1], "s", api_key="key-1", retries_max=0)
client.metric("a", 1)
client.close()
print(client.stats()["sent"], client.stats()["failed"])
"""


def test_https_with_a_certificate_that_is_trusted_and_one_that_is_not(secure):
    url, certificate = secure
    assert url.startswith("https://")

    def program(**more):
        ended = subprocess.run([sys.executable, "-c", SECURE, url], env={**environment(), **more},
                               timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return ended.stdout.split(), ended.stderr

    assert program(SSL_CERT_FILE=certificate)[0] == ["1", "0"]
    counts, said = program()
    assert counts == ["0", "1"] and "CERTIFICATE_VERIFY_FAILED" in said


def test_importing_brings_in_nothing_heavy():
    program = "import sys, pharos; print([m for m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, env=environment(), stdout=subprocess.PIPE, text=True
    ).stdout
    for name in ("urllib3", "psutil", "opentelemetry", "prometheus_client", "sqlite3", "pynvml"):
        assert repr(name) not in loaded, name


def test_the_log_handler_counts_and_alerts_once(script, seen):
    from pharos.logs import Handler

    client = pharos.Client(script, **LONG)
    logger = logging.getLogger("shop.orders")
    logger.propagate = False
    handler = Handler(client, alert_level=logging.ERROR)
    logger.addHandler(handler)
    for number in range(3):
        logger.error("order %d is lost", number)
    logging.getLogger("pharos").addHandler(handler)
    logging.getLogger("pharos").error("our own lines are not counted")
    logging.getLogger("pharos").removeHandler(handler)
    logger.removeHandler(handler)
    client.close()
    item = seen("/metrics/batch")[0]["metrics"][0]
    assert (item["value"], item["labels"]["level"], item["labels"]["logger"]) == (3, "error", "shop.orders")
    assert [alert["title"] for alert in seen("/alerts")] == ["shop.orders: order 0 is lost"]


def test_an_alert_of_the_log_has_its_context_and_no_secrets(script, seen):
    from pharos import logs

    client = pharos.Client(script, **LONG)
    logger = logging.getLogger("shop.login")
    logger.propagate = False
    handler = logs.Handler(client, alert_level=logging.ERROR)
    logger.addHandler(handler)
    try:
        logs.set_context(tenant="acme")
        with logs.context(request_id="r-1", session_token="s3cr3t-1"):
            logger.error("login of ann failed: password=%s max_tokens=7", "hunter2", extra={"api_key": "k3y", "try_": 2})
        logs.clear_context()
        logger.error('headers {"Authorization": "Bearer abcdefgh123", "apiKey": "k4y"} db_password: \'p w\' port=80')
        try:
            raise ValueError("secret='s3cr3t-2'")
        except ValueError:
            logger.exception("failed")
    finally:
        logger.removeHandler(handler)
        client.close()
    first, second, third = seen("/alerts")
    text = str([first, second, third])
    for secret in ("hunter2", "k3y", "k4y", "abcdefgh123", "s3cr3t-1", "s3cr3t-2", "p w"):
        assert secret not in text, secret
    assert "max_tokens=7" in first["message"] and "try_=2" in first["message"] and "port=80" in second["message"]
    assert "tenant=acme" in first["message"] and "request_id=r-1" in first["message"]
    assert "tenant" not in second["message"] and "ValueError" in third["message"]
    # A label per request would be a series per request.
    labels = {key for body in seen("/metrics/batch") for item in body["metrics"] for key in item["labels"]}
    assert labels == {"level", "logger", "instance"}


def test_the_log_handler_does_not_feed_itself(script, seen):
    """At level DEBUG the HTTP library logs each request: those lines are ours."""
    from pharos.logs import Handler

    client = pharos.Client(script, **LONG)
    handler, library = Handler(client), logging.getLogger("urllib3")
    library.addHandler(handler)
    library.setLevel(logging.DEBUG)
    try:
        client.metric("a", 1)
        client.flush()
        client.flush()
    finally:
        library.removeHandler(handler)
        library.setLevel(logging.NOTSET)
        client.close()
    assert len(seen("/metrics/batch")) == 1


def test_host_figures_are_told(script, seen):
    client = pharos.Client(script, **LONG)
    client.collect_host(gpu=False)
    client.flush()
    client.close()
    names = {item["metric_type"] for body in seen("/metrics/batch") for item in body["metrics"]}
    assert {"cpu", "memory", "disk", "network", "process_resident_memory_bytes"} <= names


def test_host_figures_without_psutil(monkeypatch):
    from pharos import host

    with_psutil = host.Host().read()
    monkeypatch.setattr(host, "psutil", None)
    without = host.Host().read()
    assert set(without) == set(with_psutil)
    assert abs(without["memory"] - with_psutil["memory"]) < 20


def test_gpu_figures_by_a_library_that_answers(monkeypatch):
    from pharos import gpu

    class Nvml:
        NVML_TEMPERATURE_GPU = 0
        nvmlDeviceGetCount = staticmethod(lambda: 1)
        nvmlDeviceGetHandleByIndex = staticmethod(lambda at: at)
        nvmlDeviceGetName = staticmethod(lambda _: b"H200")
        nvmlDeviceGetTemperature = staticmethod(lambda *_: 41)
        nvmlDeviceGetPowerUsage = staticmethod(lambda _: 75500)
        nvmlDeviceGetMemoryInfo = staticmethod(lambda _: type("M", (), {"total": 3, "used": 1, "free": 2}))
        nvmlDeviceGetUtilizationRates = staticmethod(lambda _: type("U", (), {"gpu": 7, "memory": 8}))

        @staticmethod
        def nvmlDeviceGetFanSpeed(_):
            raise RuntimeError("Not Supported")

    monkeypatch.setattr(gpu, "_state", {"tried": True, "nvml": Nvml})
    (device,) = gpu.gpus()
    assert (device.name, device.power_watts, device.fan_speed_percent) == ("H200", 75.5, None)
    assert device.figures()["utilization_percent"] == 7 and "fan_speed_percent" not in device.figures()


def test_json_of_what_json_cannot_say():
    class Scalar:
        def item(self):
            return 2.5

    assert encode({"a": float("inf"), "b": [float("nan")], "c": Scalar(), "d": {1: "x"}}) == (
        b'{"a":null,"b":[null],"c":2.5,"d":{"1":"x"}}'
    )
    endless = []
    endless.append(endless)
    with pytest.raises(ValueError):
        encode(endless)


def test_retry_after():
    assert retry_after_s("3") == 3 and retry_after_s("-3") == 0 and retry_after_s(None) is None
    assert retry_after_s("Thu, 01 Jan 1970 00:00:00 GMT") == 0 and retry_after_s("soon") is None


def test_three_lines_against_a_real_server(pharos_server, monkeypatch):
    monkeypatch.setenv("PHAROS_URL", pharos_server.url)
    client = pharos.watch("three-lines")
    client.metric("loss", 0.25, {"fold": "1"})
    client.counter("steps_total", 3)
    client.alert("Loss is flat", severity="error")
    with client.job("training") as job:
        job.progress(0.5)
    client.flush()
    assert pharos_server.get("/services/", name="three-lines")[0]["status"] == "up"
    assert pharos_server.value('loss{service="three-lines",fold="1"}') == 0.25
    assert pharos_server.value('sum(steps_total{service="three-lines"})') == 3
    assert pharos_server.get("/alerts/", service="three-lines")[0]["severity_name"] == "error"
    assert pharos_server.get("/pipelines/", service="three-lines")[0]["status"] == "completed"
    client.close()
    assert client.stats()["failed"] == 0 and client.stats()["events_failed"] == 0
    assert pharos_server.get("/services/", name="three-lines")[0]["status"] == "down"
