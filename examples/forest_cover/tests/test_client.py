from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from forest_cover.client import (
    Patience,
    SourceAnswerError,
    SourceUnavailableError,
    fetch_answer,
)
from forest_cover.generator import generate_samples

ROWS = generate_samples(20)
GOOD = {"group_number": 1, "batch_number": 3, "data": ROWS}


class Scripted(BaseHTTPRequestHandler):
    """Plays one entry of the server's script a call; the last one goes on for ever."""

    server: Any

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        script = self.server.script
        entry = script[min(len(self.server.paths), len(script)) - 1]
        entry(self)

    def log_message(self, *_: Any) -> None:
        pass


Play = Callable[[Scripted], None]


def say(document: Any, status: int = 200) -> Play:
    return say_bytes(json.dumps(document).encode(), status)


def say_bytes(body: bytes, status: int = 200, announced: int | None = None) -> Play:
    def play(handler: Scripted) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(announced or len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return play


def hang_up(handler: Scripted) -> None:
    handler.connection.close()


def stay_silent(handler: Scripted) -> None:
    handler.server.over.wait()


@contextmanager
def source(*script: Play) -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    server.script, server.paths, server.over = script, [], threading.Event()
    server.handle_error = lambda *_: None
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def fetch(server: Any, **options: Any) -> Any:
    pauses: list[float] = []
    options.setdefault("patience", Patience(attempts=3, read=240))
    answer = fetch_answer(server.url, 1, sleep=pauses.append, **options)
    return answer, pauses


def test_a_good_answer_is_returned_as_it_came() -> None:
    with source(say(GOOD)) as server:
        answer, pauses = fetch(server)
    assert (answer.group_number, answer.batch_number, answer.rows) == (1, 3, ROWS)
    assert server.paths == ["/data?group_number=1"]
    assert pauses == []


@pytest.mark.parametrize(
    "failure",
    [
        say({"detail": "busy"}, 503),
        say({"detail": "slow down"}, 429),
        say_bytes(b"<h1>Bad gateway</h1>", 502),
        hang_up,
        say_bytes(b'{"group_', announced=500),
    ],
    ids=["503", "429", "502", "hang up", "cut off"],
)
def test_a_failure_is_tried_again_after_a_growing_pause(failure: Play) -> None:
    with source(failure, failure, say(GOOD)) as server:
        answer, pauses = fetch(server)
    assert answer.batch_number == 3
    assert len(server.paths) == 3
    assert 0.25 <= pauses[0] <= 0.75
    assert 0.5 <= pauses[1] <= 1.5


def test_a_silent_source_times_out_and_is_tried_again() -> None:
    with source(stay_silent, say(GOOD)) as server:
        # More attempts than are needed: a busy machine may be silent too.
        answer, pauses = fetch(server, patience=Patience(read=0.2, attempts=100))
    assert answer.batch_number == 3
    assert len(pauses) == len(server.paths) - 1 >= 1


def test_giving_up_says_what_happened_last() -> None:
    with (
        source(say({"detail": "busy"}, 503)) as server,
        pytest.raises(SourceUnavailableError, match=r"no answer in 3 attempts, last: status 503"),
    ):
        fetch(server)
    assert len(server.paths) == 3


def test_a_source_that_is_not_there_is_named() -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody_listens.getsockname()[1]}"
        with pytest.raises(SourceUnavailableError, match="is it running, and is source_url right"):
            fetch_answer(url, 1, sleep=lambda _: None)


@pytest.mark.parametrize("url", ["localhost:8001", "ftp://host", "http://[::"])
def test_what_is_not_an_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="is not an address of a source"):
        fetch_answer(url, 1, sleep=lambda _: pytest.fail("was tried again"))


@pytest.mark.parametrize("group", [0, 11, -1])
def test_an_unknown_group_is_refused_without_asking(group: int) -> None:
    with source(say(GOOD)) as server, pytest.raises(ValueError, match="groups are 1 to 10"):
        fetch_answer(server.url, group)
    assert server.paths == []


