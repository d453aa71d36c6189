"""The model that is served: which version it is, and how another takes its place.

The holder asks the registry which version is chosen. A version that is not the one served is loaded
and tried on its own input example beside the one that serves, and takes its place only when it
answered; otherwise the old one goes on and the holder says why.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from tauro.errors import ServingError, TauroError
from tauro.registry import ModelRegistry, ModelStage, ModelVersion
from tauro.serving._compile import CompileMode
from tauro.serving._limits import Limits
from tauro.serving._served import ServedModel, compile_served, load_served
from tauro.serving._within import HangingError

_log = logging.getLogger(__name__)
_CLOSE_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 10.0
"""A refused version is tried again after this time: the cause may have been the disk's."""


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
class Refusal:
    """Why a chosen version is not served.

    Attributes:
        version: The version, None where the registry could not be asked.
        reason: What was wrong.
        at: When it was tried, by the monotonic clock.
        hanging: The thread in which it still tries to load or answer, None for none.
    """

    version: int | None
    reason: str
    at: float
    hanging: threading.Thread | None = None

    @property
    def is_final(self) -> bool:
        """Whether it is too early to try the version again, or another try hangs still."""
        if self.hanging is not None and self.hanging.is_alive():
            return True
        return time.monotonic() - self.at < _RETRY_SECONDS


class ModelHolder:
    """Hold the version of a choice that serves, and follow the registry.

    Threads: :attr:`served` may be read from any; :meth:`refresh` runs once at a time.

    Args:
        registry: Where versions are.
        choice: Which one.
        allow_pickle: Permit formats whose loading runs code.
        trusted: Types that files may hold beyond those known to be safe.
        limits: Bounds of its requests.
        compiled: Whether to serve it through ONNX: ``auto`` where that gives the same answers,
            ``never``, or ``require``.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        choice: ModelChoice,
        *,
        allow_pickle: bool = False,
        trusted: Iterable[type | str] = (),
        limits: Limits | None = None,
        compiled: CompileMode = "auto",
    ) -> None:
        self.registry = registry
        self.choice = choice
        self.refusal: Refusal | None = None
        self.limits = limits if limits is not None else Limits()
        self.loading: int | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self._compiled: CompileMode = compiled
        self._allow_pickle = allow_pickle
        self._trusted = tuple(trusted)
        self._served: ServedModel | None = None
        self._one_at_a_time = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

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

    @property
    def answers(self) -> bool:
        """Whether a version serves and its calls return."""
        served = self._served
        return served is not None and not served.engine.hangs

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
                former = self._served
                if self._is_known(number, force=force):
                    return False
                self.loading = number
                served = load_served(
                    version,
                    self.limits,
                    allow_pickle=self._allow_pickle,
                    trusted=self._trusted,
                    compiled="require" if self._compiled == "require" else "never",
                    storage=self.registry.storage,
                )
            except (TauroError, OSError) as error:
                self._refuse(number, error)
                return False
            finally:
                self.loading = None
            self._served, self.refusal = served, None
            if former is not None:
                self._retire(former)
            _log.info("%s: version %s serves", self.choice, number)
            if self._compiled == "auto":
                self._start("tauro-compile", self._compile, served, former)
            return True

    def _compile(self, served: ServedModel, former: ServedModel | None) -> None:
        """Compile a version while it serves already, as that may take long; then switch over."""
        compiled = compile_served(served, self.limits, self.registry.storage, former)
        with self._one_at_a_time:
            if self._served is served:
                self._served = compiled
                self._retire(served)
                _log.info("%s: served by %s", self.choice, compiled.engine.caller.path)

    def _is_known(self, number: int, *, force: bool) -> bool:
        """Tell whether a version serves already, or was refused a moment ago."""
        last = self.refusal
        if last is not None and last.version == number and last.is_final:
            return not force or (last.hanging is not None and last.hanging.is_alive())
        if force or self._served is None or self._served.version.version != number:
            return False
        self.refusal = None
        return True

    def _refuse(self, number: int | None, error: Exception) -> None:
        if self.refusal is None or self.refusal.version != number:
            _log.warning("%s: %s", self.choice, error)
        hanging = error.thread if isinstance(error, HangingError) else None
        self.refusal = Refusal(number, str(error), time.monotonic(), hanging)

    def _retire(self, former: ServedModel) -> None:
        """Close a version's engine after its last request, in the thread of its loop."""
        loop = self.loop
        if loop is not None:
            # A loop that has closed has no requests that the engine could answer.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(former.engine.retire)

    def follow(self, interval: float) -> threading.Event:
        """Refresh now and every ``interval`` seconds, in a thread of its own, until :meth:`close`.

        Returns:
            What is set once the first refresh is over.
        """
        first = threading.Event()
        self._start("tauro-follow", self._follow, interval, first)
        return first

    def _start(self, name: str, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name=name, daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _follow(self, interval: float, first: threading.Event) -> None:
        while True:
            try:
                self.refresh()
            # A follower that ends would leave the server at its version for ever.
            except Exception as error:  # noqa: BLE001
                _log.exception("%s: the registry cannot be followed", self.choice)
                self._refuse(None, error)
            first.set()
            if self._stop.wait(interval):
                return

    def close(self) -> None:
        """Stop following, and wait for what is being loaded or compiled.

        An interpreter that ends while a native library works in a thread aborts the process.
        """
        self._stop.set()
        end = time.monotonic() + _CLOSE_SECONDS
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))

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
            "path": served.engine.caller.path,
            "why_plain": served.why_plain,
            "batching": served.engine.pace.is_batching,
            "columns": signature.input_names if signature is not None else [],
            "signature": signature.to_dict() if signature is not None else None,
            "categories": {
                name: sorted(values) for name, values in served.reader.categories.items()
            },
            "metrics": version.metrics,
            "run_id": version.run_id,
            "digest": version.metadata.digest,
            "files": {file.path: file.sha256 for file in version.files},
            "loaded_at": served.loaded_at.isoformat(),
        }
