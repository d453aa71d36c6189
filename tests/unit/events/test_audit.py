"""The audit log."""

from __future__ import annotations

import getpass
import hashlib
import json
import logging
import multiprocessing
import os
import platform
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tauro._internal import _clock, _fs
from tauro.errors import ValidationError
from tauro.events import (
    AuditLogger,
    AuditRecord,
    FileAuditSink,
    Operation,
    acting_as,
    current_actor,
)
from tauro.events._audit_models import Outcome
from tauro.testing._events import audit_record

spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def sink(tmp_path: Path) -> FileAuditSink:
    return FileAuditSink(tmp_path / "audit")


@pytest.fixture
def audit(sink: FileAuditSink) -> AuditLogger:
    return AuditLogger(sink)


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)
    _clock.set_source(None)


def test_a_record_says_who_what_when_where_and_how_it_ended(audit: AuditLogger) -> None:
    _clock.set_source(lambda: 1_700_000_000_000_000_000)
    audit.log("report.exported", subject="r1", details={"rows": 3})
    [record] = audit.query()
    assert record.actor == getpass.getuser()
    assert (record.action, record.subject, record.outcome) == ("report.exported", "r1", "success")
    assert record.timestamp == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert (record.host, record.pid, record.thread) == (platform.node(), os.getpid(), "MainThread")
    assert record.details == {"rows": 3}


def test_a_server_names_its_caller(audit: AuditLogger) -> None:
    with acting_as("ada"):
        assert current_actor() == "ada"
        audit.log("x.y")
    audit.log("x.y")
    assert [record.actor for record in audit.query()] == ["ada", getpass.getuser()]
    assert len(audit.query(actor="ada")) == 1


def test_the_file_is_json_lines_that_any_tool_reads(audit: AuditLogger, tmp_path: Path) -> None:
    audit.log_operation(Operation.MODEL_PROMOTE, {"name": "m", "version": 3, "stage": "Production"})
    audit.log("x.y")
    [file] = (tmp_path / "audit").iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[0]["action"] == "model.promote"
    assert lines[0]["subject"] == "m/3"
    assert [line["sequence"] for line in lines] == [1, 2]


def test_secrets_and_objects_are_not_kept(audit: AuditLogger, tmp_path: Path) -> None:
    details = {
        "name": "m",
        "token": "dapi123",
        "nested": {"password": "hunter2", "ok": [1, (2, {"api_key": "k"})]},
        "url": "postgres://u:hunter2@h/db",
        "model": object(),
        "path": tmp_path,
        "loss": float("nan"),
        "when": datetime(2024, 1, 15, tzinfo=UTC),
        "long": "a" * 10_000,
        "deep": {"a": {"b": {"c": {"d": 1}}}},
        "many": list(range(1000)),
    }
    audit.log("x.y", details=details, error=ValueError("postgres://u:hunter2@h/db is down"))
    text = next((tmp_path / "audit").iterdir()).read_text()
    assert "hunter2" not in text
    assert "dapi123" not in text
    assert len(text) < 3000
    [record] = audit.query()
    assert record.details["model"] == "<object>"
    assert record.details["loss"] == "nan"
    assert record.details["path"] == str(tmp_path)
    assert record.details["nested"] == {"password": "***", "ok": [1, "<tuple>"]}
    assert record.details["deep"] == {"a": {"b": "<dict>"}}
    assert "10000 characters" in record.details["long"]
    assert record.error.startswith("ValueError: postgres://u:***@h/db")


@pytest.mark.parametrize(
    ("data", "operation", "subject"),
    [
        ({"name": "m", "version": 3}, Operation.MODEL_PROMOTE, "m/3"),
        ({"name": "m"}, Operation.MODEL_DELETE, "m"),
        ({"run_id": "r", "name": "trial"}, Operation.RUN_START, "r"),
        ({"run_id": "", "experiment_id": "e"}, Operation.EXPERIMENT_CREATE, "e"),
        ({"name": "e"}, Operation.EXPERIMENT_CREATE, "e"),
        ({"pipeline": "p"}, Operation.PIPELINE_RUN, "p"),
        ({"deployment_id": "d", "model_id": "m"}, Operation.DEPLOYMENT_CREATE, "d"),
        ({"other": 1}, Operation.MODEL_DELETE, ""),
    ],
)
def test_the_subject_is_what_was_acted_on(
    audit: AuditLogger, data: dict[str, Any], operation: Operation, subject: str
) -> None:
    audit.log_operation(operation, data)
    assert audit.query()[0].subject == subject


