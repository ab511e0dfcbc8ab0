#!/usr/bin/env python3
"""The far side of the clients' shared cases: plays a script of answers and remembers what came.

README.md beside this file says what it serves. Starts on a free port of 127.0.0.1, prints it, and
ends with its standard input, so that a test that dies leaves no server behind.
"""

import gzip
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# A body beyond this is a client's mistake; the server does not read on.
BODY_BYTES_MAX = 64 << 20
# What Pharos answers where a script says nothing else.
ANSWERS = {
    "/services": '{"status":"updated"}',
    "/metrics": '{"status":"created"}',
    "/metrics/batch": '{"status":"created","count":%d}',
    "/pipelines": '{"id":1}',
    "/alerts": '{"id":1}',
}


class Script:
    """The answers of one case, and the requests that came."""

    def __init__(self):
        self.lock = threading.Lock()
        self.start({})

    def start(self, script):
        with self.lock:
            self.answers = list(script.get("answers") or [])
            self.only = script.get("only")
            self.seen = []

    def take(self, path):
        """The answer for the next request of `path`. The last one stays."""
        with self.lock:
            if not self.answers or (self.only and path != self.only):
                return {"status": 200}
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def note(self, request):
        with self.lock:
            self.seen.append(request)
        return request

    def told(self):
        with self.lock:
            return {"requests": list(self.seen)}


SCRIPT = Script()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/_seen":
            return self.answer(200, json.dumps(SCRIPT.told()))
        return self.answer(404, '{"detail":"no such path"}')

    def do_POST(self):
        body = self.read_body()
        if self.path == "/_case":
            SCRIPT.start(json.loads(body or "{}") or {})
            return self.answer(200, "{}")
        path = self.path.split("?", 1)[0].rstrip("/") or "/"
        act = SCRIPT.take(path)
        request = SCRIPT.note(self.seen(path, body))
        time.sleep(act.get("delay_s", 0))
        if act.get("close"):
            self.close_connection = True
            return None
        if act.get("raw"):
            return self.break_off(act["raw"])
        # Told before the answer leaves: who has the answer may ask what was seen.
        request["status"] = act.get("status", 200)
        return self.answer(request["status"], act.get("body", self.usual(path, request)), act.get("headers"))

    def break_off(self, text):
        """Sends this text as it is and closes the connection."""
        self.wfile.write(text.encode())
        self.close_connection = True

    def read_body(self):
        n_bytes = int(self.headers.get("Content-Length") or 0)
        if n_bytes > BODY_BYTES_MAX:
            raise ValueError("a body of %d bytes" % n_bytes)
        body = self.rfile.read(n_bytes)
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def seen(self, path, body):
        try:
            parsed = json.loads(body)
        except ValueError:
            parsed = None
        return {
            "method": self.command,
            "path": path,
            "authorization": self.headers.get("Authorization"),
            "encoding": self.headers.get("Content-Encoding"),
            "body": parsed,
            "status": 0,
        }

    @staticmethod
    def usual(path, request):
        if path not in ANSWERS:
            return '{"detail":"no such path"}'
        if path == "/metrics/batch":
            return ANSWERS[path] % len((request["body"] or {}).get("metrics") or [])
        return ANSWERS[path]

    def answer(self, status, text, headers=None):
        body = text.encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # The client did not wait, as some cases want.

    def log_message(self, *_):
        """Says nothing: the test's own output is read."""


def certificate(folder):
    """A certificate for 127.0.0.1 that signs itself, good for a day; the paths of it and its key."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", key, "-out", cert, "-days", "1", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"],
        check=True, stderr=subprocess.DEVNULL,
    )
    return cert, key


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if sys.argv[1:2] == ["--tls"]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate(sys.argv[2]))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("listening on %s://127.0.0.1:%d" % (scheme, server.server_address[1]), flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
