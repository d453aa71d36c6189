"""Lines of a journal, written by one and read by all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.tracking._catalogue._entry import Entry, EntryKind, decode_entries, encode_entry
from tauro.tracking._catalogue._layout import Layout
from tauro.tracking._catalogue._reader import JournalReader
from tauro.tracking._catalogue._writer import JournalWriter

ENTRY = Entry(EntryKind.RUN, 3, 7, "exp", "run", b'{"name":"\xc3\xa9\\t\\n"}')


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path))


@pytest.fixture
def faults() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


def _append(writer: JournalWriter, run_id: str, rev: int = 1) -> None:
    with writer.append(EntryKind.RUN, rev, "exp", run_id, b"{}"):
        pass


def _files(layout: Layout) -> list[Path]:
    return sorted(Path(layout.journal).glob("*.journal"))


# Lines


def test_an_entry_is_one_line_that_comes_back() -> None:
    line = encode_entry(ENTRY)
    assert line.count(b"\n") == 1
    assert decode_entries(line) == ([(0, ENTRY)], len(line), False)


def test_every_truncation_reads_as_a_prefix() -> None:
    lines = [encode_entry(ENTRY), encode_entry(Entry(EntryKind.GONE, 0, 1, "e", "r", b""))]
    data = b"".join(lines)
    for size in range(len(data)):
        entries, length, damaged = decode_entries(data[:size])
        whole = 0 if size < len(lines[0]) else 1
        assert (len(entries), damaged) == (whole, False)
        assert length == (len(lines[0]) if whole else 0)


def test_every_flipped_byte_is_noticed() -> None:
    good = encode_entry(ENTRY)
    for place in range(len(good)):
        for bit in (1, 128):
            data = bytearray(good + good)
            data[place] ^= bit
            entries, _, damaged = decode_entries(bytes(data))
            assert damaged
            assert [entry for _, entry in entries] in ([ENTRY], [])


@pytest.mark.parametrize(("experiment_id", "run_id"), [("a\tb", "r"), ("e", "a\nb")])
def test_ids_that_would_break_a_line_are_refused(experiment_id: str, run_id: str) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        encode_entry(Entry(EntryKind.RUN, 0, 1, experiment_id, run_id, b"{}"))


# Writing and reading


def test_a_tail_gives_only_what_is_new(layout: Layout) -> None:
    writer, reader = JournalWriter(layout), JournalReader(layout)
    assert not reader.tail().tentative
    _append(writer, "a")
    _append(writer, "b")
    found = reader.tail()
    assert [entry.run_id for entry in found.certain] == ["a"]
    assert [each.entry.run_id for each in found.tentative] == ["b"]
    assert not reader.tail().tentative
    _append(writer, "c")
    assert [each.entry.run_id for each in reader.tail().tentative] == ["c"]


def test_entries_at_the_same_time_have_slots_of_their_own(layout: Layout) -> None:
    writer = JournalWriter(layout)
    with writer.append(EntryKind.RUN, 1, "e", "a", b"{}"):
        _append(writer, "b")
        _append(writer, "c")
    found = JournalReader(layout).tail()
    assert [entry.run_id for entry in found.certain] == ["b"]
    assert {each.entry.run_id for each in found.tentative} == {"a", "c"}


def test_an_entry_that_failed_is_never_taken_for_carried_out(layout: Layout) -> None:
    writer = JournalWriter(layout)
    with pytest.raises(RuntimeError), writer.append(EntryKind.RUN, 1, "e", "failed", b"{}"):
        raise RuntimeError
    for run_id in ("a", "b", "c"):
        _append(writer, run_id)
    found = JournalReader(layout).tail()
    assert "failed" in {each.entry.run_id for each in found.tentative}
    assert "failed" not in {entry.run_id for entry in found.certain}


def test_an_entry_whose_block_was_never_entered_stays_tentative(layout: Layout) -> None:
    writer = JournalWriter(layout)
    writer.append(EntryKind.RUN, 1, "e", "open", b"{}")
    _append(writer, "a")
    _append(writer, "b")
    tentative = JournalReader(layout).tail().tentative
    assert {each.entry.run_id for each in tentative} == {"open", "b"}


def test_half_a_line_waits_for_its_end(layout: Layout) -> None:
    writer, reader = JournalWriter(layout), JournalReader(layout)
    _append(writer, "a")
    (path,) = _files(layout)
    line = encode_entry(ENTRY)
    with path.open("ab") as file:
        file.write(line[:20])
        file.flush()
        assert [each.entry.run_id for each in reader.tail().tentative] == ["a"]
        file.write(line[20:])
    assert [each.entry for each in reader.tail().tentative] == [ENTRY]


def test_a_damaged_line_is_reported_and_the_rest_is_read(layout: Layout) -> None:
    writer = JournalWriter(layout)
    for run_id in ("a", "b"):
        _append(writer, run_id)
    (path,) = _files(layout)
    data = bytearray(path.read_bytes())
    data[12] ^= 1
    path.write_bytes(data)
    found = JournalReader(layout).tail()
    assert found.damaged
    assert [each.entry.run_id for each in found.tentative] == ["b"]


def test_a_torn_write_is_an_error_and_the_file_is_left(layout: Layout, faults: None) -> None:
    writer = JournalWriter(layout)
    _append(writer, "a")
    short = [10]

    def fail(operation: str, path: str) -> int | None:
        if operation == "write" and path.endswith(".journal"):
            if not short:
                raise OSError(errno.ENOSPC, "full")
            return short.pop()
        return None

    _fs.set_fault_hook(fail)
    with pytest.raises(OSError, match="full"):
        writer.append(EntryKind.RUN, 1, "e", "torn", b"{}")
    _fs.set_fault_hook(None)
    _append(writer, "b")
    assert len(_files(layout)) == 2
    found = JournalReader(layout).tail()
    assert {each.entry.run_id for each in found.tentative} == {"a", "b"}
    assert not found.damaged


def test_a_journal_that_was_removed_is_noticed_by_its_writer(layout: Layout) -> None:
    writer = JournalWriter(layout)
    _append(writer, "a")
    (first,) = _files(layout)
    first.unlink()
    _append(writer, "b")
    _append(writer, "c")
    found = JournalReader(layout).tail()
    assert [entry.run_id for entry in found.certain] == ["b"]
    assert [each.entry.run_id for each in found.tentative] == ["c"]


def test_a_reader_knows_which_journals_it_lost(layout: Layout) -> None:
    writer, reader = JournalWriter(layout), JournalReader(layout)
    _append(writer, "a")
    reader.tail()
    (path,) = _files(layout)
    path.unlink()
    reader.tail()
    assert reader.lost == {path.name}
    reader.forget([path.name])
    reader.tail()
    assert not reader.lost


def test_files_of_others_are_not_read(layout: Layout) -> None:
    folder = Path(layout.journal)
    folder.mkdir(parents=True)
    (folder / ".tmp-1.journal").write_bytes(encode_entry(ENTRY))
    (folder / "notes.txt").write_bytes(encode_entry(ENTRY))
    assert not JournalReader(layout).tail().tentative


def test_a_long_journal_is_continued_in_another_file(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tauro.tracking._catalogue._writer._MAX_BYTES", 100)
    writer = JournalWriter(layout)
    for number in range(10):
        _append(writer, f"run{number}")
    assert len(_files(layout)) > 2
    found = JournalReader(layout).tail()
    ids = {entry.run_id for entry in found.certain} | {e.entry.run_id for e in found.tentative}
    assert len(ids) == 10


def test_a_durable_entry_is_on_the_disk_before_its_document(layout: Layout, faults: None) -> None:
    writer = JournalWriter(layout, durable=True)
    calls: list[str] = []
    _fs.set_fault_hook(lambda operation, path: calls.append(operation))
    with writer.append(EntryKind.RUN, 1, "e", "a", b"{}"):
        first = list(calls)
        calls.clear()
    _append(writer, "b")
    assert first[-5:] == ["rename", "fsync_dir", "write", "fsync", "fstat"]
    assert calls == ["write", "fsync", "fstat"]


def test_a_file_whose_fsync_failed_is_never_written_again(layout: Layout, faults: None) -> None:
    writer = JournalWriter(layout, durable=True)
    _append(writer, "a")

    def fail(operation: str, path: str) -> None:
        if operation == "fsync":
            raise OSError(errno.EIO, "Input/output error")

    _fs.set_fault_hook(fail)
    with pytest.raises(OSError, match="Input/output"):
        writer.append(EntryKind.RUN, 1, "e", "doubtful", b"{}")
    _fs.set_fault_hook(None)
    _append(writer, "b")
    assert len(_files(layout)) == 2


def test_no_descriptor_is_left_open(layout: Layout) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    before = descriptors()
    writer = JournalWriter(layout)
    for _ in range(3):
        with writer.append(EntryKind.RUN, 1, "e", "a", b"{}"):
            writer.close()
        with pytest.raises(RuntimeError), writer.append(EntryKind.RUN, 1, "e", "b", b"{}"):
            raise RuntimeError
    writer.close()
    assert descriptors() == before
