from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from forest_cover.data import split_tenths
from forest_cover.generator import generate_samples
from forest_cover.source import BatchClock, CollectedError, Draw, SourceServer, draw_sample

PROJECT = Path(__file__).resolve().parents[1]
SAMPLES = generate_samples(1000)


class Hands:
    """A clock that the test moves."""

    def __init__(self, start: float = 1_000_000.0) -> None:
        self.time = start

    def __call__(self) -> float:
        return self.time


@contextmanager
def serving(clock: BatchClock, **options: Any) -> Iterator[SourceServer]:
    server = SourceServer(("127.0.0.1", 0), SAMPLES, clock, **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def get(server: SourceServer, path: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=240)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_an_answer_has_group_batch_and_thirteen_strings_a_sample() -> None:
    with serving(BatchClock(300)) as server:
        status, answer = get(server, "/data?group_number=4")
    assert status == 200
    assert set(answer) == {"group_number", "batch_number", "data"}
    assert (answer["group_number"], answer["batch_number"]) == (4, 1)
    assert len(answer["data"]) == 10  # a tenth of the tenth of 1,000
    assert all(len(row) == 13 and all(isinstance(v, str) for v in row) for row in answer["data"])


def test_the_batch_moves_at_most_once_an_interval_up_to_ten() -> None:
    hands = Hands()
    clock = BatchClock(300, now=hands)
    seen = []
    for _ in range(25):
        try:
            seen.append(clock.draw(1).batch)
        except CollectedError:
            break
        hands.time += 150
    # Nothing moves before its 300 s are over; batch 10 is given once.
    assert seen == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10]
    hands.time += 10_000
    with pytest.raises(CollectedError):
        clock.draw(1)


def test_a_long_silence_skips_no_batch() -> None:
    hands = Hands()
    clock = BatchClock(300, now=hands)
    assert clock.draw(1).batch == 1
    hands.time += 100_000
    assert clock.draw(1).batch == 2


def test_a_clock_set_back_does_not_hold_the_batch() -> None:
    hands = Hands()
    clock = BatchClock(300, now=hands)
    clock.draw(1)
    hands.time -= 5000
    assert clock.draw(1).batch == 2


def test_groups_move_apart_from_each_other() -> None:
    clock = BatchClock(0)
    assert [clock.draw(1).batch, clock.draw(1).batch, clock.draw(2).batch] == [1, 2, 1]


def test_once_ten_was_given_every_call_is_400_until_restarted() -> None:
    with serving(BatchClock(0)) as server:
        batches = [get(server, "/data?group_number=7")[1]["batch_number"] for _ in range(10)]
        assert batches == list(range(1, 11))
        for _ in range(2):
            status, answer = get(server, "/data?group_number=7")
            assert status == 400
            assert "has been collected" in answer["detail"]
        assert get(server, "/data?group_number=8")[0] == 200
        assert get(server, "/restart_data_generation?group_number=7")[0] == 200
        assert get(server, "/data?group_number=7")[1]["batch_number"] == 1


@pytest.mark.parametrize("path", ["/data", "/restart_data_generation"])
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 422),
        ("?group=1", 422),
        ("?group_number=", 422),
        ("?group_number=one", 422),
        ("?group_number=1.5", 422),
        ("?group_number=0", 400),
        ("?group_number=11", 400),
        ("?group_number=-1", 400),
    ],
)
def test_a_missing_or_wrong_group_is_refused(path: str, query: str, status: int) -> None:
    with serving(BatchClock(0)) as server:
        got, answer = get(server, path + query)
        assert got == status
        if status == 422:
            assert answer["detail"][0]["loc"] == ["query", "group_number"]
        else:
            assert "group" in answer["detail"]
        # A refused call moves nothing.
        assert get(server, "/data?group_number=1")[1]["batch_number"] == 1


def test_other_addresses_are_404() -> None:
    with serving(BatchClock(0)) as server:
        assert get(server, "/")[0] == 404


def test_samples_come_from_the_batchs_tenth_and_overlap_between_calls() -> None:
    tenths = split_tenths(SAMPLES)
    answers = [draw_sample(tenths, Draw(1, 3, call), size=60) for call in range(3)]
    for rows in answers:
        keys = {tuple(row) for row in rows}
        assert len(keys) == 60
        assert keys <= {tuple(row) for row in tenths[2]}
    assert answers[0] != answers[1]
    assert {tuple(r) for r in answers[0]} & {tuple(r) for r in answers[1]}


