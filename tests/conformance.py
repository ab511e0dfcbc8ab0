#!/usr/bin/env python3
"""Runs a folder of published test lists against our server: each list comes with a runner that tries
it from outside, over HTTP or a command line. `make conformance CONFORMANCE=DIR` calls it.

    tests/conformance.py --lists DIR [--real-world DIR] [SUITE...]

Every suite gets a server of its own, on a free port and in a folder that goes away. What a runner
prints is kept in target/conformance/; what failed is in there by name. One line a suite is printed,
then one with the sums. Exit status 0: nothing failed. Python 3.9, the standard library only.

PHAROS_BIN names the binary; without it, it is target/debug/pharos.
"""
import argparse
import ast
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "target" / "conformance"
# Lists have samples from 1970 on, and nothing but theirs may be there.
SETTINGS = ["--retention", "0", "--retention-5m", "0", "--retention-1h", "0", "--no-collect",
            "--durability", "async", "--log-level", "error"]
# One list asks as a page of another origin does.
CONFIG = 'cors_origins = ["*"]\n'
# A suite that takes longer than this hangs.
SUITE_SECONDS_MAX = 900
START_SECONDS_MAX = 30

# What came of a suite.
Counts = namedtuple("Counts", "passed failed skipped")


class Server:
    """A server of ours, for as long as a suite runs."""

    def __init__(self, binary):
        self.folder = tempfile.TemporaryDirectory(prefix="pharos-conformance-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        config = Path(self.folder.name) / "pharos.toml"
        config.write_text(CONFIG)
        command = [binary, "--config", str(config), "--listen", f"127.0.0.1:{port}",
                   "--data-dir", str(config.with_name("data")), *SETTINGS]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env=environment())

    def __enter__(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url + "/-/ready", timeout=5):
                    return self
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        self.__exit__()
        raise RuntimeError("the server does not start")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()


