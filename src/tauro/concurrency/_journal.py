"""The record of a transaction on disk: what it will do, and doing it, once or again."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from tauro._internal import _fs
from tauro._internal._paths import check_key
from tauro.errors import CorruptDataError, StorageError, ValidationError

FOLDER: Final = "_tauro/transactions"
INTENT: Final = "intent.json"
"""Its appearance in the transaction's folder is the one commit point."""


class Step(msgspec.Struct, frozen=True):
    """One change. Doing it twice is the same as doing it once.

    Attributes:
        kind: ``put`` renames the staged file into place; ``delete`` renames the file away.
        path: The key of the file to change.
        staged: The other name, in the transaction's folder.
    """

    kind: Literal["put", "delete"]
    path: str
    staged: str


_decoder = msgspec.json.Decoder(list[Step])


def check(root: str, steps: Iterable[Step]) -> None:
    """Return if these changes can be made; one that never can would block all that come later.

    Raises:
        ValidationError: A file would have to be a folder, or a folder a file.
    """
    kinds = {step.path: step.kind for step in steps}
    for path, kind in kinds.items():
        if _fs.is_dir(os.path.join(root, path)):
            raise _misplaced(path, f"{path!r} is a folder")
        parts = path.split("/")
        for above in ("/".join(parts[:end]) for end in range(1, len(parts))):
            found = _fs.stat(os.path.join(root, above))
            is_file = found is not None and stat.S_ISREG(found.st_mode)
            if kind == "put" and kinds.get(above, "put" if is_file else "") == "put":
                raise _misplaced(path, f"{above!r} is a file")


def _misplaced(path: str, why: str) -> ValidationError:
    return ValidationError(
        f"The transaction cannot change the file {path!r}: {why}. Nothing was changed.",
        context={"path": path},
        suggestions=["Choose another key, or delete what is in the way first."],
    )


def commit(folder: str, steps: Iterable[Step], *, durable: bool) -> None:
    """Write down what the transaction will do; from here on it happens, whatever fails."""
    data = msgspec.json.encode(list(steps))
    _fs.create_file(os.path.join(folder, INTENT), data, durable=durable)


def committed_steps(folder: str) -> list[Step] | None:
    """Return what a transaction's folder says will be done; None before its commit point.

    Raises:
        CorruptDataError: The record there is not what :func:`commit` wrote.
    """
    path = os.path.join(folder, INTENT)
    try:
        data = _fs.read_bytes(path)
    except FileNotFoundError:
        return None
    try:
        steps = _decoder.decode(data)
        for step in steps:
            check_key(step.path)
    except (msgspec.DecodeError, ValueError) as error:
        raise CorruptDataError(
            f"The transaction record {path} cannot be read: {error}",
            context={"path": path},
            suggestions=["Restore the file from a copy, or remove its folder to give it up."],
        ) from error
    return steps


def apply(root: str, folder: str, steps: Iterable[Step], *, durable: bool) -> None:
    """Do the steps of a committed transaction, those already done included.

    Raises:
        StorageError: A step failed; the transaction stays committed and is finished by recovery.
    """
    doing = ""
    try:
        touched = set()
        for step in steps:
            doing = step.path
            target = os.path.join(root, *step.path.split("/"))
            touched.add(os.path.dirname(target))
            _do(step, os.path.join(folder, step.staged), target)
        if durable:
            for name in filter(_fs.is_dir, sorted(touched)):
                doing = name
                _fs.sync_dir(name)
    except OSError as error:
        transaction = os.path.basename(folder)
        raise StorageError(
            f"The transaction {transaction} is committed, but its change of {doing!r} could not "
            f"be made yet: {error}",
            context={"path": doing, "transaction": transaction},
            suggestions=["Mend the cause; Transaction.recover(root) finishes it."],
        ) from error


def _do(step: Step, staged: str, target: str) -> None:
    # Either way the rename happens once: the second time its source, or for a delete its target,
    # shows that it was done, and what others put there since is left alone.
    if step.kind == "delete":
        source, dest, done = target, staged, _fs.stat(staged) is not None
    else:
        source, dest, done = staged, target, False
    if done or _fs.stat(source) is None:
        return
    _fs.make_dirs(os.path.dirname(dest))
    try:
        _fs.rename(source, dest)
    except FileNotFoundError:  # somebody who recovers at this moment was first
        if _fs.stat(source) is not None:
            raise


def discard(folder: str) -> None:
    """Remove a transaction's folder; its record goes with it in one step."""
    aside = _fs.temporary_name(os.path.dirname(folder))
    try:
        _fs.rename(folder, aside)
    except FileNotFoundError:  # somebody who recovers at this moment was first
        return
    _fs.remove_tree(aside)
