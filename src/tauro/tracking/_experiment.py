"""An experiment: a name under which runs are kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tauro.tracking._display import card
from tauro.tracking._models import ExperimentRecord


class Experiment:
    """A named group of runs. ``str()`` of it is its id, and it is taken wherever an id is."""

    __slots__ = ("_record",)

    def __init__(self, record: ExperimentRecord) -> None:
        self._record = record

    @property
    def experiment_id(self) -> str:
        """Its identifier."""
        return self._record.experiment_id

    @property
    def id(self) -> str:
        """Its identifier, as :attr:`experiment_id`."""
        return self._record.experiment_id

    @property
    def name(self) -> str:
        """Its name, unique in the store."""
        return self._record.name

    @property
    def description(self) -> str:
        """What it is about."""
        return self._record.description

    @property
    def tags(self) -> dict[str, str]:
        """Its tags, by name."""
        return dict(self._record.tags)

    @property
    def created_at(self) -> datetime:
        """When it was created, UTC."""
        return self._record.created_at

    @property
    def lifecycle(self) -> str:
        """``active`` or ``deleted``."""
        return self._record.lifecycle

    def to_dict(self) -> dict[str, Any]:
        """Return its fields as plain values."""
        fields = msgspec.structs.asdict(self._record)
        return {**fields, "tags": dict(self._record.tags)}

    def __str__(self) -> str:
        return self.experiment_id

    def __repr__(self) -> str:
        return f"<Experiment {self.experiment_id} {self.name!r}>"

    def _repr_html_(self) -> str:
        head = {
            "experiment": self.experiment_id,
            "created": self.created_at.isoformat(sep=" ", timespec="seconds"),
            "description": self.description,
        }
        return card(self.name, head, {"Tags": self.tags})

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Experiment):
            return self.experiment_id == other.experiment_id
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.experiment_id)