def test_queries_filter_by_everything_that_is_asked(audit: AuditLogger) -> None:
    start = 1_700_000_000_000_000_000
    for second, (action, subject, outcome) in enumerate(
        [
            (Operation.MODEL_REGISTER, "m/1", "success"),
            (Operation.MODEL_PROMOTE, "m/1", "refused"),
            (Operation.MODEL_PROMOTE, "n/1", "success"),
            (Operation.RUN_DELETE, "r", "failure"),
        ]
    ):
        moment = start + second * 1_000_000_000
        _clock.set_source(partial(int, moment))
        audit.log(action, subject=subject, outcome=outcome)  # type: ignore[arg-type]

    def subjects(**wanted: Any) -> list[str]:
        return [record.subject for record in audit.query(**wanted)]

    began = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert subjects() == ["m/1", "m/1", "n/1", "r"]
    assert subjects(action=Operation.MODEL_PROMOTE) == ["m/1", "n/1"]
    assert subjects(action="model.*") == ["m/1", "m/1", "n/1"]
    assert subjects(subject="m/*", outcome="refused") == ["m/1"]
    assert subjects(since=began + timedelta(seconds=2)) == ["n/1", "r"]
    assert subjects(until=(began + timedelta(seconds=2)).replace(tzinfo=None)) == ["m/1", "m/1"]
    assert subjects(limit=1) == ["r"]
    assert subjects(limit=0) == []
    with pytest.raises(ValidationError, match="limit is -1"):
        audit.query(limit=-1)


def test_a_sink_that_fails_does_not_undo_the_operation(
    audit: AuditLogger, caplog: pytest.LogCaptureFixture
) -> None:
    def full(operation: str, path: str) -> None:
        if operation == "write":
            raise OSError(28, "No space left on device", path)

    audit.log("x.first")
    _fs.set_fault_hook(full)
    with caplog.at_level(logging.ERROR, "tauro.events"):
        audit.log("x.lost")
    assert audit.failures == 1
    assert "x.lost" in caplog.text
    assert "No space left on device" in caplog.text
    assert "Traceback" not in caplog.text, "the record and the disk's words are all there is"
    _fs.set_fault_hook(None)
    audit.log("x.after")
    assert {record.action for record in audit.query()} == {"x.first", "x.after"}
    assert isinstance(audit.sink, FileAuditSink)
    assert audit.sink.verify() == []


def test_a_short_write_is_completed(audit: AuditLogger, sink: FileAuditSink) -> None:
    _fs.set_fault_hook(lambda operation, path: 7 if operation == "write" else None)
    audit.log("x.y", details={"text": "a" * 300})
    assert len(audit.query()) == 1
    assert sink.verify() == []


def _damaged(sink: FileAuditSink, folder: Path, change: Any) -> list[tuple[int, str]]:
    for number in range(4):
        sink.append(audit_record(number))
    [file] = folder.iterdir()
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(change(lines)))
    return [(damage.line, damage.reason) for damage in sink.verify()]


def test_an_untouched_log_has_no_damage(sink: FileAuditSink, tmp_path: Path) -> None:
    assert _damaged(sink, tmp_path / "audit", lambda lines: lines) == []


def test_a_changed_record_is_noticed(sink: FileAuditSink, tmp_path: Path) -> None:
    found = _damaged(
        sink,
        tmp_path / "audit",
        lambda lines: [lines[0], lines[1].replace(b"ada", b"eve"), *lines[2:]],
    )
    assert found == [(2, "the line is no audit record, or was changed")]


def test_a_removed_record_is_noticed(sink: FileAuditSink, tmp_path: Path) -> None:
    found = _damaged(sink, tmp_path / "audit", lambda lines: [lines[0], *lines[2:]])
    assert found == [(2, "record 2 is missing or out of place")]


def test_a_line_that_is_no_record_is_noticed_and_left_out(
    sink: FileAuditSink, tmp_path: Path
) -> None:
    found = _damaged(sink, tmp_path / "audit", lambda lines: [lines[0], b"garbage\n", *lines[1:]])
    assert found[0] == (2, "the line is no audit record, or was changed")
    assert len(list(sink.records())) == 4