def test_all_collected_is_none_and_not_an_error() -> None:
    with source(say({"detail": "all collected"}, 400)) as server:
        assert fetch(server) == (None, [])
    assert len(server.paths) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        say({"detail": [{"msg": "Field required"}]}, 422),
        say({"detail": "Not found"}, 404),
        say_bytes(b"<h1>Bad request</h1>", 400),
        say({"error": "?"}, 400),
        say({"detail": "moved"}, 301),
    ],
    ids=["422", "404", "400 of a proxy", "400 without detail", "301"],
)
def test_another_refusal_is_an_error_and_is_not_tried_again(refusal: Play) -> None:
    with (
        source(refusal) as server,
        pytest.raises(SourceAnswerError, match=r"/data\?group_number=1 answered \d{3}"),
    ):
        fetch(server)
    assert len(server.paths) == 1


def with_value(index: int, value: Any) -> dict[str, Any]:
    row = [*ROWS[1]]
    row[index] = value
    return {**GOOD, "data": [ROWS[0], row, ROWS[2]]}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "it is a list, expected an object"),
        (None, "it is a NoneType, expected an object"),
        ({"group_number": 1, "batch_number": 1}, "it has no 'data'; its keys: group_number, batch"),
        ({**GOOD, "group_number": 2}, "it is for group 2, asked was 1"),
        ({**GOOD, "batch_number": 0}, "batch_number is 0, expected 1 to 10"),
        ({**GOOD, "batch_number": "3"}, "batch_number is '3'"),
        ({**GOOD, "batch_number": True}, "batch_number is True"),
        ({**GOOD, "data": {}}, "data is a dict, expected a list"),
        ({**GOOD, "data": [ROWS[0], "row"]}, "sample 1 is a str, expected 13 values"),
        ({**GOOD, "data": [ROWS[0][:12]]}, "sample 0 is 12 values, expected 13 values"),
        ({**GOOD, "data": [[*ROWS[0], "1"]]}, "sample 0 is 14 values, expected 13 values"),
        (with_value(0, 2596), "sample 1, Elevation: 2596 is not a string"),
        (with_value(0, None), "sample 1, Elevation: None is not a string"),
        (with_value(0, "high"), "sample 1, Elevation: 'high' is not a whole number"),
        (with_value(2, "3.5"), "sample 1, Slope: '3.5' is not a whole number"),
        (with_value(2, "1" * 20), "is not a whole number"),
        (with_value(2, "1_000"), "is not a whole number"),
        (with_value(10, "a\x00b"), "sample 1, Wilderness_Area: 'a\\\\x00b' is not a category"),
        (with_value(11, "x" * 101), "Soil_Type: 'x+' is not a category"),
        (with_value(12, "7"), "sample 1, Cover_Type: '7' is not a class from 0 to 6"),
        (with_value(12, ""), "sample 1, Cover_Type: '' is not a class"),
        (with_value(12, "1.0"), "Cover_Type: '1.0' is not a class"),
    ],
)
def test_a_malformed_answer_is_an_error_that_says_where(document: Any, message: str) -> None:
    with source(say(document)) as server, pytest.raises(SourceAnswerError, match=message) as error:
        fetch(server)
    assert "nothing of it was stored" in str(error.value)
    assert len(server.paths) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff\xfe"])
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with source(say_bytes(body)) as server, pytest.raises(SourceAnswerError, match="is not JSON"):
        fetch(server)


@pytest.mark.parametrize("index", range(12))
def test_a_blank_feature_is_a_missing_one(index: int) -> None:
    with source(say(with_value(index, ""))) as server:
        answer, _ = fetch(server)
    assert answer.rows[1][index] == ""


def test_negative_numbers_and_new_categories_are_good() -> None:
    with source(say(with_value(4, "-146"))) as server:
        assert fetch(server)[0].rows[1][4] == "-146"
    with source(say(with_value(10, "Narnia"))) as server:
        assert fetch(server)[0].rows[1][10] == "Narnia"
