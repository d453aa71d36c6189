"""What a real server on this machine answers."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pandas as pd
import pytest
from tests.unit.catalog.frames import ENGINES, rows_of

from tauro.catalog import Catalog, ColumnSpec, DatasetError, DatasetNotFoundError

pytest.importorskip("httpx")


class Handler(BaseHTTPRequestHandler):
    answers: ClassVar[dict[str, tuple[int, str, bytes]]] = {}

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        status, kind, body = self.answers.get(path, (404, "text/plain", b"no"))
        if path == "/echo":
            body = json.dumps({"path": self.path, "token": self.headers.get("X-Token")}).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name http.server looks for

    def log_message(self, *args: Any) -> None:
        del args


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    parquet = io.BytesIO()
    pd.DataFrame({"a": [1]}).to_parquet(parquet)
    Handler.answers = {
        "/rows": (200, "application/json; charset=utf-8", b'[{"a": 1}, {"a": 2}]'),
        "/value": (200, "application/json", b'{"detail": [1, 2]}'),
        "/t.csv": (200, "application/octet-stream", b"code,a\n007,1\n"),
        "/t.parquet": (200, "application/octet-stream", parquet.getvalue()),
        "/page": (200, "text/html", b"<p>hi</p>"),
        "/echo": (200, "application/json", b""),
        "/broken": (500, "text/plain", b"the reason"),
    }
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


def load(url: str, **spec: Any) -> Any:
    return Catalog({"x": {"format": "http", "path": url, **spec}}).load("x")


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_become_a_frame(server: str, engine: str) -> None:
    assert rows_of(load(f"{server}/rows", engine=engine)) == [{"a": 1}, {"a": 2}]
    csv = load(f"{server}/t.csv", engine=engine, schema=(ColumnSpec("code", "string"),))
    assert rows_of(csv) == [{"code": "007", "a": 1}]
    assert rows_of(load(f"{server}/t.parquet", engine=engine)) == [{"a": 1}]


def test_other_answers_are_values(server: str) -> None:
    assert load(f"{server}/value") == {"detail": [1, 2]}
    assert load(f"{server}/page") == "<p>hi</p>"
    assert load(f"{server}/rows", engine="python") == [{"a": 1}, {"a": 2}]
    assert load(f"{server}/value", load_options={"format": "text"}) == '{"detail": [1, 2]}'


def test_options_go_to_the_request(server: str) -> None:
    options = {"params": {"group_number": 3}, "headers": {"X-Token": "t"}}
    assert load(f"{server}/echo", load_options=options) == {
        "path": "/echo?group_number=3",
        "token": "t",
    }


def test_errors_say_what_the_server_said(server: str) -> None:
    with pytest.raises(DatasetNotFoundError, match="answers 404"):
        load(f"{server}/none")
    with pytest.raises(DatasetError, match="answers 500 Internal Server Error: the reason"):
        load(f"{server}/broken")
    with pytest.raises(DatasetError, match="ConnectError"):
        load("http://127.0.0.1:1/")
    with pytest.raises(DatasetError, match="cannot be saved to"):
        Catalog({}, {"x": {"format": "http", "path": server}}).save("x", 1)


def test_existence_is_asked_for(server: str) -> None:
    catalog = Catalog(
        {name: {"format": "http", "path": f"{server}/{name}"} for name in ("rows", "none")}
    )
    assert catalog.exists("rows")
    assert not catalog.exists("none")


def test_a_path_that_is_no_url() -> None:
    with pytest.raises(DatasetError, match="needs a URL"):
        load("data/x.csv")
