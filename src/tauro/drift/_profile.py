"""Reference profiles: what a check needs of the reference, computed once and kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from tauro._internal import _fs
from tauro._internal._close import did_you_mean
from tauro.drift._checks import at_least
from tauro.drift._columns import OTHERS, Column, RawColumn, chosen_columns
from tauro.drift._options import check_rules
from tauro.drift._parallel import map_columns
from tauro.drift._plain import to_json_text
from tauro.drift._read import KINDS, ColumnRules
from tauro.drift._samples import CategoricalSample, Kind, NumericSample, Sample
from tauro.drift._sketch import POINTS, Sketch
from tauro.drift._sources import Source, open_source
from tauro.errors import DriftColumnsError, DriftEmptyError, DriftInputError, DriftTypeError

if TYPE_CHECKING:
    from tauro.types import StrPath

PROFILE_FILE: Final = "drift_profile.json"
"""The name under which a profile lies among the files of a model version."""
_FORMAT: Final = "tauro.drift.profile"
_VERSION: Final = 1
_MOST_CATEGORIES: Final = 5_000
_BATCH_ROWS: Final = 1_000_000
_FEWEST_POINTS: Final = 32


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column of a profile, and a side of a comparison.

    Attributes:
        name: The column.
        kind: How it is compared; ``empty`` where it held nothing.
        single: Whether it held 32 bit numbers.
        content: A sketch of numbers, dates or text lengths; counts of categories.
        others: Whether the rarest categories are counted as one.
    """

    name: str
    kind: Kind | Literal["empty"]
    single: bool
    content: Sketch | CategoricalSample
    others: bool = False

    @property
    def rows(self) -> int:
        """Rows profiled, with and without a value."""
        return self.content.present + self.content.missing

    def is_text(self) -> bool:
        """Tell whether words are compared by length; a profile's kind has said so already."""
        return self.kind == "text"

    def sample(self, kind: Kind, *, single: bool) -> Sample:
        """Return the column's sample."""
        del single
        if isinstance(self.content, CategoricalSample):
            if kind in {"numeric", "datetime", "text"}:
                if not self.content.counts:
                    return Sketch.of(_nothing(self.content.missing)).sample()
                raise self._kept_as(kind)
            return self.content
        if kind in {"boolean", "categorical"}:
            raise self._kept_as(kind)
        return self.content.sample()

    def _kept_as(self, kind: str) -> DriftTypeError:
        return DriftTypeError(
            f"Column {self.name!r} is kept in the profile as {self.kind} and cannot be compared "
            f"as {kind}.",
            suggestions=[f"Make the profile anew with kinds={{{self.name!r}: {kind!r}}}."],
        )

    def merge(self, other: ColumnProfile, points: int) -> ColumnProfile:
        """Return the profile of both columns' rows together.

        Raises:
            DriftTypeError: They are of different kinds.
        """
        if "empty" in {self.kind, other.kind} and self.kind != other.kind:
            kept, empty = (self, other) if other.kind == "empty" else (other, self)
            return kept._with_missing(empty.content.missing)
        if self.kind != other.kind:
            raise DriftTypeError(
                f"Column {self.name!r} is {self.kind} in one profile and {other.kind} in another.",
                suggestions=[f"Make both with kinds={{{self.name!r}: …}}."],
            )
        mine, theirs = self.content, other.content
        if isinstance(mine, Sketch) and isinstance(theirs, Sketch):
            content: Sketch | CategoricalSample = mine.merge(theirs, points)
            return ColumnProfile(self.name, self.kind, self.single or other.single, content)
        counts = dict(cast("CategoricalSample", mine).counts)
        for label, rows in cast("CategoricalSample", theirs).counts.items():
            counts[label] = counts.get(label, 0) + rows
        return _categories(
            self.name, self.kind, counts, mine.missing + theirs.missing, self.others or other.others
        )

    def _with_missing(self, more: int) -> ColumnProfile:
        if isinstance(self.content, Sketch):
            content: Sketch | CategoricalSample = Sketch(
                self.content.values,
                self.content.between,
                self.content.at,
                self.content.missing + more,
            )
        else:
            content = CategoricalSample(self.content.counts, self.content.missing + more)
        return ColumnProfile(self.name, self.kind, self.single, content, self.others)


