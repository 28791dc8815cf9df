"""The API client against a small server of our own that answers, lies, hangs and cuts."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from opsguide.errors import InputError, UnreachableError
from opsguide.reach.api import PlatformApi, result_of

TOKEN = "canary-token-0123456789"
Answerer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """`requests` is what came (path, fields); `answer` decides what goes back."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, list[str]]]] = []
        self.answer: Answerer = says({"result": 0})
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                fields = parse_qs(self.rfile.read(length).decode(), keep_blank_values=True, strict_parsing=True)
                outer.requests.append((self.path, fields))
                outer.answer(self)

            def log_message(self, *words: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def says(body: Any, status: int = 200, kind: str = "application/json", **headers: str) -> Answerer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def api(server: Server) -> PlatformApi:
    return PlatformApi(server.url, TOKEN, 60.0)


def test_a_call_is_a_post_form_with_the_token_in_its_body(server: Server, api: PlatformApi) -> None:
    server.answer = says({"result": 0, "array": [{"id": 3}]})
    answer = api.call("administration.cluster.EditHdNode", {"hdnode": 3, "force": False, "text": "a&b=ü \r\n"})
    assert (answer.outcome, answer.result, answer.body["array"]) == ("ok", 0, [{"id": 3}])
    assert server.requests == [
        (
            "/1.0/administration/cluster/rest/edithdnode",
            {
                "appid": ["cluster"],
                "session": [TOKEN],
                "hdnode": ["3"],
                "force": ["false"],
                "text": ["a&b=ü \r\n"],
            },
        )
    ]
    assert 0 < answer.seconds < 60


def test_http_200_is_not_success(server: Server, api: PlatformApi) -> None:
    server.answer = says({"result": 8202, "error": "permission denied"})
    answer = api.call("administration.cluster.GetHosts")
    assert (answer.outcome, answer.result, answer.note, answer.status) == ("failed", 8202, "permission denied", 200)


def test_a_result_counts_whatever_http_says(server: Server, api: PlatformApi) -> None:
    server.answer = says({"result": 5, "error": "not found"}, status=500)
    assert (api.call("a.b.C").outcome, api.call("a.b.C").result) == ("failed", 5)


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ({"result": 0}, 0),
        ({"result": 0, "response": {"result": 99}}, 99),
        ({"result": 7, "response": {"result": 0}}, 7),
        ({"result": 0, "response": "text"}, 0),
        ({"result": 0, "response": {"result": True}}, 0),
        ({"result": "0"}, None),
        ({"result": False}, None),
        ({"result": None}, None),
        ({"value": 1}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_result_is_a_number_and_the_nested_one_counts_too(body: Any, result: int | None) -> None:
    assert result_of(body) == result


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "lost"), (404, "failed"), (302, "failed"), (429, "failed"), (500, "lost"), (502, "lost")],
)
def test_a_page_instead_of_an_answer_is_no_success(server: Server, api: PlatformApi, status: int, outcome: str) -> None:
    server.answer = says(b"<html>Sorry \xff</html>", status, "text/html")
    answer = api.call("a.b.C")
    assert (answer.outcome, answer.result, answer.text) == (outcome, None, "<html>Sorry \\xff</html>")
    assert f"HTTP {status}" in answer.note
    assert len(server.requests) == 1


def test_a_redirect_does_not_take_the_token_along(server: Server, api: PlatformApi) -> None:
    server.answer = says({}, 307, Location=f"{server.url}/elsewhere")
    assert api.call("a.b.C").outcome == "failed"
    assert [path for path, _ in server.requests] == ["/1.0/a/b/rest/c"]


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b"null", b'{"result": 1e999}', b"[" * 100_000, b'{"a": "\xff"}'])
def test_half_an_answer_or_none_leaves_the_call_in_doubt(server: Server, api: PlatformApi, body: bytes) -> None:
    server.answer = says(body)
    assert api.call("a.b.C").outcome == "lost"


