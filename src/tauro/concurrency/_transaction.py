"""Changing several files as one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tauro._internal import _fs
from tauro._internal._durability import check_durability
from tauro._internal._ids import new_id
from tauro._internal._paths import resolve_key
from tauro.concurrency import _journal
from tauro.concurrency._file_lock import FileLock
from tauro.concurrency._journal import FOLDER, Step
from tauro.concurrency._recovery import owner_lock, recover, release_owner
from tauro.errors import (
    MLOpsError,
    PathNotAllowedError,
    StorageError,
    StorageNotFoundError,
    ValidationError,
)
from tauro.types import Durability, StrPath

State = Literal["new", "open", "committed", "rolled back"]


class Transaction:
    """Changes files below a folder all together or not at all.

    What is written is staged beside the data; leaving the ``with`` block writes one record of all
    changes, and with it the transaction has happened. Then the changes are made. A process that
    dies before the record has changed nothing; after it, :meth:`recover` makes the changes that
    are missing. A block that raises changes nothing.

    Readers may see some of the files changed before the others, and of two transactions on the
    same file the later wins; :class:`SafeTransaction` does without both among its own kind.
    A transaction belongs to one thread.

    Args:
        root: The folder. Files are named by keys below it: ``models/a.json``.
        durability: ``disk`` for changes that also survive the loss of power.
    """

    def __init__(self, root: StrPath, *, durability: Durability = "process") -> None:
        self.root = Path(os.path.realpath(root))
        self.transaction_id = new_id()
        self.state: State = "new"
        self._pid = os.getpid()
        self._durable = check_durability(durability) == "disk"
        self._folder = os.path.join(self.root, FOLDER, self.transaction_id)
        self._owner = owner_lock(self._folder)
        self._steps: dict[str, Step] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r}, {self.state})"

    def __enter__(self) -> Self:
        if self.state != "new":
            raise ValidationError(
                f"This transaction is {self.state}; each is used once.",
                suggestions=["Make another: Transaction(root)."],
            )
        with self._errors("begin"):
            # What died is finished first, so that it cannot overwrite what is done now.
            self.recover(self.root)
            # The lock comes before the folder: recovery clears away a folder whose lock is free.
            self._owner.acquire()
            try:
                _fs.make_dirs(self._folder)
            except BaseException:
                release_owner(self._owner, self._folder)
                raise
        self.state = "open"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.state != "open":
            return
        if error is None:
            self.commit()
            return
        try:
            self.rollback()
        except StorageError as failed:  # the body's own error is the one to tell
            error.add_note(f"{failed} Nothing was changed; recovery clears the staged files away.")

    def write(self, path: str, data: bytes) -> None:
        """Stage a file's new content.

        Raises:
            PathNotAllowedError: The key is none, or leads out of the root.
            ValidationError: The transaction is not open.
        """
        self._check_open()
        self._check_key(path)
        staged = new_id()
        with self._errors(f"stage {path!r}"):
            _fs.replace_file(os.path.join(self._folder, staged), data, durable=self._durable)
        self._steps[path] = Step("put", path, staged)

    def delete(self, path: str) -> None:
        """Stage the removal of a file; that it is not there is no error.

        Raises:
            PathNotAllowedError: The key is none, or leads out of the root.
            ValidationError: The transaction is not open.
        """
        self._check_open()
        self._check_key(path)
        self._steps[path] = Step("delete", path, new_id())

    def read(self, path: str) -> bytes:
        """Return a file's content as this transaction sees it, its own changes included.

        Raises:
            StorageNotFoundError: There is no such file.
            ValidationError: The transaction is not open.
        """
        self._check_open()
        file = str(resolve_key(self.root, path))
        step = self._steps.get(path)
        try:
            if step is None:
                return _fs.read_bytes(file)
            if step.kind == "put":
                return _fs.read_bytes(os.path.join(self._folder, step.staged))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise self._absent(path) from error
        raise self._absent(path)

    def _absent(self, path: str) -> StorageNotFoundError:
        return StorageNotFoundError(
            f"There is no file {path!r} in {self.root}.", context={"path": path}
        )

    def commit(self) -> None:
        """Make all changes; the ``with`` block does this at its end.

        Raises:
            StorageError: Nothing was changed because the record could not be written; or it was
                written and a change could not be made, which recovery will do. The message says
                which.
            ValidationError: The transaction is not open, or a key names a folder or lies below a
                file; nothing was changed.
        """
        self._check_open()
        try:
            # The absence of a file to delete is no change; what others put there later stays.
            steps = [step for step in self._steps.values() if self._does_something(step)]
            # Deletions first: what is put may lie where a file was.
            steps.sort(key=lambda step: step.kind)
            _journal.check(str(self.root), steps)
            if steps:
                _journal.commit(self._folder, steps, durable=self._durable)
        except BaseException as error:  # also an interrupt: whoever holds no record changes nothing
            self._give_up(error)
            raise
        self.state = "committed"
        try:
            _journal.apply(str(self.root), self._folder, steps, durable=self._durable)
            with contextlib.suppress(OSError):  # recovery clears it away
                _journal.discard(self._folder)
        finally:
            self._close()

    def _give_up(self, error: BaseException) -> None:
        """Roll back after a commit that failed; say where even that fails."""
        done = "changed nothing"
        try:
            self.rollback()
        except StorageError:
            # The record may be there although writing it failed: a rename or fsync after it did.
            done = "may yet be made by recovery if its record was kept"
        if isinstance(error, OSError) and not isinstance(error, MLOpsError):
            raise StorageError(
                f"The transaction could not be recorded and {done}: {error}",
                context={"root": str(self.root)},
            ) from error

    def _check_key(self, path: str) -> None:
        resolve_key(self.root, path)
        if path == FOLDER or path.startswith(f"{FOLDER}/"):
            raise PathNotAllowedError(
                f"The key {path!r} is where transactions keep their own records.",
                suggestions=["Choose another key."],
            )

    def _does_something(self, step: Step) -> bool:
        return step.kind == "put" or _fs.stat(os.path.join(self.root, step.path)) is not None

    def rollback(self) -> None:
        """Give up all changes; the ``with`` block does this when its body raises.

        Raises:
            ValidationError: The transaction is not open.
        """
        self._check_open()
        self.state = "rolled back"
        try:
            with self._errors("roll back"):
                _journal.discard(self._folder)
        finally:
            self._close()

    def _check_open(self) -> None:
        if self.state != "open" or self._pid != os.getpid():
            where = " in the process that began it" if self._pid != os.getpid() else ""
            raise ValidationError(
                f"The transaction is {self.state}{where}, not open here.",
                suggestions=["Use it inside 'with Transaction(root) as transaction:'."],
            )

    @contextlib.contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if isinstance(error, MLOpsError):
                raise
            raise StorageError(
                f"Cannot {verb} in a transaction on {self.root}: {error}",
                context={"root": str(self.root), "errno": error.errno},
            ) from error

    def _close(self) -> None:
        release_owner(self._owner, self._folder)

    @staticmethod
    def recover(root: StrPath) -> list[str]:
        """Finish what died after its commit point and clear away what died before.

        Transactions whose process lives are left alone. Any process may call this at any time.

        Returns:
            The ids of the transactions that were finished.

        Raises:
            CorruptDataError: A transaction's record cannot be read; the others are done.
            StorageError: A change could not be made; the others are done.
        """
        return recover(os.path.realpath(root))


class SafeTransaction(Transaction):
    """A transaction that others of its kind wait for.

    It holds the root's lock from its beginning to its end. So it sees the files as the last
    one left them, and its own are never mixed with another's.

    Args:
        root: The folder.
        timeout: Seconds to wait for the others.
        durability: ``disk`` for changes that also survive the loss of power.
    """

    def __init__(
        self, root: StrPath, *, timeout: float = 10.0, durability: Durability = "process"
    ) -> None:
        super().__init__(root, durability=durability)
        self._turn = FileLock(os.path.join(self.root, FOLDER, "turn.lock"), timeout=timeout)

    def __enter__(self) -> Self:
        """Wait for the others.

        Raises:
            LockTimeoutError: They did not end in time.
        """
        with contextlib.ExitStack() as undo:
            with self._errors("begin"):
                undo.enter_context(self._turn)
            super().__enter__()
            undo.pop_all()
        return self

    def _close(self) -> None:
        try:
            super()._close()
        finally:
            self._turn.release()