def _nothing(missing: int) -> NumericSample:
    import numpy as np

    return NumericSample(np.empty(0), missing)


def _categories(
    name: str, kind: Kind | Literal["empty"], counts: dict[str, int], missing: int, others: bool
) -> ColumnProfile:
    if len(counts) > _MOST_CATEGORIES:
        ranked = sorted(counts.items(), key=lambda item: (item[0] == OTHERS, -item[1], item[0]))
        kept = dict(ranked[: _MOST_CATEGORIES - 1])
        kept[OTHERS] = sum(counts.values()) - sum(kept.values())
        counts, others = kept, True
    return ColumnProfile(name, kind, False, CategoricalSample(counts, missing), others)


@dataclass(frozen=True, slots=True)
class ReferenceProfile:
    """A data set in some kilobytes a column, enough to check others against it.

    Give it as ``reference_data`` (or ``current_data``). Up to a thousand distinct values a column
    is kept whole; beyond, its distribution function is kept at a thousand values.

    Attributes:
        rows: Rows profiled.
        columns: Name to what is kept of it.
        points: The most values kept of a column of numbers.
    """

    rows: int
    columns: Mapping[str, ColumnProfile]
    points: int = field(default=POINTS)

    @property
    def names(self) -> Sequence[str]:
        """The columns, in order."""
        return list(self.columns)

    def column(self, name: str) -> Column:
        """Return a column, as a side of a comparison."""
        return self.columns[name]

    @classmethod
    def from_data(
        cls,
        data: Any,
        *,
        columns: Sequence[str] | None = None,
        kinds: Mapping[str, Kind] | None = None,
        infinite: Literal["error", "missing"] = "error",
        points: int = POINTS,
    ) -> ReferenceProfile:
        """Profile a data set; a Parquet file a column and a million rows at a time.

        Args:
            data: A table in any form that a detector takes.
            columns: Profile these only.
            kinds: The kind of a column, where its type does not say it.
            infinite: ``error`` refuses infinite values, ``missing`` counts them as missing.
            points: The most values kept of a column of numbers, 32 or more.

        Raises:
            DriftInputError: The data or an option cannot be used; a class for each reason.
        """
        rules = check_rules(kinds or {}, infinite)
        kept_points = at_least("points", points, _FEWEST_POINTS)
        source = open_source(data, "reference")
        names = list(source.names) if columns is None else chosen_columns(columns)
        if absent := [name for name in names if name not in source.names]:
            raise DriftColumnsError(
                f"The data has no column {', '.join(map(repr, absent))}.",
                suggestions=did_you_mean(absent[0], source.names),
            )

        def one(name: str) -> ColumnProfile:
            return _profile_column(source, name, rules, kept_points)

        kept = map_columns(one, names, source.rows)
        return cls(source.rows, dict(zip(names, kept, strict=True)), points)

    @classmethod
    def from_batches(cls, batches: Iterable[Any], **options: Any) -> ReferenceProfile:
        """Profile a data set that comes in parts; the options are those of ``from_data``.

        Raises:
            DriftInputError: A part cannot be profiled, or there is none.
        """
        merged: ReferenceProfile | None = None
        for batch in batches:
            if merged is not None:
                # What the first part showed a column to be holds for the others.
                seen = {n: c.kind for n, c in merged.columns.items() if c.kind != "empty"}
                options["kinds"] = {**seen, **(options.get("kinds") or {})}
            part = cls.from_data(batch, **options)
            merged = part if merged is None else merged.merge(part)
        if merged is None:
            raise DriftEmptyError("There is no part to profile.")
        return merged

    def merge(self, *others: ReferenceProfile) -> ReferenceProfile:
        """Return the profile of all the rows together.

        Raises:
            DriftColumnsError: The columns differ.
            DriftTypeError: A column is of different kinds.
        """
        merged = self
        for other in others:
            if set(merged.columns) != set(other.columns):
                differing = sorted(set(merged.columns) ^ set(other.columns))
                raise DriftColumnsError(
                    f"The profiles do not both have {', '.join(map(repr, differing))}.",
                    suggestions=["Profile the same columns in every part."],
                )
            columns = {
                name: column.merge(other.columns[name], merged.points)
                for name, column in merged.columns.items()
            }
            merged = ReferenceProfile(merged.rows + other.rows, columns, merged.points)
        return merged

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "rows": self.rows,
            "points": self.points,
            "columns": {name: _column_to_dict(column) for name, column in self.columns.items()},
        }

    @classmethod
    def from_dict(cls, plain: Any) -> ReferenceProfile:
        """Return the profile that ``to_dict`` gave.

        Raises:
            DriftInputError: It is no profile, or one of a newer version.
        """
        if not isinstance(plain, Mapping) or plain.get("format") != _FORMAT:
            raise DriftInputError("This is not a drift profile.")
        try:
            if (version := int(plain["version"])) > _VERSION:
                raise DriftInputError(
                    f"The profile is of version {version}; this Tauro reads up to {_VERSION}.",
                    suggestions=["Upgrade tauro."],
                )
            columns = {
                name: _column_from_dict(name, column) for name, column in plain["columns"].items()
            }
            profile = cls(int(plain["rows"]), columns, int(plain["points"]))
        except DriftInputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DriftInputError(f"The profile is damaged: {error!r}.") from error
        for name, column in columns.items():
            if column.rows != profile.rows:
                raise DriftInputError(
                    f"The profile is damaged: column {name!r} has {column.rows:,} rows of "
                    f"{profile.rows:,}."
                )
        return profile

    def save(self, path: StrPath) -> None:
        """Write the profile as JSON, replacing what is there in one step."""
        _fs.replace_file(str(path), to_json_text(self.to_dict(), indent=None).encode())

    @classmethod
    def load(cls, path: StrPath) -> ReferenceProfile:
        """Read a profile.

        Raises:
            DriftInputError: There is none at the path, or it cannot be read.
        """
        try:
            plain = json.loads(_fs.read_bytes(str(path)))
        except FileNotFoundError as error:
            raise DriftInputError(f"There is no drift profile at {str(path)!r}.") from error
        except OSError as error:
            raise DriftInputError(f"The profile {str(path)!r} cannot be read: {error}") from error
        except (ValueError, RecursionError) as error:
            raise DriftInputError(f"The profile {str(path)!r} is not JSON: {error}") from error
        return cls.from_dict(plain)


