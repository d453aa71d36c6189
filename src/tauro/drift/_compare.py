"""The comparison of two sources, column by column, on all cores."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tauro._internal._close import did_you_mean
from tauro.drift._categorical import contingency, new_category_test, share_test
from tauro.drift._columns import chosen_columns, pair
from tauro.drift._options import DriftOptions
from tauro.drift._parallel import map_columns
from tauro.drift._registry import categorical_test, numeric_test
from tauro.drift._samples import CategoricalSample, Kind, NumericSample, Sample, TestOutcome
from tauro.drift._summary import Summary, summarise_categories, summarise_numbers
from tauro.drift._tables import Table
from tauro.errors import DriftColumnsError, DriftMissingError


@dataclass(frozen=True, slots=True)
class Asked:
    """One test that was made: what it asked, with which test, and its outcome."""

    name: str
    test: str
    outcome: TestOutcome


@dataclass(frozen=True, slots=True)
class Compared:
    """A column with the outcome of its tests, before the decision."""

    name: str
    kind: Kind
    asked: tuple[Asked, ...]
    reference: Summary
    current: Summary
    unseen: tuple[str, ...] = ()


def columns_to_compare(
    reference: Table, current: Table, columns: Sequence[str] | None
) -> list[str]:
    """Return the columns to compare: those asked for, else those of both, which must be the same.

    Raises:
        DriftColumnsError: A column is on one side only.
    """
    ours, theirs = list(reference.names), list(current.names)
    if columns is not None:
        chosen = chosen_columns(columns)
        for side, names in (("reference", ours), ("current", theirs)):
            if absent := [name for name in chosen if name not in names]:
                raise DriftColumnsError(
                    f"The {side} data has no column {', '.join(map(repr, absent))}.",
                    context={"side": side, "absent": absent},
                    suggestions=did_you_mean(absent[0], names) or [f"It has {_listed(names)}."],
                )
        return chosen
    absent = [name for name in ours if name not in set(theirs)]
    extra = [name for name in theirs if name not in set(ours)]
    if absent or extra:
        parts = [f"{_listed(absent)} only in the reference data"] if absent else []
        parts += [f"{_listed(extra)} only in the current data"] if extra else []
        hints = did_you_mean(absent[0], extra) if absent and extra else []
        raise DriftColumnsError(
            f"The columns differ: {'; '.join(parts)}.",
            context={"absent": absent, "extra": extra},
            suggestions=[*hints, "Give columns=[…] to compare some of those that both have."],
        )
    return ours


def _listed(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def compare(
    reference: Table, current: Table, names: Sequence[str], options: DriftOptions
) -> list[Compared]:
    """Return every column's outcome, in order; columns are read and dropped one a thread.

    Raises:
        DriftMissingError: No column of the current data holds a value.
    """

    def one(name: str) -> Compared:
        kind, old, new = pair(name, reference.column(name), current.column(name), options.kinds)
        return compare_samples(name, kind, old, new, options)

    compared = map_columns(one, names, reference.rows + current.rows, options.workers)
    if not any(column.current.present for column in compared):
        raise DriftMissingError(
            f"The current data holds no value in any of {len(compared)} columns.",
            context={"side": "current"},
            suggestions=["Check the query or file it comes from."],
        )
    return compared


def compare_samples(
    name: str, kind: Kind, reference: Sample, current: Sample, options: DriftOptions
) -> Compared:
    """Return the outcome of the tests of one column.

    A test is made where the pooled data allow it to find anything (some value missing, some
    category on one side only); so whether it is made tells nothing about drift, and the correction
    counts no test in vain.
    """
    rng = np.random.default_rng([options.seed, zlib.crc32(name.encode())])
    asked: list[Asked] = []
    unseen: tuple[str, ...] = ()
    if isinstance(reference, NumericSample) and isinstance(current, NumericSample):
        summaries = summarise_numbers(reference, current)
        if current.present:
            test = options.numeric_test
            outcome = numeric_test(test)(reference, current, rng)
            asked.append(Asked("distribution", test, outcome))
    else:
        assert isinstance(reference, CategoricalSample)
        assert isinstance(current, CategoricalSample)
        summaries = summarise_categories(reference, current)
        if current.present:
            test = options.categorical_test
            outcome = categorical_test(test)(reference, current, rng)
            asked.append(Asked("distribution", test, outcome))
            unseen = tuple(c for c in current.counts if c not in reference.counts)
            _, first, second = contingency(reference, current)
            if kind != "boolean" and (unusual := new_category_test(first, second)):
                asked.append(Asked("new_categories", "new_categories", unusual))
    if reference.missing or current.missing:
        outcome = share_test((reference.missing, current.missing), (reference.rows, current.rows))
        asked.append(Asked("missing", "missing", outcome))
    return Compared(name, kind, tuple(asked), *summaries, unseen)
