"""The model that is served: which version it is, and how another takes its place.

The holder asks the registry which version is chosen. A version that is not the one served is loaded
and tried on its own input example beside the one that serves, and takes its place only when it
answered; otherwise the old one goes on and the holder says why.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tauro._internal import _clock
from tauro.errors import ServingError, TauroError
from tauro.flavors import LoadedModel, ModelSignature
from tauro.registry import ModelRegistry, ModelStage, ModelVersion

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which version of a model is to be served.

    Attributes:
        name: The model.
        version: This version, whatever its stage.
        stage: The version in this stage.
        alias: The version of this alias.
    """

    name: str
    version: int | None = None
    stage: str | None = None
    alias: str | None = None

    def __post_init__(self) -> None:
        given = [part for part in (self.version, self.stage, self.alias) if part is not None]
        if len(given) > 1:
            raise ServingError(
                f"Serving {self.name!r}: give one of version, stage and alias, not several."
            )
        if not given:
            object.__setattr__(self, "stage", "Production")
        if self.stage is not None:
            object.__setattr__(self, "stage", ModelStage.parse(self.stage).value)

    def resolve(self, registry: ModelRegistry) -> ModelVersion:
        """Return the version that is chosen now.

        Raises:
            ModelNotFoundError: There is none.
        """
        if self.stage is not None:
            return registry.get_model_by_stage(self.name, self.stage)
        if self.alias is not None:
            return registry.get_model_by_alias(self.name, self.alias)
        return registry.get_model_version(self.name, self.version)

    def __str__(self) -> str:
        if self.stage is not None:
            return f"{self.name} ({self.stage})"
        return f"{self.name}@{self.alias}" if self.alias else f"{self.name} v{self.version}"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A version that is loaded and has answered.

    Attributes:
        version: The version.
        model: The model, loaded.
        loaded_at: When, UTC.
    """

    version: ModelVersion
    model: LoadedModel
    loaded_at: datetime

    @property
    def signature(self) -> ModelSignature | None:
        """What it takes and gives."""
        return self.version.signature or self.model.signature


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a chosen version is not served."""

    version: int | None
    reason: str


class ModelHolder:
    """Hold the version of a choice that serves, and follow the registry.

    Threads: :attr:`served` may be read from any; :meth:`refresh` runs once at a time.

    Args:
        registry: Where versions are.
        choice: Which one.
        allow_pickle: Permit formats whose loading runs code.
        trusted: Types that files may hold beyond those known to be safe.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        choice: ModelChoice,
        *,
        allow_pickle: bool = False,
        trusted: Iterable[type | str] = (),
    ) -> None:
        self.registry = registry
        self.choice = choice
        self.refusal: Refusal | None = None
        self._allow_pickle = allow_pickle
        self._trusted = tuple(trusted)
        self._served: ServedModel | None = None
        self._one_at_a_time = threading.Lock()
        self._stop = threading.Event()

    @property
    def served(self) -> ServedModel:
        """The version that serves.

        Raises:
            ServingError: None does, and why.
        """
        found = self._served
        if found is None:
            why = self.refusal.reason if self.refusal is not None else "it was not loaded yet"
            raise ServingError(
                f"No version of {self.choice} is served: {why}",
                context={"model": self.choice.name},
                suggestions=[f"tauro models promote {self.choice.name} VERSION Production"],
            )
        return found

    @property
    def is_ready(self) -> bool:
        """Whether a version serves."""
        return self._served is not None

    def refresh(self, *, force: bool = False) -> bool:
        """Look which version is chosen, and serve it if it loads and answers.

        Args:
            force: Load it again also when it is the one that serves.

        Returns:
            Whether another version, or the same anew, serves now.
        """
        with self._one_at_a_time:
            number: int | None = None
            try:
                version = self.choice.resolve(self.registry)
                number = version.version
                current = self._served
                same = current is not None and current.version.version == number
                if same and not force:
                    self.refusal = None
                    return False
                if self.refusal is not None and self.refusal.version == number and not force:
                    return False
                self._served = self._load(version)
            except TauroError as error:
                if self.refusal is None or self.refusal.version != number:
                    _log.warning("%s: %s", self.choice, error)
                self.refusal = Refusal(number, str(error))
                return False
            self.refusal = None
            _log.info("%s: version %s serves", self.choice, number)
            return True

    def _load(self, version: ModelVersion) -> ServedModel:
        model = version.load(allow_pickle=self._allow_pickle, trusted=self._trusted)
        served = ServedModel(version, model, _clock.now())
        example = model.input_example
        if example is not None:
            try:
                model.predict(example)
            # The model is the user's code; whatever it raises, the old version goes on.
            except Exception as error:
                raise ServingError(
                    f"Version {version.version} of {version.name!r} does not answer its own input "
                    f"example: {type(error).__name__}: {error}",
                    context={"model": version.name, "version": version.version},
                ) from error
        return served

    def follow(self, interval: float) -> None:
        """Refresh every ``interval`` seconds, in a thread of its own, until :meth:`close`."""
        threading.Thread(
            target=self._follow, args=(interval,), name="tauro-follow", daemon=True
        ).start()

    def _follow(self, interval: float) -> None:
        while not self._stop.wait(interval):
            self.refresh()

    def close(self) -> None:
        """Stop following."""
        self._stop.set()

    def describe(self) -> dict[str, Any]:
        """Return what ``/metadata`` says of the version that serves."""
        served = self.served
        version, signature = served.version, served.signature
        return {
            "model": version.name,
            "version": version.version,
            "stage": version.stage.value,
            "aliases": list(version.aliases),
            "framework": version.framework,
            "flavor": served.model.spec.flavor,
            "columns": signature.input_names if signature is not None else [],
            "signature": signature.to_dict() if signature is not None else None,
            "metrics": version.metrics,
            "run_id": version.run_id,
            "files": {file.path: file.sha256 for file in version.files},
            "loaded_at": served.loaded_at.isoformat(),
        }
