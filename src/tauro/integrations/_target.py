"""What the integrations share: the run they log to, and parameters that any run can keep."""

from __future__ import annotations

import contextvars
import re
import threading
from collections.abc import Mapping
from typing import Any, Final, Self

from tauro.errors import ValidationError
from tauro.mlops import get_mlops_context
from tauro.tracking import Run
from tauro.validation import validate_parameter

_LONGEST_TEXT: Final = 1000
_ADDRESS: Final = re.compile(r" (?:object )?at 0x[0-9A-Fa-f]+")
"""Where an object lies in memory: it would make equal parameters of two runs differ."""


class RunTarget:
    """The run of a callback: the one given, else the one that is active when it first logs.

    Frameworks may call from threads of their own, which do not see the active run of the thread
    that made the callback. There the run that was active when the callback was made is used. A
    run is opened only where neither has one, and ends as every run that a verb opens by itself.

    Copies are references to the same run, since estimators copy their parameters; a pickled copy
    logs to the active run of the process that loads it.
    """

    def __init__(self, run: Run | None = None) -> None:
        self._run = run
        self._given = run is not None
        self._made_in = threading.get_ident()
        self._context = contextvars.copy_context()
        self._guard = threading.Lock()

    def start(self) -> Run:
        """Return the run for a training that begins: one given stays, another is looked up."""
        with self._guard:
            if not self._given:
                self._run = None
        return self.run

    @property
    def run(self) -> Run:
        """The run, found on first use, and again when one found before has ended."""
        with self._guard:
            if self._run is None or not (self._given or self._run.is_active):
                self._run = self._find()
            return self._run

    def _find(self) -> Run:
        tracker = get_mlops_context().experiment_tracker
        active = tracker.active_run()
        if active is not None:
            return active
        if threading.get_ident() == self._made_in:
            return tracker.ensure_run()
        return self._context.run(tracker.ensure_run)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[type[RunTarget], tuple[()]]:
        return type(self), ()


def plain_parameters(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return parameters that a run accepts; a value that JSON cannot hold becomes its text.

    Args:
        values: Parameters as a framework gives them: estimators, functions and arrays among them.
        prefix: Put before each name.
    """
    return dict(_plain(f"{prefix}{name}", value) for name, value in values.items())


def _plain(name: str, value: Any) -> tuple[str, Any]:
    try:
        return validate_parameter(name, value)
    except ValidationError:
        named = getattr(value, "__qualname__", None)
        text = named or " ".join(_ADDRESS.sub("", str(value)).split())
        return name, text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
