"""Numbers and verdicts in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from tauro.drift._samples import Kind
from tauro.drift._summary import Summary

TEST_NAMES: Final = {
    "ks": "Kolmogorov-Smirnov distance",
    "cramer_von_mises": "Kolmogorov-Smirnov distance",
    "anderson_darling": "Kolmogorov-Smirnov distance",
    "wasserstein": "Wasserstein distance in reference standard deviations",
    "psi": "population stability index",
    "jensen_shannon": "Jensen-Shannon distance",
    "hellinger": "Hellinger distance",
    "chi_square": "total variation",
    "total_variation": "total variation",
    "missing": "change of the missing share",
    "new_categories": "share of rows in new categories",
}
"""What the effect of a test is called."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def number(value: float) -> str:
    """Return a number as people read it: four digits that matter, thousands apart."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}" if size < 1e15 else f"{value:.3g}"
    return f"{value:.4g}" if size >= 1e-4 else f"{value:.2g}"


def rounded(value: float) -> str:
    """Return a number to three digits that matter."""
    return number(float(f"{value:.3g}"))


def share(value: float) -> str:
    """Return a share as per cent."""
    percent = value * 100
    if 0 < percent < 0.1:
        return f"{percent:.2g} %"
    return f"{percent:.1f} %" if percent < 99.95 or percent == 100 else f"{percent:.3g} %"


def moment(seconds: float) -> str:
    """Return seconds since 1970 as a date, with the time where there is one."""
    try:
        when = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return number(seconds)
    return f"{when:%Y-%m-%d}" if seconds % 86_400 == 0 else f"{when:%Y-%m-%d %H:%M}"


def value_of(kind: Kind, value: float) -> str:
    """Return a value of a column as text."""
    return moment(value) if kind == "datetime" else number(value)


def p_text(p_value: float) -> str:
    """Return a p-value as text: ``p = 0.012``, ``p < 0.0001``."""
    if p_value < 0.0001:
        return "p < 0.0001"
    return f"p = {p_value:.2g}" if p_value < 0.9995 else "p = 1"


def evidence(p_corrected: float, alpha: float) -> str:
    """Return how sure a corrected p-value makes one."""
    if p_corrected > alpha:
        return "no evidence"
    return (
        "overwhelming evidence"
        if p_corrected < 1e-6
        else (
            "very strong evidence"
            if p_corrected < 1e-3
            else ("strong evidence" if p_corrected < 1e-2 else "some evidence")
        )
    )


def against(reference: Summary, current: Summary) -> str:
    """Return how many rows were compared."""
    return f"{reference.rows:,} reference against {current.rows:,} current rows"


def number_change(kind: Kind, reference: Summary, current: Summary, where: float | None) -> str:
    """Say how numbers changed: higher or lower, wider or narrower, or where their shape did."""
    old, new = reference.figures, current.figures
    spread = old["std"]
    noun = {"datetime": "dates", "text": "texts"}.get(kind, "values")
    words = {"datetime": ("later", "earlier"), "text": ("longer", "shorter")}
    up, down = words.get(kind, ("higher", "lower"))
    key = "median" if abs(new["median"] - old["median"]) >= 0.1 * spread else "mean"
    shift = new[key] - old[key]
    if spread == 0 and shift:
        return (
            f"{noun} are {up if shift > 0 else down}, from {value_of(kind, old[key])} alone "
            f"to a {key} of {value_of(kind, new[key])}"
        )
    if spread and abs(shift) >= 0.1 * spread:
        return (
            f"{noun} are {up if shift > 0 else down}: the {key} went from "
            f"{value_of(kind, old[key])} to {value_of(kind, new[key])} "
            f"({abs(shift) / spread:.2g} standard deviations)"
        )
    if spread and not 0.9 <= new["std"] / spread <= 1.1:
        wider = "more" if new["std"] > spread else "less"
        return (
            f"{noun} spread {wider} widely: {new['std'] / spread:.2g} times the standard deviation"
        )
    at = f", most around {value_of(kind, where)}" if where is not None else ""
    return f"the shape of the distribution changed{at}"


def category_change(reference: Summary, current: Summary) -> str:
    """Name the categories whose share moved most."""
    moved = sorted(
        zip(reference.named, reference.shares, current.shares, strict=False),
        key=lambda item: -abs(item[2] - item[1]),
    )
    if set(reference.labels) == {"false", "true"}:
        moved = [item for item in moved if item[0] == "true"]  # the other is its complement
    parts = [
        f"{label!r} {'rose' if new > old else 'fell'} from {share(old)} to {share(new)}"
        for label, old, new in moved[:2]
        if new != old
    ]
    return " and ".join(parts) or "the shares of its categories moved"


def missing_change(reference: Summary, current: Summary) -> str:
    """Say how the share of missing values moved."""
    old, new = reference.missing / reference.rows, current.missing / current.rows
    return f"missing values {'rose' if new > old else 'fell'} from {share(old)} to {share(new)}"


def new_categories(labels: Sequence[str], rows_share: float) -> str:
    """Name the categories that the reference does not have."""
    shown = ", ".join(repr(label) for label in labels[:3])
    more = f" and {len(labels) - 3:,} more" if len(labels) > 3 else ""
    noun = "category" if len(labels) == 1 else "categories"
    holds = "holds" if len(labels) == 1 else "hold"
    return f"new {noun} {shown}{more} {holds} {share(rows_share)} of the current rows"