def environment():
    """Settings from outside would change what is tested."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PHAROS_")}


def run(name, command):
    """Runs a runner and returns what it printed. All of its processes end with it."""
    log = LOGS / f"{name}.log"
    with log.open("ab") as out:
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out,
                                   env=environment(), start_new_session=True)
        try:
            process.wait(SUITE_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return log.read_text(errors="replace")


# How the runners say what came of it. None: they did not come to their end.

def said_by_words(text):
    """`N passed, N failed`, as often as it is said, `(N without verdict)` behind it."""
    found = re.findall(r"(\d+) passed, (\d+) failed(?: \((\d+) without verdict\))?", text)
    sums = [sum(int(n or 0) for n in column) for column in zip(*found)]
    return Counts(*sums) if found else None


def said_by_table(text):
    """A line `TOTAL passed failed skipped ...`."""
    found = re.search(r"^TOTAL\s+(\d+)\s+(\d+)\s+(\d+)", text, re.M)
    return Counts(*map(int, found.groups())) if found else None


def said_by_kinds(text):
    """One `{'kind': n, ...}` a list."""
    found = re.findall(r"^[^{\n]*(\{'[^}\n]*\})$", text, re.M)
    kinds = {}
    for one in found:
        for kind, n in ast.literal_eval(one).items():
            kinds[kind] = kinds.get(kind, 0) + n
    passed = {"pass", "taken rightly", "refused rightly"}
    skipped = {"no verdict", "skip"}
    # Queries that fail on both sides are among those that passed.
    neither = {"reference failed"}
    failed = kinds.keys() - passed - skipped - neither
    total = lambda names: sum(kinds.get(name, 0) for name in names)
    return Counts(total(passed), total(failed), total(skipped)) if found else None


class Suites:
    """Each method is a suite: it runs what the folder has for it, and is None where that lacks."""

    def __init__(self, lists, real_world, binary, jobs):
        self.lists, self.real_world, self.binary, self.jobs = lists, real_world, binary, jobs

    def runner(self, name, *needed):
        """The command of a runner, if it is there with all that it needs."""
        if self.lists is None or not all((self.lists / file).exists() for file in (name, *needed)):
            return None
        return [sys.executable, self.lists / name]

    def with_server(self, name, command, said):
        """A runner against one server; {url} is where that is."""
        if command is None:
            return None
        with Server(self.binary) as server:
            words = [str(word).replace("{url}", server.url) for word in command]
            return said(run(name, words)) or NOT_ENDED

    def promql_scripts(self):
        command = self.runner("promqltest_run.py", "promql")
        if command is None:
            return None
        start = shlex.join([self.binary, "--listen", "127.0.0.1:{port}", "--data-dir", "{dir}/data", *SETTINGS])
        files = sorted((self.lists / "promql").glob("*.test"))
        options = ["--rw", 2, "--jobs", self.jobs, "--start", start, "-v"]
        return said_by_table(run("promql-scripts", [*command, *options, *files])) or NOT_ENDED

    def promql_texts(self):
        command = self.runner("promql_parse_run.py", "promql-parse.json")
        command = command and [*command, "-v", "--url", "{url}", self.lists / "promql-parse.json"]
        return self.with_server("promql-texts", command, said_by_kinds)

    def promql_answers(self):
        command = self.runner("promql_compare.py", "promql-compliance")
        if command is None:
            return None
        golden = next((self.lists / "promql-compliance").glob("answers-*.json.gz"))
        command = [*command, "-v", "--test", "{url}", "--golden", golden]
        return self.with_server("promql-answers", command, said_by_kinds)

    def http_api(self):
        command = self.runner("http_api_run.py", "http-api")
        if command is None:
            return None
        golden = next((self.lists / "http-api").glob("answers-*.json"))
        command = [*command, "--test", "{url}", "--golden", golden]
        return self.with_server("http-api", command, said_by_kinds)

    def remote_write(self):
        command = self.runner("remote_write_run.py")
        command = command and [*command, "-v", "--url", "{url}"]
        return self.with_server("remote-write", command, said_by_words)

    def otlp(self):
        command = self.runner("otlp_run.py", "otlp/names.json")
        command = command and [*command, "-v", "--url", "{url}", "--metrics-path", "/v1/metrics",
                               "--logs-path", "", "--traces-path", "", self.lists / "otlp/names.json"]
        return self.with_server("otlp", command, said_by_words)

    def expositions(self):
        """A list for the letter of OpenMetrics, and one of what scrapers take of both formats."""
        command = self.runner("exposition_run.py", "exposition/openmetrics.json",
                              "exposition/text-format.json")
        if command is None:
            return None
        text = ""
        for file, form, flags in (("openmetrics", "openmetrics", "--openmetrics"),
                                  ("text-format", "openmetrics", "--openmetrics --lenient"),
                                  ("text-format", "text", "--text --lenient")):
            check = f"{shlex.quote(self.binary)} check metrics {flags} --lint none"
            file = self.lists / "exposition" / f"{file}.json"
            text = run("expositions", [*command, "-v", "--format", form, "--cmd", check, file])
        return said_by_kinds(text) or NOT_ENDED

    def real_input(self):
        if self.real_world is None:
            return None
        command = [sys.executable, self.real_world / "check.py", "--url", "{url}",
                   "--push", "{url}/api/v1/import/prometheus"]
        return self.with_server("real-input", command, said_by_words)


# One failure stands for a runner that did not come to its end.
NOT_ENDED = Counts(0, 1, 0)
SUITES = ["promql_texts", "promql_answers", "http_api", "remote_write", "otlp", "expositions",
          "real_input", "promql_scripts"]


def folder(text):
    path = Path(text).resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no folder")
    return path


def main():
    arguments = argparse.ArgumentParser(description=__doc__,
                                        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--lists", type=folder, help="the folder of lists with their runners")
    arguments.add_argument("--real-world", type=folder, help="a folder of real input with check.py")
    arguments.add_argument("--jobs", type=int, default=2, help="scripts that run at once")
    arguments.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    given = arguments.parse_args()
    unknown = set(given.suites) - set(SUITES)
    if unknown:
        arguments.error(f"unknown suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    binary = os.environ.get("PHAROS_BIN") or str(ROOT / "target/debug/pharos")
    if not os.access(binary, os.X_OK):
        sys.exit(f"no binary {binary}: run make build")
    LOGS.mkdir(parents=True, exist_ok=True)
    suites, total = Suites(given.lists, given.real_world, binary, given.jobs), Counts(0, 0, 0)
    for name in given.suites or SUITES:
        shown = name.replace("_", "-")
        (LOGS / f"{shown}.log").unlink(missing_ok=True)
        began = time.monotonic()
        counts = getattr(suites, name)()
        if counts is None:
            print(f"skipped: {shown}: the folders have no such list", flush=True)
            continue
        total = Counts(*map(sum, zip(total, counts)))
        word = "FAILED" if counts.failed else "ok"
        print(f"{word:<7} {shown:<15} {counts.passed:5} passed, {counts.failed} failed, "
              f"{counts.skipped} without verdict  {time.monotonic() - began:3.0f} s", flush=True)
        if counts.failed:
            print(f"        see {LOGS / shown}.log", flush=True)
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} without verdict")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
