"""The stages of a model's life: an open set of strings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self, cast

from tauro._internal._close import did_you_mean
from tauro.errors import ValidationError


class _StageType(type):
    """Makes members of the upper-case texts in a class's body, also in those of subclasses."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _StageType:
        cls = super().__new__(mcs, name, bases, namespace)
        for key, value in namespace.items():
            if key.isupper() and isinstance(value, str):
                member = str.__new__(cast("type[str]", cls), value)
                type.__setattr__(cls, key, member)
        return cls

    def __iter__(cls) -> Iterator[PipelineStage]:
        """Yield the members in the order of their definition, those of base classes first."""
        for base in reversed(cls.__mro__):
            for value in vars(base).values():
                if isinstance(value, PipelineStage):
                    yield value

    def __len__(cls) -> int:
        return sum(1 for _ in cls)

    def __contains__(cls, stage: object) -> bool:
        return any(member == stage for member in cls)

    def __getitem__(cls, name: str) -> PipelineStage:
        member = getattr(cls, name, None)
        if isinstance(member, PipelineStage):
            return member
        known = [each.name for each in cls]
        raise ValidationError(
            f"There is no stage {name!r}.",
            suggestions=did_you_mean(name, known) or [f"Stages: {', '.join(known)}."],
        )


class PipelineStage(str, metaclass=_StageType):
    """A stage: a text with a name.

    Members equal their texts, so either can be given wherever a stage is expected. A subclass adds
    members of its own::

        class CustomPipelineStage(PipelineStage):
            CUSTOM_STAGE = "custom_stage"
    """

    __slots__ = ()

    DATA_COLLECTION = "data_collection"
    DATA_PREPROCESSING = "data_preprocessing"
    TRAINING = "training"
    VALIDATION = "validation"
    DEPLOYMENT = "deployment"
    MONITORING = "monitoring"

    def __new__(cls, value: str) -> Self:
        """Return the member of this text, or a stage of this text that is no member."""
        given: object = value
        if not isinstance(given, str) or not given.strip():
            raise ValidationError(
                f"A stage is a text, got {value!r}.",
                suggestions=["Give a PipelineStage, or the text of a stage of your own."],
            )
        for member in cls:
            if member == value:
                return cast("Self", member)
        return str.__new__(cls, value)

    @property
    def name(self) -> str:
        """The name of the member; of a stage that is no member, its text in upper case."""
        for base in type(self).__mro__:
            for key, value in vars(base).items():
                if value is self:
                    return key
        return str.upper(self)

    @property
    def value(self) -> str:
        """The text."""
        return str.__str__(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}.{self.name}: {str.__repr__(self)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str.__str__(self),)