def _profile_column(source: Source, name: str, rules: ColumnRules, points: int) -> ColumnProfile:
    merged: ColumnProfile | None = None
    for raw in source.chunks(name, _BATCH_ROWS):
        column = RawColumn(name, raw, "reference", rules)
        kind = rules.kinds.get(name) or column.kind
        if merged is not None and merged.kind != "empty" and kind != "empty":
            kind = merged.kind
        elif kind == "categorical" and name not in rules.kinds and column.is_text():
            kind = "text"
        part = _part(column, kind, points)
        merged = part if merged is None else merged.merge(part, points)
    assert merged is not None  # a source without rows was refused
    return merged


def _part(column: RawColumn, kind: Kind | Literal["empty"], points: int) -> ColumnProfile:
    sample = column.sample("categorical" if kind == "empty" else kind, single=column.single)
    if isinstance(sample, CategoricalSample):
        return _categories(column.name, kind, dict(sample.counts), sample.missing, False)
    return ColumnProfile(column.name, kind, column.single, Sketch.of(sample, points))


def _column_to_dict(column: ColumnProfile) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": column.kind}
    if isinstance(column.content, Sketch):
        return {**plain, "single": column.single, "numbers": column.content.to_dict()}
    plain["categories"] = dict(column.content.counts)
    return {**plain, "missing": column.content.missing, "others": column.others}


def _column_from_dict(name: str, plain: Mapping[str, Any]) -> ColumnProfile:
    kind = plain["kind"]
    if kind not in (*KINDS, "empty"):
        raise ValueError(f"column {name!r} is of the unknown kind {kind!r}")
    if "numbers" in plain:
        return ColumnProfile(name, kind, bool(plain["single"]), Sketch.from_dict(plain["numbers"]))
    counts = {str(label): int(rows) for label, rows in plain["categories"].items()}
    missing = int(plain["missing"])
    if min([missing, *counts.values()]) < 0:
        raise ValueError(f"a count of column {name!r} is below zero")
    return ColumnProfile(
        name, kind, False, CategoricalSample(counts, missing), bool(plain["others"])
    )
