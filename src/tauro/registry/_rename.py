"""Renaming a model, in steps that any process may complete.

A model's name is its folder, and others may register and promote meanwhile. So:

1. The new name is claimed by creating its ``v1.json``, a copy of the old one that names where it
   comes from. From here on the renaming happens, whoever completes it.
2. The old name is closed twice, create-only like everything: by a document in the place of its next
   version, and by a change that says where it went. Whoever would register or promote next finds
   one of them first.
3. Everything before is copied, number by number. What exists was copied by somebody else.
4. A mark says that it is done, and the files are moved.

Whoever opens the new name and misses the mark does the steps again; none can do harm twice. The
old name stays reserved, so that what still refers to it learns where the model went.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from tauro._internal._clock import now
from tauro._internal._json import with_checksum
from tauro.errors import ModelExistsError, StorageExistsError
from tauro.events import current_actor
from tauro.registry import _decide
from tauro.registry._artifacts import ArtifactStore, artifact_key
from tauro.registry._ledger import ModelLedger
from tauro.registry._models import Change, ModelMetadata, encode
from tauro.storage import StorageBackend

DONE: Final = "renamed.json"


def claim_name(storage: StorageBackend, old: ModelLedger, target: ModelLedger, new: str) -> None:
    """Claim the new name of a model.

    Raises:
        ModelExistsError: It is taken, or was before.
    """
    first = old.metadata(1)
    claim = msgspec.structs.replace(
        first, name=new, moved_from=first.name, staging=artifact_key(first)
    )
    try:
        if target.latest:
            raise StorageExistsError(f"{target.root}/v1.json")
        storage.create_bytes(f"{target.root}/v1.json", encode(claim))
    except StorageExistsError as error:
        target.refresh()
        moved = target.state.moved_to
        kind = f"was renamed to {moved!r}, and the name stays reserved" if moved else "exists"
        raise ModelExistsError(
            f"{first.name!r} cannot be renamed to {new!r}: the model {new!r} {kind}.",
            context={"name": first.name, "new_name": new},
            suggestions=["Choose another name."],
        ) from error


class Renaming:
    """The steps after the claim.

    Args:
        storage: The store.
        artifacts: The versions' files.
        open_ledger: Returns the documents of a name, without completing anything.
    """

    def __init__(
        self,
        storage: StorageBackend,
        artifacts: ArtifactStore,
        open_ledger: Callable[[str], ModelLedger],
    ) -> None:
        self._storage = storage
        self._artifacts = artifacts
        self._open_ledger = open_ledger

    def complete(self, ledger: ModelLedger) -> None:
        """Do what is left, if the model came to its name by a renaming."""
        first = ledger.readable(1)
        done = f"{ledger.root}/{DONE}"
        if (
            first is not None
            and first.moved_from
            and not self._storage.exists(done)
            and not self._storage.read_only
        ):
            source = self._open_ledger(first.moved_from)
            closing = _close(source, first.name)
            self._copy(source, ledger, closing)
            self._artifacts.gather(source)
            mark = {"from": first.moved_from, "at": closing.at}
            self._create(done, with_checksum(msgspec.json.encode(mark)))
            ledger.refresh()
            self._artifacts.gather(ledger)
        ledger.is_settled = True

    def _copy(self, source: ModelLedger, ledger: ModelLedger, closing: Change) -> None:
        name = ledger.metadata(1).name
        for number in range(2, source.latest + 1):
            document = source.metadata(number)
            copy = msgspec.structs.replace(document, name=name, staging=artifact_key(document))
            self._create(f"{ledger.root}/v{number}.json", encode(copy))
        earlier = [change for change in source.changes if change.action != "rename_model"]
        said = msgspec.structs.replace(
            closing, action="renamed", before=source.metadata(1).name, after=name
        )
        for number, change in enumerate([*earlier, said], 1):
            self._create(f"{ledger.root}/transitions/{number}.json", encode(change))

    def _create(self, path: str, data: bytes) -> None:
        try:
            self._storage.create_bytes(path, data)
        except StorageExistsError:
            return  # Somebody else completes it too.


def _close(source: ModelLedger, new: str) -> Change:
    """Close the old name's numbers and changes; return the change that says so."""

    def fence(number: int) -> ModelMetadata:
        last = source.metadata(number - 1)
        if last.moved_to:
            return last
        return ModelMetadata(
            name=last.name,
            version=number,
            created_at=now(),
            created_by=current_actor(),
            moved_to=new,
        )

    source.refresh()
    source.allocate(fence)
    source.change(_decide.rename_model(new))
    return next(change for change in source.changes if change.action == "rename_model")
