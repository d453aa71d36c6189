"""What all of the registry's verbs stand on: finding a model, a version, and changing it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

from tauro._internal._close import did_you_mean
from tauro._internal._durability import check_durability
from tauro._internal._fork import tell_after_fork
from tauro._internal._paths import is_key
from tauro.errors import CorruptDataError, ModelExistsError, ModelNotFoundError, ValidationError
from tauro.events import Observers
from tauro.registry import _decide
from tauro.registry._artifacts import artifact_key, make_artifact_store
from tauro.registry._decide import Decide
from tauro.registry._ledger import METADATA, ModelLedger
from tauro.registry._listing import Listing, by_name
from tauro.registry._models import Change, ModelMetadata, ModelStage
from tauro.registry._names import check_alias, check_model_name, folder_of
from tauro.registry._rename import Renaming, claim_name
from tauro.storage import StorageBackend, ensure_format
from tauro.types import Durability

_log = logging.getLogger("tauro.registry")


class RegistryCore:
    """The models of a store.

    Args:
        storage: The store.
        observers: Who looks on.
        durability: What an acknowledged change survives.

    Attributes:
        storage: The store with this durability.
        quick: The store without synchronising, for what can be made anew.
        artifacts: The versions' files.
        listing: All models, for lists and searches.
    """

    def __init__(
        self, storage: StorageBackend, observers: Observers, durability: Durability
    ) -> None:
        self.storage = storage.with_durability(check_durability(durability))
        self.observers = observers
        self.quick = storage.with_durability("process")
        self.artifacts = make_artifact_store(storage, durability)
        self._renaming = Renaming(self.storage, self.artifacts, self.own_ledger)
        self._is_marked = False
        self._uri = storage.uri.rstrip("/")
        self._after_fork()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        """Begin with nothing read: a thread of the parent may hold the lock of any model."""
        self._guard = threading.Lock()
        self._ledgers: dict[str, ModelLedger] = {}
        self.listing = Listing(self.storage, self.at_numbers, self.opened)

    def mark(self) -> None:
        """Make the place a store before something is put into it, where it is none yet."""
        if not self._is_marked:
            ensure_format(self.storage)
            self._is_marked = True

    def ledger(self, name: str) -> ModelLedger:
        """Return a model's documents, whether there are any or not."""
        clean = check_model_name(name)
        ledger = self._by_folder(folder_of(clean))
        known = ledger.any_readable()
        stored = clean if known is None else known.name
        if stored != clean:
            raise ModelExistsError(
                f"The model {stored!r} is stored under the folder name of {clean!r}: this file "
                "system takes both names for one.",
                context={"name": clean, "existing": stored},
                suggestions=["Choose a name that differs in more than case."],
            )
        return ledger

    def _by_folder(self, folder: str) -> ModelLedger:
        with self._guard:
            found = self._ledgers.get(folder)
            if found is None:
                found = self._ledgers[folder] = ModelLedger(self.storage, folder)
        found.refresh()
        if found.latest and not found.is_settled:
            self._renaming.complete(found)
        return found

    def own_ledger(self, name: str) -> ModelLedger:
        """Return a model's documents without looking whether a renaming is to be completed."""
        folder = folder_of(name)
        with self._guard:
            return self._ledgers.setdefault(folder, ModelLedger(self.storage, folder))

    def all_ledgers(self) -> Iterator[tuple[str, ModelLedger]]:
        """Yield the name and the documents of every model, opened and refreshed, by name."""
        yield from by_name(filter(None, map(self.opened, self.folders())))

    def folders(self) -> set[str]:
        """Return the folder names of all models, renamed and deleted ones included.

        A name that none can have, in bytes that are no text, is somebody else's: `verify` tells.
        """
        start = len(METADATA) + 1
        paths = self.storage.list_paths(METADATA)
        return {path[start:].partition("/")[0] for path in paths if is_key(path)}

    def at_numbers(self, folder: str, numbers: tuple[int, int]) -> ModelLedger | None:
        """Return documents that were opened before, if nothing was added to them since."""
        found = self._ledgers.get(folder)
        settled = found is not None and found.is_settled and found.numbers == numbers
        return found if settled else None

    def opened(self, folder: str) -> ModelLedger | None:
        """Return a folder's documents, None (and a warning in the log) where they are damaged."""
        try:
            return self._by_folder(folder)
        except CorruptDataError as error:
            # Who asks for that model is told; the others are whole.
            _log.warning("%s", error.message)
            return None

    def model(self, name: str, *, deleted: bool = False) -> ModelLedger:
        """Return the documents of a model that is there.

        Args:
            name: The model's name.
            deleted: Whether a deleted one will do.

        Raises:
            ModelNotFoundError: There is none, it was renamed, or it is deleted.
        """
        ledger = self.ledger(name)
        state = ledger.state
        if not ledger.latest:
            raise ModelNotFoundError(
                f"There is no model {name!r} in {self.storage.uri}.",
                context={"name": name, "store": self.storage.uri},
                suggestions=did_you_mean(name, self.listing.names()),
            )
        if state.moved_to:
            raise ModelNotFoundError(
                f"The model {name!r} was renamed to {state.moved_to!r}.",
                context={"name": name, "new_name": state.moved_to},
                suggestions=[f"Use {state.moved_to!r}."],
            )
        if state.deleted is not None and not deleted:
            raise ModelNotFoundError(
                f"The model {name!r} was deleted {_when(state.deleted)}.",
                context={"name": name},
                suggestions=[_decide.how_to_restore(name)],
            )
        return ledger

    def check_version(self, ledger: ModelLedger, name: str, version: int) -> ModelMetadata:
        """Return the document of a version that is there.

        Raises:
            ModelNotFoundError: There is none of this number, or it is deleted.
            ValidationError: The number is none.
        """
        self.check_number(ledger, name, version)
        gone = ledger.state.of(version).deleted
        if ledger.state.of(version).purged:
            raise ModelNotFoundError(
                f"The files of {name} v{version} were removed for good.",
                context={"name": name, "version": version},
            )
        if gone is not None:
            raise ModelNotFoundError(
                f"{name} v{version} was deleted {_when(gone)}.",
                context={"name": name, "version": version},
                suggestions=[_decide.how_to_restore(name, version)],
            )
        return ledger.metadata(version)

    def check_number(self, ledger: ModelLedger, name: str, version: int) -> None:
        """Return if a version was ever registered, be it deleted by now.

        Raises:
            ModelNotFoundError: There was none of this number.
            ValidationError: The number is none.
        """
        if isinstance(version, bool) or not isinstance(version, int):
            raise ValidationError(
                f"The version of {name!r} is {version!r} ({type(version).__name__}); expected a "
                "number such as 3.",
                context={"name": name, "version": str(version)},
                suggestions=["An alias or a stage has an argument of its own."],
            )
        if not 1 <= version <= ledger.latest:
            raise ModelNotFoundError(
                f"{name} has no version {version}; it has 1 to {ledger.latest}.",
                context={"name": name, "version": version, "latest": ledger.latest},
            )

    def resolve(
        self,
        name: str,
        version: int | None = None,
        stage: ModelStage | str | None = None,
        alias: str | None = None,
    ) -> tuple[ModelLedger, ModelMetadata]:
        """Return the version that a number, a stage or an alias means; the latest without any.

        Raises:
            ModelNotFoundError: There is none.
            ValidationError: More than one was given.
        """
        if sum(given is not None for given in (version, stage, alias)) > 1:
            raise ValidationError(
                f"Give one of version, stage and alias for {name!r}, got "
                f"version={version!r}, stage={stage!r}, alias={alias!r}."
            )
        ledger = self.model(name)
        with ledger.frozen():
            if alias is not None:
                number = ledger.state.aliases.get(check_alias(alias))
                if number is None:
                    raise _decide.no_alias(name, alias, ledger.state)
            elif stage is not None:
                number = self._in_stage(ledger, name, ModelStage.parse(stage))
            else:
                number = version if version is not None else self._latest(ledger, name)
            return ledger, self.check_version(ledger, name, number)

    def _in_stage(self, ledger: ModelLedger, name: str, stage: ModelStage) -> int:
        if stage is ModelStage.NONE:
            found = [n for n in live_versions(ledger) if ledger.state.of(n).stage is stage]
        else:
            states = ledger.state.versions.items()
            found = sorted(n for n, s in states if s.stage is stage and s.is_live)
        if not found:
            raise ModelNotFoundError(
                f"{name} has no version in {stage.value}.",
                context={"name": name, "stage": stage.value},
                suggestions=[f"Promote one: promote_model({name!r}, version, {stage.value!r})."],
            )
        return found[-1]

    def _latest(self, ledger: ModelLedger, name: str) -> int:
        found = next((n for n in range(ledger.latest, 0, -1) if is_live(ledger, n)), None)
        if found is None:
            raise ModelNotFoundError(
                f"All versions of {name!r} are deleted.", context={"name": name}
            )
        return found

    def change(
        self,
        name: str,
        decide: Decide,
        *,
        version: int | None = None,
        deleted_version: bool = False,
        deleted_model: bool = False,
    ) -> tuple[ModelLedger, Change | None]:
        """Append the change that ``decide`` makes, on a model and version checked just then."""
        ledger = self.model(name, deleted=deleted_model)

        def checked(state: object) -> Change | None:
            del state
            self.model(name, deleted=deleted_model)
            if version is not None and not deleted_version:
                self.check_version(ledger, name, version)
            return decide(ledger.state)

        return ledger, ledger.change(checked)

    def rename(self, old: str, new: str) -> bool:
        """Rename a model that is there; tell whether it had another name.

        Raises:
            ModelExistsError: The new name is taken, or was before.
        """
        ledger = self.model(old)
        if old == new:
            return False
        claim_name(self.storage, ledger, self.ledger(new), new)
        self.ledger(new)
        return True

    def uri(self, metadata: ModelMetadata) -> str:
        """Return where a version's files are, as a URI."""
        return f"{self._uri}/{artifact_key(metadata)}"


def live_versions(ledger: ModelLedger) -> list[int]:
    """Return the numbers that are not deleted, rising."""
    with ledger.frozen():
        return [n for n in range(1, ledger.latest + 1) if is_live(ledger, n)]


def is_live(ledger: ModelLedger, version: int) -> bool:
    """Tell whether a version is there: neither deleted nor its files removed for good."""
    state = ledger.state.versions.get(version)
    return state is None or state.is_live


def _when(change: Change) -> str:
    why = f": {change.why}" if change.why else ""
    return f"on {change.at:%Y-%m-%d at %H:%M} UTC by {change.by}{why}"