def test_every_cut_of_the_file_reads_as_a_prefix(sink: FileAuditSink, tmp_path: Path) -> None:
    for number in range(3):
        sink.append(audit_record(number))
    [file] = (tmp_path / "audit").iterdir()
    whole = file.read_bytes()
    expected = [audit_record(number).subject for number in range(3)]
    second = whole.index(b"\n")
    for cut in (*range(0, second, 40), *range(second - 2, len(whole), 7), len(whole) - 1):
        file.write_bytes(whole[:cut])
        got = [record.subject for record in sink.records()]
        assert got == expected[: len(got)]
        assert len(got) in (whole[:cut].count(b"\n"), whole[: cut + 1].count(b"\n"))


def test_a_new_file_begins_when_one_is_full(tmp_path: Path) -> None:
    sink = FileAuditSink(tmp_path, max_bytes=1000)
    for number in range(10):
        sink.append(audit_record(number))
    sink.close()
    assert len(list(tmp_path.iterdir())) > 1
    assert [record.subject for record in sink.records()] == [f"m/{n}" for n in range(10)]
    assert sink.verify() == []


def _append_until_killed(folder: str, pipe: Connection) -> None:
    sink = FileAuditSink(folder)
    number = 0
    while True:
        sink.append(audit_record(number))
        pipe.send(number)
        number += 1


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    receive, send = spawn.Pipe(duplex=False)
    child = spawn.Process(target=_append_until_killed, args=(str(tmp_path), send))
    child.start()
    send.close()
    last = -1
    while last < 50:
        last = receive.recv()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join(240)
    try:
        while True:
            last = receive.recv()
    except EOFError:
        pass
    sink = FileAuditSink(tmp_path)
    subjects = [record.subject for record in sink.records()]
    assert subjects[: last + 1] == [f"m/{number}" for number in range(last + 1)]
    assert sink.verify() == []


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_writes_a_file_of_its_own(tmp_path: Path) -> None:
    sink = FileAuditSink(tmp_path)
    sink.append(audit_record(0))
    fork = multiprocessing.get_context("fork")
    child = fork.Process(target=lambda: sink.append(audit_record(1)))
    child.start()
    child.join(240)
    sink.append(audit_record(2))
    assert child.exitcode == 0
    assert len(list(tmp_path.iterdir())) == 2
    assert {record.subject for record in sink.records()} == {"m/0", "m/1", "m/2"}
    assert sink.verify() == []


