"""Changing several files as one."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tauro._internal import _fs
from tauro.concurrency import SafeTransaction, Transaction
from tauro.errors import (
    CorruptDataError,
    LockTimeoutError,
    PathNotAllowedError,
    StorageError,
    StorageNotFoundError,
    ValidationError,
)

BEFORE = {"kept": b"k", "changed": b"old", "removed": b"r"}
AFTER = {"kept": b"k", "changed": b"new", "deep/made": b"m"}


@pytest.fixture(params=[Transaction, SafeTransaction])
def kind(request: pytest.FixtureRequest) -> type[Transaction]:
    chosen: type[Transaction] = request.param
    return chosen


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    _fill(folder)
    return folder


@pytest.fixture(autouse=True)
def _no_faults() -> Iterator[None]:
    yield
    _fs.set_fault_hook(None)


def _fill(folder: Path) -> None:
    folder.mkdir()
    for name, data in BEFORE.items():
        (folder / name).write_bytes(data)


def _files(root: Path) -> dict[str, bytes]:
    """Return all files but those of the transactions themselves."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "_tauro" not in path.parts
    }


def _left_over(root: Path) -> list[str]:
    folder = root / "_tauro" / "transactions"
    return [path.name for path in folder.glob("*") if not path.name.startswith("turn.lock")]


def _change(transaction: Transaction) -> None:
    transaction.write("changed", b"newer")
    transaction.write("changed", b"new")
    transaction.write("deep/made", b"m")
    transaction.delete("removed")
    transaction.delete("never there")


def test_all_changes_happen_at_the_end_of_the_block(root: Path, kind: type[Transaction]) -> None:
    with kind(root) as transaction:
        _change(transaction)
        assert _files(root) == BEFORE
    assert _files(root) == AFTER
    assert _left_over(root) == []
    assert transaction.state == "committed"


def test_a_block_that_raises_changes_nothing(root: Path, kind: type[Transaction]) -> None:
    transaction = kind(root)

    def body() -> None:
        with transaction:
            _change(transaction)
            raise RuntimeError("second thoughts")

    with pytest.raises(RuntimeError, match="second thoughts"):
        body()
    assert _files(root) == BEFORE
    assert _left_over(root) == []
    assert transaction.state == "rolled back"


def test_it_may_be_rolled_back_or_committed_early(root: Path, kind: type[Transaction]) -> None:
    with kind(root) as transaction:
        transaction.delete("kept")
        transaction.rollback()
    assert _files(root) == BEFORE
    with kind(root) as transaction:
        _change(transaction)
        transaction.commit()
        assert _files(root) == AFTER


def test_it_sees_its_own_changes(root: Path, kind: type[Transaction]) -> None:
    with kind(root) as transaction:
        _change(transaction)
        assert transaction.read("kept") == b"k"
        assert transaction.read("changed") == b"new"
        for absent in ("removed", "never there", "deep"):
            with pytest.raises(StorageNotFoundError, match=absent):
                transaction.read(absent)


def test_it_is_used_once_and_only_inside_its_block(root: Path, kind: type[Transaction]) -> None:
    transaction = kind(root)
    uses: list[Callable[[], object]] = [
        lambda: transaction.write("a", b""),
        lambda: transaction.delete("a"),
        lambda: transaction.read("kept"),
        transaction.commit,
        transaction.rollback,
    ]
    for use in uses:
        with pytest.raises(ValidationError, match="is new, not open"):
            use()
    with transaction:
        pass
    with pytest.raises(ValidationError, match="committed; each is used once"):
        transaction.__enter__()


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "", "a/../b"])
def test_keys_stay_below_the_root(root: Path, kind: type[Transaction], path: str) -> None:
    with kind(root) as transaction:
        with pytest.raises(PathNotAllowedError):
            transaction.write(path, b"")
        with pytest.raises(PathNotAllowedError):
            transaction.delete(path)
    assert _files(root) == BEFORE


def test_what_lives_is_left_alone_by_recovery(root: Path) -> None:
    with Transaction(root) as transaction:
        _change(transaction)
        assert Transaction.recover(root) == []
    assert _files(root) == AFTER


def test_a_record_that_cannot_be_read_is_reported_and_the_others_finished(root: Path) -> None:
    other = _die_committed(root)
    folder = root / "_tauro/transactions"
    damaged = "0damaged"
    shutil.copytree(folder / other, folder / damaged)
    intent = folder / damaged / "intent.json"
    intent.write_bytes(intent.read_bytes()[:-3])
    with pytest.raises(CorruptDataError, match=damaged):
        Transaction.recover(root)
    assert _files(root) == AFTER
    assert other not in _left_over(root)


def _die_committed(root: Path) -> str:
    """Leave a transaction whose process ended right after the commit point."""
    names: list[str] = []

    def body() -> None:
        with Transaction(root) as transaction:
            _change(transaction)
            os.write(send, transaction.transaction_id.encode())
            _fs.set_fault_hook(_Killer(at=0, only="rename"))

    receive, send = os.pipe()
    assert _in_fork(body) == 9
    names.append(os.read(receive, 100).decode())
    return names[0]


