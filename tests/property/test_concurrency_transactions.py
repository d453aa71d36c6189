"""Transactions against a dictionary, with deaths at any file-system call between them."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tauro._internal import _fs
from tauro.concurrency import SafeTransaction, Transaction
from tauro.errors import StorageError

names = st.sampled_from(["a", "b", "deep/c"])
changes = st.dictionaries(names, st.none() | st.binary(max_size=5), min_size=1, max_size=3)


class TransactionMachine(RuleBasedStateMachine):
    """The model: the files as the committed transactions leave them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.model: dict[str, bytes] = {}
        self.unsure: dict[str, bytes] | None = None

    def _fill(self, transaction: Transaction, wanted: dict[str, bytes | None]) -> dict[str, bytes]:
        result = dict(self.model)
        for name, data in wanted.items():
            if data is None:
                transaction.delete(name)
                result.pop(name, None)
            else:
                transaction.write(name, data)
                result[name] = data
        return result

    @rule(wanted=changes, safe=st.booleans())
    def commit(self, wanted: dict[str, bytes | None], safe: bool) -> None:
        with (SafeTransaction if safe else Transaction)(self.root) as transaction:
            result = self._fill(transaction, wanted)
        self.model = result

    @rule(wanted=changes)
    def roll_back(self, wanted: dict[str, bytes | None]) -> None:
        with Transaction(self.root) as transaction:
            self._fill(transaction, wanted)
            transaction.rollback()

    @rule(wanted=changes, at=st.integers(0, 60))
    def fail(self, wanted: dict[str, bytes | None], at: int) -> None:
        """One call fails; what was told is what holds after recovery."""
        calls = itertools.count(at, -1)

        def hook(operation: str, path: str) -> None:
            if next(calls) == 0:
                raise OSError(5, "injected", path)

        result = self.model
        _fs.set_fault_hook(hook)
        try:
            with Transaction(self.root) as transaction:
                result = self._fill(transaction, wanted)
            self.model = result
        except StorageError as error:
            if "is committed" in str(error):
                self.model = result
        finally:
            _fs.set_fault_hook(None)
        Transaction.recover(self.root)

    @rule()
    def recover(self) -> None:
        assert Transaction.recover(self.root) == []

    @invariant()
    def holds_the_same(self) -> None:
        files = {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and "_tauro" not in path.parts
        }
        assert files == self.model

    def teardown(self) -> None:
        with contextlib.suppress(OSError):
            self.folder.cleanup()


TestTransactions = TransactionMachine.TestCase
TestTransactions.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