def test_a_sink_that_fails_in_its_own_way_does_not_undo_the_operation_either(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Database:
        def append(self, record: AuditRecord) -> None:
            raise LookupError("no such table: audit")

        def records(self) -> list[AuditRecord]:
            return []

    audit = AuditLogger(Database())
    with caplog.at_level(logging.ERROR, "tauro.events"):
        audit.log("x.lost")
    assert audit.failures == 1
    assert "no such table" in caplog.text


def test_what_utf8_cannot_hold_is_kept_as_escapes(audit: AuditLogger, sink: FileAuditSink) -> None:
    """A file name may have bytes that are no character; Python reads them as lone surrogates."""
    name = os.fsdecode(b"caf\xe9.csv")
    with acting_as(name):
        audit.log(
            f"x.{name}", subject=name, details={name: name, "path": Path(name)}, error=OSError(name)
        )
    (record,) = audit.query()
    escaped = r"caf\udce9.csv"
    assert (record.subject, record.actor, record.action) == (escaped, escaped, f"x.{escaped}")
    assert record.details == {escaped: escaped, "path": escaped}
    assert record.error == f"OSError: {escaped}"
    assert audit.failures == 0
    assert sink.verify() == []


def test_an_outcome_that_does_not_exist_is_an_error_and_no_empty_answer(audit: AuditLogger) -> None:
    with pytest.raises(ValidationError, match="no outcome 'failed'"):
        audit.query(outcome="failed")  # type: ignore[arg-type]


def _append_many(folder: str, actor: str, count: int) -> None:
    audit = AuditLogger(FileAuditSink(folder, max_bytes=4000))
    with acting_as(actor):
        for number in range(count):
            outcome: Outcome = "failure" if number % 3 == 0 else "success"
            audit.log("x.y", subject=f"{actor}/{number}", outcome=outcome)


def test_eight_processes_write_one_log_and_every_question_counts_them_all(tmp_path: Path) -> None:
    processes = [
        spawn.Process(target=_append_many, args=(str(tmp_path), f"actor-{number}", 60))
        for number in range(8)
    ]
    began = datetime.now(UTC)
    for process in processes:
        process.start()
    reader = AuditLogger(FileAuditSink(tmp_path))
    while any(process.is_alive() for process in processes):
        for record in reader.query():
            assert record.subject.startswith(record.actor)
        processes[0].join(0.05)
    for process in processes:
        process.join(240)
        assert process.exitcode == 0
    everything = reader.query()
    assert len(everything) == len({record.subject for record in everything}) == 8 * 60
    assert [one.timestamp for one in everything] == sorted(one.timestamp for one in everything)
    assert len({record.pid for record in everything}) == 8
    for number in range(8):
        mine = reader.query(actor=f"actor-{number}")
        assert [one.subject for one in mine] == [f"actor-{number}/{i}" for i in range(60)]
        assert len(reader.query(subject=f"actor-{number}/*", outcome="failure")) == 20
    middle = everything[200].timestamp
    before, after = reader.query(since=began, until=middle), reader.query(since=middle)
    assert len(before) + len(after) == 8 * 60
    assert len(list(tmp_path.glob("*.jsonl"))) > 16
    assert FileAuditSink(tmp_path).verify() == []


def _files(folder: Path, count: int) -> list[Path]:
    """Make the files of so many writers, one after another."""
    for number in range(count):
        sink = FileAuditSink(folder)
        for each in range(3):
            sink.append(audit_record(10 * number + each))
        sink.close()
    return sorted(folder.iterdir())


def test_the_last_record_of_a_file_is_checked_too(tmp_path: Path) -> None:
    """No record follows whose digest would tell."""
    [file] = _files(tmp_path, 1)
    file.write_bytes(file.read_bytes().replace(b'"sequence":3', b'"sequence":3 '))
    [damage] = FileAuditSink(tmp_path).verify()
    assert (damage.line, damage.reason) == (3, "the line is no audit record, or was changed")
    assert len(list(FileAuditSink(tmp_path).records())) == 2, "what was changed is not told"


def test_a_file_that_lost_its_last_records_is_named(tmp_path: Path) -> None:
    """The next writer saw how long it was."""
    first, _ = _files(tmp_path, 2)
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join(lines[:2]))
    [damage] = FileAuditSink(tmp_path).verify()
    assert (damage.file, damage.line) == (str(first), 3)
    assert damage.reason == "the records from here on are missing"


def test_a_file_between_others_that_is_gone_is_named(tmp_path: Path) -> None:
    _, second, _ = _files(tmp_path, 3)
    second.unlink()
    [damage] = FileAuditSink(tmp_path).verify()
    assert (damage.file, damage.reason) == (str(second), "the file is missing")


def test_the_oldest_files_may_be_deleted(tmp_path: Path) -> None:
    """By a rule of how long records are kept."""
    files = _files(tmp_path, 4)
    for file in files[:2]:
        file.unlink()
    assert FileAuditSink(tmp_path).verify() == []


def test_a_file_may_grow_after_others_were_begun(tmp_path: Path) -> None:
    first, second = FileAuditSink(tmp_path), FileAuditSink(tmp_path)
    for number in range(4):
        first.append(audit_record(number))
        second.append(audit_record(number + 10))
    assert FileAuditSink(tmp_path).verify() == []


def test_of_many_files_the_newest_are_seen(tmp_path: Path) -> None:
    """A new file does not grow with how many there are."""
    files = _files(tmp_path, 20)
    first_lines = [file.read_bytes().partition(b"\n")[0] for file in files]
    seen = [msgspec.json.decode(line)["seen"] for line in first_lines]
    assert [len(each) for each in seen] == [*range(17), 16, 16, 16]
    assert list(seen[-1]) == [file.name for file in files[3:19]]


def test_files_of_an_earlier_tauro_are_whole(tmp_path: Path) -> None:
    """Their records have no checksum; the digests of those before them are as good as ever."""
    record = audit_record(0)
    line = msgspec.json.encode(msgspec.structs.replace(record, sequence=1)) + b"\n"
    previous = hashlib.sha256(line).hexdigest()[:32]
    last = msgspec.structs.replace(record, sequence=2, previous=previous)
    (tmp_path / "01old.jsonl").write_bytes(line + msgspec.json.encode(last) + b"\n")
    assert FileAuditSink(tmp_path).verify() == []
    assert len(list(FileAuditSink(tmp_path).records())) == 2