class _Killer:
    """Ends the process at the n-th file-system call."""

    def __init__(self, *, at: int, only: str = "") -> None:
        self._left = itertools.count(at, -1)
        self._only = only

    def __call__(self, operation: str, path: str) -> None:
        if (not self._only or operation == self._only) and next(self._left) == 0:
            os._exit(9)


def _in_fork(body: Callable[[], None]) -> int:
    """Run in a forked child; return its exit code, 0 when it came to its end."""
    pid = os.fork()
    if not pid:
        try:
            body()
        except BaseException:  # noqa: BLE001 - the child must never return into pytest
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.faults
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("durability", ["process", "disk"])
def test_killed_at_any_call_all_or_nothing_has_happened(
    tmp_path: Path,
    kind: type[Transaction],
    durability: str,
    torture_report: Callable[..., None],
) -> None:
    outcomes = set()
    for at in itertools.count():
        root = tmp_path / f"{at}"
        _fill(root)

        def body(root: Path = root, at: int = at) -> None:
            _fs.set_fault_hook(_Killer(at=at))
            with kind(root, durability=durability) as transaction:  # type: ignore[arg-type]
                _change(transaction)
            _fs.set_fault_hook(None)

        code = _in_fork(body)
        assert code in (0, 9)
        finished = Transaction.recover(root)
        files = _files(root)
        assert files in (BEFORE, AFTER), f"torn when killed at call {at}"
        outcomes.add(files == AFTER)
        if finished or code == 0:
            assert files == AFTER
        assert Transaction.recover(root) == []
        assert not [name for name in _left_over(root) if not name.endswith((".lock", ".holder"))]
        if code == 0:
            break
        torture_report(kills=1)
    assert outcomes == {False, True}


@pytest.mark.faults
@pytest.mark.parametrize("durability", ["process", "disk"])
def test_with_any_call_failing_what_the_caller_was_told_is_what_happened(
    tmp_path: Path,
    kind: type[Transaction],
    durability: str,
    torture_report: Callable[..., None],
) -> None:
    failures = 0
    for at in itertools.count():
        root = tmp_path / f"{at}"
        _fill(root)
        calls = itertools.count(at, -1)

        def fail(operation: str, path: str, calls: Iterator[int] = calls) -> None:
            if next(calls) == 0:
                raise OSError(errno.EIO, "injected", path)

        _fs.set_fault_hook(fail)
        told = "done"
        try:
            with kind(root, durability=durability) as transaction:  # type: ignore[arg-type]
                _change(transaction)
        except StorageError as error:
            told = "committed" if "is committed" in str(error) else "nothing"
        reached = next(calls) < 0
        _fs.set_fault_hook(None)
        Transaction.recover(root)
        assert _files(root) == (BEFORE if told == "nothing" else AFTER), f"call {at}: told {told}"
        failures += told != "done"
        if not reached:
            break
        torture_report(faults=1)
    assert failures > 10


def test_a_safe_transaction_waits_for_the_other(root: Path) -> None:
    with SafeTransaction(root):
        failed: list[str] = []

        def other() -> None:
            try:
                with SafeTransaction(root, timeout=0.02):
                    failed.append("entered")
            except LockTimeoutError as error:
                failed.append(error.message)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join(240)
    assert "turn.lock" in failed[0]


def test_a_safe_transaction_first_finishes_what_died(root: Path) -> None:
    _die_committed(root)
    with SafeTransaction(root) as transaction:
        assert transaction.read("changed") == b"new"
        assert transaction.read("deep/made") == b"m"


def test_safe_transactions_lose_no_update(root: Path) -> None:
    (root / "count").write_bytes(b"0")
    (root / "twice").write_bytes(b"0")

    def work() -> None:
        for _ in range(15):
            with SafeTransaction(root, timeout=240) as transaction:
                counted = int(transaction.read("count")) + 1
                assert int(transaction.read("twice")) == 2 * (counted - 1)
                transaction.write("count", str(counted).encode())
                transaction.write("twice", str(2 * counted).encode())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert (root / "count").read_bytes() == b"60"
    assert (root / "twice").read_bytes() == b"120"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_cannot_end_its_parents_transaction(root: Path) -> None:
    with Transaction(root) as transaction:
        transaction.write("changed", b"new")

        def body() -> None:
            with pytest.raises(ValidationError, match="process that began it"):
                transaction.commit()

        assert _in_fork(body) == 0
        assert _files(root) == BEFORE
    assert (root / "changed").read_bytes() == b"new"


def test_what_others_made_since_is_not_deleted_by_recovery(root: Path) -> None:
    """A process died after its changes and before it cleared away."""

    def body() -> None:
        with Transaction(root) as transaction:
            _change(transaction)
            _fs.set_fault_hook(_Killer(at=3, only="rename"))

    assert _in_fork(body) == 9
    assert _files(root) == AFTER
    (root / "removed").write_bytes(b"made anew")
    (root / "never there").write_bytes(b"made since")
    assert len(Transaction.recover(root)) == 1
    assert _files(root) == {**AFTER, "removed": b"made anew", "never there": b"made since"}


