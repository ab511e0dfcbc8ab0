"""The middlewares in real applications of their frameworks."""

import asyncio

import pytest

from pharos.web.requests import Answered, RequestMetrics, method_of, size_of


class Told:
    """A client that keeps what it is told."""

    def __init__(self):
        self.counters, self.times = {}, []

    def counter(self, name, amount=1, labels=None):
        key = (name, *sorted((labels or {}).items()))
        self.counters[key] = self.counters.get(key, 0) + amount

    def histogram(self, name, value, labels=None):
        self.times.append((name, labels["route"], value >= 0))

    def requests(self):
        return {
            tuple(dict(key[1:])[name] for name in ("route", "method", "status")): n
            for key, n in self.counters.items() if key[0] == "http_requests_total"
        }

    def total(self, name, route):
        return sum(n for key, n in self.counters.items() if key[0] == name and ("route", route) in key)


class Rows:
    def __init__(self):
        self.rows = []

    def record_api_call(self, *row):
        self.rows.append(row)


async def ask(app, method, path, body=b"", headers=()):
    """One request to an ASGI application; its status."""
    sent = []
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        if left:
            return left.pop()
        # The client stays, and has nothing more to say.
        return await asyncio.get_running_loop().create_future()

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http",
        "headers": [(b"host", b"x"), (b"content-length", str(len(body)).encode()), *headers],
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)
    return sent[0]["status"]


def test_asgi():
    pytest.importorskip("starlette")
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse, StreamingResponse
    from starlette.routing import Route

    from pharos.web.asgi import PharosMiddleware

    async def user(request):
        return PlainTextResponse("hello")

    async def broken(request):
        raise RuntimeError("broken")

    async def parts(request):
        async def body():
            for part in ("12", "345"):
                yield part

        return StreamingResponse(body())

    told, rows = Told(), Rows()
    routes = [Route("/users/{id}", user, methods=["GET", "POST"]), Route("/broken", broken), Route("/parts", parts)]
    app = PharosMiddleware(Starlette(routes=routes), client=told, collector=rows)

    async def program():
        assert await ask(app, "GET", "/users/1") == 200
        assert await ask(app, "POST", "/users/2", b"12345") == 200
        assert await ask(app, "GET", "/nowhere/123") == 404
        assert await ask(app, "GET", "/parts") == 200
        with pytest.raises(RuntimeError):
            await ask(app, "GET", "/broken")

    asyncio.run(program())
    assert told.requests() == {
        ("/users/{id}", "GET", "200"): 1, ("/users/{id}", "POST", "200"): 1, ("unmatched", "GET", "404"): 1,
        ("/broken", "GET", "500"): 1, ("/parts", "GET", "200"): 1,
    }
    assert told.total("http_request_errors_total", "/broken") == 1
    assert told.total("http_request_errors_total", "unmatched") == 0
    assert told.total("http_response_size_bytes_total", "/parts") == 5
    assert told.total("http_request_size_bytes_total", "/users/{id}") == 5
    assert told.total("http_response_size_bytes_total", "/users/{id}") == 10
    assert len(told.times) == 5 and all(good for _, _, good in told.times)
    assert rows.rows[1][:3] == ("/users/{id}", "POST", 200) and rows.rows[1][4:] == (5, 5)


def test_asgi_routes_are_patterns_and_never_addresses():
    from pharos.web.asgi import route_of, pattern_of

    assert pattern_of("/users/users", {"id": "users"}) == "/users/{id}"
    assert pattern_of("/a/1/b/1", {"x": 1, "y": 1}) == "/a/{x}/b/{y}"
    assert pattern_of("/files/a/b/c.txt", {"path": "a/b/c.txt"}) == "/files/{path}"
    assert pattern_of("/users/007", {"id": 7}) is None
    assert pattern_of("/", {}) == "/"

    def report(request):
        """A route."""

    scope = {"path": "/reports/12.pdf", "path_params": {"number": 12}, "endpoint": report}
    assert route_of(scope).endswith("report")


def test_flask():
    flask = pytest.importorskip("flask")
    from pharos.web.flask import PharosFlask

    app, told = flask.Flask("shop"), Told()
    PharosFlask(app, client=told)

    @app.route("/users/<id>", methods=["GET", "POST"])
    def user(id):
        return "hello"

    @app.route("/broken")
    def broken():
        raise RuntimeError("broken")

    with app.test_client() as client:
        assert client.get("/users/1").status_code == 200
        assert client.post("/users/2", data=b"12345").status_code == 200
        assert client.get("/nowhere").status_code == 404
        assert client.get("/broken").status_code == 500
    assert told.requests() == {
        ("/users/<id>", "GET", "200"): 1, ("/users/<id>", "POST", "200"): 1, ("unmatched", "GET", "404"): 1,
        ("/broken", "GET", "500"): 1,
    }
    assert told.total("http_request_size_bytes_total", "/users/<id>") == 5


@pytest.fixture
def django_urls(monkeypatch):
    django = pytest.importorskip("django")
    from django.conf import settings

    if not settings.configured:
        settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", DEBUG=False,
                           MIDDLEWARE=["pharos.web.django.PharosMiddleware"], LOGGING_CONFIG=None)
        django.setup()
    from django.http import HttpResponse
    from django.urls import path

    def broken(request):
        raise RuntimeError("broken")

    monkeypatch.setitem(globals(), "urlpatterns", [
        path("users/<int:id>", lambda request, id: HttpResponse("hello")), path("broken", broken),
    ])
    told = Told()
    import pharos

    monkeypatch.setattr(pharos, "_client", told)
    return told


def test_django(django_urls):
    from django.test import Client

    client = Client(raise_request_exception=False)
    assert [client.get(path).status_code for path in ("/users/1", "/users/2", "/nowhere", "/broken")] == [200, 200, 404, 500]
    assert django_urls.requests() == {
        ("/users/<int:id>", "GET", "200"): 2, ("unmatched", "GET", "404"): 1, ("/broken", "GET", "500"): 1,
    }


def test_django_async(django_urls):
    from django.test import AsyncClient

    async def program():
        return (await AsyncClient().get("/users/3")).status_code

    assert asyncio.run(program()) == 200
    assert django_urls.requests() == {("/users/<int:id>", "GET", "200"): 1}


def test_a_broken_client_breaks_no_answer():
    class Broken:
        def counter(self, *_):
            raise RuntimeError("broken")

    RequestMetrics(Broken())(Answered("/", "GET", 200, 0.1))


def test_words_of_strangers_stay_few():
    assert [method_of(text) for text in ("get", "PATCH", "<script>")] == ["GET", "PATCH", "OTHER"]
    assert [size_of(text) for text in ("3", b"4", "-1", None, "x")] == [3, 4, 0, 0, 0]
