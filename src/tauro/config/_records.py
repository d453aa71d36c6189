"""Frozen records of what the files say; each knows its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tauro._internal._dataset import DatasetSpec
from tauro._internal._secrets import mask_secrets
from tauro.config._mlops import EMPTY, Level
from tauro.errors import SourceLocation


class Settings(Mapping[str, Any]):
    """Settings as a mapping that cannot be changed and does not show secrets when printed."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {
            key: Settings(value) if isinstance(value, dict) else value
            for key, value in values.items()
        }

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Settings({mask_secrets(self.to_dict())!r})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, secrets included."""
        return {
            key: value.to_dict() if isinstance(value, Settings) else value
            for key, value in self._values.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """A pipeline as it is written.

    Attributes:
        name: Its key in the file.
        nodes: Names of its nodes, in the order of the file.
        description: For readers.
        type: What the file calls it, such as ``batch`` or ``ml``; empty where it says nothing.
        tags: For choosing and searching.
        params: Given to every node that asks for them; a node's own are stronger.
        requires_dates: Whether a run must be given a start and an end date.
        ml_settings: What its ``mlops`` part sets.
        location: Where it is written.
    """

    name: str
    nodes: tuple[str, ...]
    description: str = ""
    type: str = ""
    tags: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    requires_dates: bool = False
    ml_settings: Level = EMPTY
    location: SourceLocation

    def __repr__(self) -> str:
        return f"PipelineConfig(name={self.name!r}, nodes={self.nodes!r}, at='{self.location}')"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """A node as it is written.

    Attributes:
        name: Its key in the file.
        function: Dotted path of the function.
        inputs: Parameter of the function to the name of a dataset; in a list the names are equal.
        outputs: Names of the datasets that its result is saved to, in order.
        output_keys: Key of a returned mapping to the dataset it is saved to; empty where the
            outputs are a list or one name.
        dependencies: Nodes that must run before, beside those whose outputs it reads.
        params: Values for the function's parameters.
        retries: How often a failed call is repeated.
        retry_delay: Seconds before the first repetition.
        retry_backoff: Factor by which the delay grows.
        timeout: Seconds after which a call is ended; None waits for ever.
        tags: For choosing and searching.
        type: What the file calls it, such as ``ml_training``; empty where it says nothing.
        description: For readers.
        requires_dates: Whether a run of it must be given a start and an end date.
        hyperparams: Parameters of a model, recorded with its run.
        metrics: Names of the metrics it yields.
        config: Further settings of its own, ``mlops`` left out.
        ml_keys: Keys it was written with that mark it as ML: ``ml``, ``mlops``, ``hyperparams``,
            ``metrics``.
        ml_settings: What its ``ml``, ``config.mlops`` and ``mlops`` parts set.
        location: Where it is written.
        function_location: Where its function is named.
    """

    name: str
    function: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    output_keys: Mapping[str, str] = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    retries: int = 0
    retry_delay: float = 0.0
    retry_backoff: float = 2.0
    timeout: float | None = None
    tags: tuple[str, ...] = ()
    type: str = ""
    description: str = ""
    requires_dates: bool = False
    hyperparams: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    ml_keys: tuple[str, ...] = ()
    ml_settings: Level = EMPTY
    location: SourceLocation
    function_location: SourceLocation

    def __repr__(self) -> str:
        return f"NodeConfig(name={self.name!r}, function={self.function!r}, at='{self.location}')"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DatasetConfig(DatasetSpec):
    """A dataset as it is written.

    Attributes:
        location: Where it is written.
    """

    location: SourceLocation