def test_what_died_cannot_overwrite_a_later_transaction(root: Path) -> None:
    _die_committed(root)
    with Transaction(root) as transaction:
        transaction.write("changed", b"latest")
    assert Transaction.recover(root) == []
    assert (root / "changed").read_bytes() == b"latest"


def _commit(root: Path, kind: type[Transaction], *change: tuple[str, bytes | None]) -> None:
    with kind(root) as transaction:
        for path, data in change:
            if data is None:
                transaction.delete(path)
            else:
                transaction.write(path, data)


@pytest.mark.parametrize(
    "change",
    [
        (("new", b"1"), ("new/below", b"2")),
        (("new/below", b"2"), ("new", b"1")),
        (("kept/below", b"1"),),
        (("folder", b"1"),),
        (("folder", None),),
        (("folder/in", None), ("folder", b"1")),
    ],
)
def test_what_can_never_be_made_is_refused_before_it_is_recorded(
    root: Path, kind: type[Transaction], change: tuple[tuple[str, bytes | None], ...]
) -> None:
    """Once recorded it would be tried again, in vain, before every later transaction."""
    (root / "folder").mkdir()
    (root / "folder" / "in").write_bytes(b"i")
    before = _files(root)
    with pytest.raises(ValidationError, match=r"is a (file|folder)\. Nothing was changed"):
        _commit(root, kind, *change)
    assert _files(root) == before
    assert _left_over(root) == []
    _commit(root, kind, ("kept", b"later"))
    assert _files(root) == {**before, "kept": b"later"}


def test_a_file_may_make_room_for_a_folder(root: Path, kind: type[Transaction]) -> None:
    _commit(root, kind, ("kept/below", b"1"), ("kept", None))
    assert (root / "kept" / "below").read_bytes() == b"1"


def test_the_records_of_transactions_are_no_files_of_theirs(
    root: Path, kind: type[Transaction]
) -> None:
    with kind(root) as transaction:
        for path in ("_tauro/transactions/turn.lock", "_tauro/transactions"):
            with pytest.raises(PathNotAllowedError, match="their own records"):
                transaction.write(path, b"")
            with pytest.raises(PathNotAllowedError, match="their own records"):
                transaction.delete(path)


def _failing(operation: str) -> Callable[[str, str], None]:
    def hook(name: str, path: str) -> None:
        if name == operation:
            raise OSError(errno.EIO, "input/output error")

    return hook


def test_the_bodys_error_is_told_also_where_rolling_back_fails(
    root: Path, kind: type[Transaction]
) -> None:
    transaction = kind(root)

    def body() -> None:
        with transaction:
            _change(transaction)
            _fs.set_fault_hook(_failing("rename"))
            raise RuntimeError("second thoughts")

    with pytest.raises(RuntimeError, match="second thoughts") as caught:
        body()
    assert any("Cannot roll back" in note for note in caught.value.__notes__)
    _fs.set_fault_hook(None)
    assert _files(root) == BEFORE
    assert kind.recover(root) == []
    assert _left_over(root) == []
    _commit(root, kind, ("kept", b"k"))


def test_an_interrupt_while_committing_changes_nothing_and_lets_others_on(
    root: Path, kind: type[Transaction]
) -> None:
    def interrupt(name: str, path: str) -> None:
        if name == "link":
            _fs.set_fault_hook(None)
            raise KeyboardInterrupt

    transaction = kind(root)

    def body() -> None:
        with transaction:
            _change(transaction)
            _fs.set_fault_hook(interrupt)

    with pytest.raises(KeyboardInterrupt):
        body()
    assert transaction.state == "rolled back"
    assert _files(root) == BEFORE
    assert _left_over(root) == []


def test_where_neither_recording_nor_rolling_back_works_the_message_promises_nothing(
    root: Path, kind: type[Transaction]
) -> None:
    """The record is in place and only its folder could not be made durable."""

    def hook(name: str, path: str) -> None:
        if name in ("fsync_dir", "rename"):
            raise OSError(errno.EIO, "input/output error")

    def body() -> None:
        with kind(root, durability="disk") as transaction:
            _change(transaction)
            _fs.set_fault_hook(hook)

    # Staging renames too, so the fault comes after the changes were staged.
    with pytest.raises(StorageError, match="may yet be made by recovery"):
        body()
    _fs.set_fault_hook(None)
    assert _files(root) == BEFORE
    assert len(kind.recover(root)) == 1
    assert _files(root) == AFTER


@pytest.mark.parametrize("path", ["../outside", "/etc/outside", "a/../../outside", ""])
def test_a_record_that_leads_out_of_the_root_is_damage(root: Path, path: str) -> None:
    """Whoever can write into the folder cannot have a recovery write anywhere else."""
    folder = root / "_tauro" / "transactions" / "01forged"
    folder.mkdir(parents=True)
    (folder / "staged").write_bytes(b"evil")
    (folder / "intent.json").write_text(
        json.dumps([{"kind": "put", "path": path, "staged": "staged"}])
    )
    with pytest.raises(CorruptDataError, match="01forged"):
        Transaction.recover(root)
    assert _files(root) == BEFORE
    assert [each.name for each in root.parent.iterdir()] == ["root"]
