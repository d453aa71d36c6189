"""What may stand in a filter over runs, and over experiments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tauro.tracking._models import RunStatus
from tauro.tracking._query._ast import Kind, Space

_LIFECYCLES: Final = ("active", "deleted")


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field that every record has, under a fixed name.

    Attributes:
        kind: How its values are read.
        choices: The only values it can have, or empty when it is open.
    """

    kind: Kind
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """The fields that a filter may name. Two schemas are equal when they are the same object.

    Attributes:
        subject: What is searched, for messages.
        attributes: Name to attribute.
        aliases: Other spellings of attributes.
        spaces: Prefix before the dot to the space it means.
        bare_tags: Whether a name that is no attribute is the tag of that name.
    """

    subject: str
    attributes: Mapping[str, Attribute]
    aliases: Mapping[str, str] = field(default_factory=dict)
    spaces: Mapping[str, Space] = field(default_factory=dict)
    bare_tags: bool = False

    def attribute_name(self, name: str) -> str | None:
        """Return the attribute that a name means, or None; letter case does not matter."""
        folded = name.casefold()
        folded = self.aliases.get(folded, folded)
        return folded if folded in self.attributes else None


SPACE_KINDS: Final[Mapping[Space, Kind]] = {
    "metrics": Kind.NUMBER,
    "params": Kind.LOOSE,
    "tags": Kind.LOOSE,
}

RUNS: Final = Schema(
    subject="runs",
    attributes={
        "run_id": Attribute(Kind.TEXT),
        "experiment_id": Attribute(Kind.TEXT),
        "name": Attribute(Kind.TEXT),
        "status": Attribute(Kind.TEXT, tuple(status.value for status in RunStatus)),
        "user": Attribute(Kind.TEXT),
        "parent_run_id": Attribute(Kind.TEXT),
        "lifecycle": Attribute(Kind.TEXT, _LIFECYCLES),
        "start_time": Attribute(Kind.TIME),
        "end_time": Attribute(Kind.TIME),
        "duration": Attribute(Kind.NUMBER),
    },
    aliases={"run_name": "name"},
    spaces={
        "metrics": "metrics",
        "metric": "metrics",
        "params": "params",
        "param": "params",
        "parameters": "params",
        "parameter": "params",
        "tags": "tags",
        "tag": "tags",
        "attributes": "attributes",
        "attribute": "attributes",
    },
)

EXPERIMENTS: Final = Schema(
    subject="experiments",
    attributes={
        "experiment_id": Attribute(Kind.TEXT),
        "name": Attribute(Kind.TEXT),
        "description": Attribute(Kind.TEXT),
        "lifecycle": Attribute(Kind.TEXT, _LIFECYCLES),
        "created_at": Attribute(Kind.TIME),
        "updated_at": Attribute(Kind.TIME),
    },
    aliases={"creation_time": "created_at", "last_update_time": "updated_at"},
    spaces={"tags": "tags", "tag": "tags", "attributes": "attributes", "attribute": "attributes"},
    bare_tags=True,
)
