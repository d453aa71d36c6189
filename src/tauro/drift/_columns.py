"""Pairs of columns: of which kind both are compared, and the errors for those that cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, Protocol

import numpy as np
import pyarrow as pa

from tauro.drift._read import (
    ColumnRules,
    count,
    infer_kind,
    is_single,
    numeric_sample,
    text_lengths,
)
from tauro.drift._samples import CategoricalSample, Kind, Sample, Side
from tauro.drift._sources import Raw
from tauro.errors import DriftMissingError, DriftOptionError, DriftTypeError

OTHERS: Final = "(others)"
"""The category in which a profile counts its rarest ones."""
_TEXT_DISTINCT: Final = 100
_TEXT_SHARE: Final = 0.5


def chosen_columns(columns: Any) -> list[str]:
    """Return the names given as ``columns=``, each once.

    Raises:
        DriftOptionError: They are no list, or none is given.
    """
    iterable = isinstance(columns, Iterable) and not isinstance(columns, (str, bytes))
    names = list(dict.fromkeys(str(name) for name in columns)) if iterable else []
    if not names:
        raise DriftOptionError(f"columns is {columns!r}; a list of column names is needed.")
    return names


class RawColumn:
    """A column as it came, which becomes a sample once both sides' kinds are known."""

    def __init__(self, name: str, raw: Raw, side: Side, rules: ColumnRules) -> None:
        self.name, self.side, self.rules = name, side, rules
        self._raw = raw
        self._counted: CategoricalSample | None = None
        self.single = is_single(raw)
        """Whether it holds 32 bit numbers."""
        self.others = False

    @property
    def kind(self) -> Kind | Literal["empty"]:
        """How it is compared by its type.

        Raises:
            DriftTypeError: Its type cannot be compared.
        """
        try:
            return infer_kind(self._raw)
        except TypeError as error:
            raise DriftTypeError(
                f"Column {self.name!r} of the {self.side} data is of type {error}, "
                "which cannot be compared.",
                context={"column": self.name, "side": self.side, "type": str(error)},
                suggestions=["Give numbers, text, booleans or dates, or leave the column out."],
            ) from None

    def is_text(self) -> bool:
        """Tell whether a column of words holds hardly any of them twice."""
        if isinstance(self._raw, np.ndarray) or pa.types.is_dictionary(self._raw.type):
            return False
        self._counted = count(self._raw)
        distinct = len(self._counted.counts)
        return distinct > _TEXT_DISTINCT and distinct > _TEXT_SHARE * self._counted.present

    def sample(self, kind: Kind, *, single: bool) -> Sample:
        """Return the column's sample.

        Raises:
            DriftInfiniteError: Infinite values, unless they count as missing.
        """
        if kind in {"numeric", "datetime"}:
            return numeric_sample(self.name, self._raw, self.side, self.rules, single=single)
        if kind == "text":
            return text_lengths(self._raw)
        return self._counted or count(self._raw)


class Column(Protocol):
    """One side of a comparison: a raw column, or one of a profile."""

    @property
    def kind(self) -> Kind | Literal["empty"]:
        """How it is compared by its type."""

    @property
    def single(self) -> bool:
        """Whether it holds 32 bit numbers."""

    @property
    def others(self) -> bool:
        """Whether its rarest categories were counted as one."""

    def is_text(self) -> bool:
        """Tell whether a column of words holds hardly any of them twice."""

    def sample(self, kind: Kind, *, single: bool) -> Sample:
        """Return the column's sample."""


def pair(
    name: str, reference: Column, current: Column, kinds: Mapping[str, Kind]
) -> tuple[Kind, Sample, Sample]:
    """Return the kind of a column and both of its samples.

    Raises:
        DriftTypeError: A type that cannot be compared, or two that differ.
        DriftMissingError: The reference holds no value.
        DriftInfiniteError: Infinite values, unless they count as missing.
    """
    kind = common_kind(name, reference, current, kinds)
    # 0.1 stored in 32 bits is another number than 0.1 in 64: repeated values would not match.
    single = reference.single or current.single
    old, new = reference.sample(kind, single=single), current.sample(kind, single=single)
    if old.present == 0:
        raise DriftMissingError(
            f"Column {name!r} of the reference data holds no value in {old.rows:,} rows.",
            context={"column": name, "side": "reference"},
            suggestions=["Leave the column out with columns=[…], or give a reference that has it."],
        )
    if isinstance(old, CategoricalSample) and isinstance(new, CategoricalSample):
        old, new = _fold(old, new, current.others), _fold(new, old, reference.others)
    return kind, old, new


def _fold(sample: CategoricalSample, other: CategoricalSample, others: bool) -> CategoricalSample:
    """Count a sample's categories as one where the other side has counted its rarest as one."""
    if not others:
        return sample
    counts: dict[str, int] = {}
    for label, rows in sample.counts.items():
        known = label if label in other.counts else OTHERS
        counts[known] = counts.get(known, 0) + rows
    return CategoricalSample(counts, sample.missing)


def common_kind(name: str, reference: Column, current: Column, kinds: Mapping[str, Kind]) -> Kind:
    """Return how both sides of a column are compared.

    Raises:
        DriftTypeError: Their types differ, or are not of the kind asked for.
    """
    first, second = reference.kind, current.kind
    known = {kind for kind in (first, second) if kind != "empty"}
    if (asked := kinds.get(name)) is not None:
        allowed = _CONVERTIBLE.get(asked)
        if allowed is not None and not known <= allowed:
            raise DriftTypeError(
                f"Column {name!r} is {first} in the reference data and {second} in the current "
                f"data, and cannot be compared as {asked}.",
                context={"column": name, "asked": asked},
                suggestions=["Leave its kind to be inferred, or convert the column first."],
            )
        return asked
    if not known:
        return "categorical"
    if known == {"text", "categorical"}:
        return "text"  # a profile knows what a raw column of words does not say
    if len(known) > 1:
        raise DriftTypeError(
            f"Column {name!r} is {first} in the reference data and {second} in the current data.",
            context={"column": name, "reference": first, "current": second},
            suggestions=[
                "Read both with the same types; numbers that became text often hold a stray word.",
                f"To compare it as categories all the same: kinds={{{name!r}: 'categorical'}}.",
            ],
        )
    (kind,) = known
    return "text" if kind == "categorical" and reference.is_text() else kind


_CONVERTIBLE: Final[Mapping[str, frozenset[str]]] = {
    "numeric": frozenset({"numeric", "datetime", "boolean"}),
    "datetime": frozenset({"numeric", "datetime", "boolean"}),
    "text": frozenset({"categorical", "text"}),
}
"""What can be compared as another kind; anything can be counted as categories."""