def test_a_sample_is_never_larger_than_its_tenth() -> None:
    assert len(draw_sample(split_tenths(SAMPLES), Draw(1, 1), size=5000)) == 100


def test_a_restarted_group_gets_other_samples() -> None:
    tenths = split_tenths(SAMPLES)
    assert draw_sample(tenths, Draw(1, 1)) == draw_sample(tenths, Draw(1, 1))
    assert draw_sample(tenths, Draw(1, 1)) != draw_sample(tenths, Draw(1, 1, restarts=1))


def test_the_place_is_kept_over_restarts_of_the_source(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "state.json"
    hands = Hands()
    first = BatchClock(300, state, now=hands)
    first.draw(1)
    hands.time += 300
    assert first.draw(1) == Draw(1, 2, 0)
    first.draw(5)
    first.restart(5)

    again = BatchClock(300, state, now=hands)
    assert again.draw(1) == Draw(1, 2, 1)  # the interval goes on where it was
    assert again.draw(5) == Draw(5, 1, 0, restarts=1)
    assert [path.name for path in state.parent.iterdir()] == ["state.json"]


def test_the_end_is_kept_over_restarts_too(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    clock = BatchClock(0, state)
    for _ in range(10):
        clock.draw(2)
    with pytest.raises(CollectedError):
        BatchClock(0, state).draw(2)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"groups": []}', '{"groups": {"1": {"batch": 1}}}']
)
def test_another_file_as_state_is_refused(tmp_path: Path, content: str) -> None:
    state = tmp_path / "state.json"
    state.write_text(content)
    with pytest.raises(ValueError, match="remove it to begin at batch 1"):
        BatchClock(0, state)


def test_a_state_that_cannot_be_kept_is_an_error_and_moves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with serving(BatchClock(0, tmp_path / "file" / "state.json")) as server:
        status, answer = get(server, "/data?group_number=1")
        assert status == 500
        assert "could not be kept" in answer["detail"]
        (tmp_path / "file").unlink()
        assert get(server, "/data?group_number=1")[1]["batch_number"] == 1


def test_calls_at_once_get_each_batch_once() -> None:
    with serving(BatchClock(0)) as server, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: get(server, "/data?group_number=1"), range(16)))
    given = sorted(answer["batch_number"] for status, answer in answers if status == 200)
    assert given == list(range(1, 11))
    assert sum(status == 400 for status, _ in answers) == 6


@contextmanager
def process(*options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The source as a process of its own, and the port it took."""
    child = subprocess.Popen(
        [sys.executable, "-m", "forest_cover.source", "--port", "0", *options],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line.startswith("Serving "), (line, child.stderr and child.stderr.read())
        yield child, int(line.rsplit(":", 1)[1])
    finally:
        child.kill()
        child.communicate()


def fetch(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=240)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    from forest_cover.schema import SOURCE_COLUMNS

    path = tmp_path / "samples.csv"
    lines = [",".join(row) for row in [list(SOURCE_COLUMNS), *SAMPLES]]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_in_peace_and_goes_on_where_it_was(
    tmp_path: Path, csv_file: Path, number: signal.Signals
) -> None:
    options = ["--data", str(csv_file), "--interval", "0", "--state", str(tmp_path / "s.json")]
    for batch in (1, 2):
        with process(*options) as (child, port):
            answer = fetch(port, "/data?group_number=1")
            assert answer["batch_number"] == batch
            # The first tenths of the file, as they are written there.
            tenth = {tuple(row) for row in split_tenths(SAMPLES)[batch - 1]}
            assert {tuple(row) for row in answer["data"]} <= tenth
            child.send_signal(number)
            out, err = child.communicate(timeout=280)
            assert (child.returncode, out, err) == (0, "The source has ended\n", "")


def test_a_killed_process_goes_on_where_it_was(tmp_path: Path, csv_file: Path) -> None:
    options = ["--data", str(csv_file), "--interval", "0", "--state", str(tmp_path / "s.json")]
    for batch in (1, 2, 3):
        with process(*options) as (_, port):
            assert fetch(port, "/data?group_number=1")["batch_number"] == batch


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "nowhere.csv"], "nowhere.csv"),
        (["--interval", "-1"], "not a number of seconds"),
        (["--sample-size", "0"], "not a number of samples"),
    ],
)
def test_a_wrong_option_is_said_without_a_traceback(options: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "forest_cover.source", "--port", "0", *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