def test_a_server_that_hangs_is_left_at_the_deadline(server: Server, api: PlatformApi) -> None:
    release = threading.Event()
    server.answer = lambda handler: release.wait(120) and None
    answer = api.call("a.b.C", timeout=0.5)
    release.set()
    assert (answer.outcome, answer.result) == ("timeout", None)
    assert 0.4 < answer.seconds < 60
    assert "may take effect" in answer.note


@pytest.mark.parametrize("where", ["head", "body"])
def test_a_server_that_drips_is_left_at_the_deadline_too(server: Server, api: PlatformApi, where: str) -> None:
    release = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\n" + (b"X: " if where == "head" else b"\r\n{"))
        while not release.wait(0.05):
            handler.wfile.write(b" ")

    server.answer = drip
    answer = api.call("a.b.C", timeout=0.6)
    release.set()
    assert answer.outcome == "timeout"
    assert answer.seconds < 60


def test_an_answer_cut_in_its_middle_is_lost(server: Server, api: PlatformApi) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"result": 0')
        handler.close_connection = True

    server.answer = cut
    answer = api.call("a.b.C")
    assert (answer.outcome, answer.result) == ("lost", None)
    assert len(server.requests) == 1, "nothing is sent twice"


def test_a_connection_cut_before_the_answer_is_lost(server: Server, api: PlatformApi) -> None:
    server.answer = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)
    assert api.call("a.b.C").outcome == "lost"
    assert len(server.requests) == 1


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://no-such-host.invalid", "https://127.0.0.1:1"])
def test_a_platform_that_is_not_there_is_unreachable(address: str) -> None:
    with pytest.raises(UnreachableError, match="cannot be reached") as refused:
        PlatformApi(address, TOKEN, 60).call("a.b.C")
    assert "nothing was sent" in refused.value.next


def test_a_server_without_tls_gets_no_token(server: Server) -> None:
    with pytest.raises(UnreachableError):
        PlatformApi(server.url.replace("http:", "https:"), TOKEN, 60).call("a.b.C")
    assert server.requests == []


def test_the_token_is_in_no_error_address_or_picture(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    api = PlatformApi("http://127.0.0.1:1", TOKEN, 60)
    with pytest.raises(UnreachableError) as refused:
        api.call("a.b.C")
    cause: BaseException | None = refused.value
    seen = [repr(api), api.address("a.b.C")]
    while cause is not None:
        seen += [str(cause), repr(cause)]
        cause = cause.__cause__ or cause.__context__
    assert TOKEN not in " ".join(seen)


@pytest.mark.parametrize(
    "method", ["", "a.b", "a.b.c.d", "a..c", "a.b.C?x=1", "a.b.C/../d", "a/b.c.D", "a.b.C\n", "ä.b.C"]
)
def test_what_is_no_method_is_refused(server: Server, api: PlatformApi, method: str) -> None:
    with pytest.raises(InputError, match="is not an API method"):
        api.call(method)
    assert server.requests == []


@pytest.mark.parametrize("name", ["session", "appid", "token", "", "a b", "a[b]"])
def test_an_argument_cannot_replace_what_is_ours(server: Server, api: PlatformApi, name: str) -> None:
    with pytest.raises(InputError):
        api.call("a.b.C", {name: "x"})
    assert server.requests == []


def test_a_proxy_in_the_environment_is_not_used(
    server: Server, api: PlatformApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert api.call("a.b.C").outcome == "ok"


def test_calls_at_once_do_not_wait_for_each_other(server: Server, api: PlatformApi) -> None:
    all_are_there = threading.Barrier(5)

    def together(handler: BaseHTTPRequestHandler) -> None:
        all_are_there.wait(60)
        says({"result": 0})(handler)

    server.answer = together
    threads = [threading.Thread(target=api.call, args=("a.b.C",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not all_are_there.broken
    assert len(server.requests) == 5
