"""The decision over all tests of a report, and each feature's verdict in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tauro.drift import _words
from tauro.drift._compare import Asked, Compared
from tauro.drift._decide import correct
from tauro.drift._models import Check, FeatureDrift, MultivariateDrift, Status
from tauro.drift._options import DriftOptions


def decide(
    compared: Sequence[Compared], alpha: float, options: DriftOptions, *, families: int = 1
) -> dict[str, FeatureDrift]:
    """Correct the p-values of all tests together, apply the gates, and put the result in words."""
    p_values = [asked.outcome.p_value for column in compared for asked in column.asked]
    corrected = iter(correct(p_values, options.correction, families))
    features = {}
    for column in compared:
        checks = tuple(_check(asked, next(corrected), alpha, options) for asked in column.asked)
        features[column.name] = _feature(column, checks, alpha, options)
    return features


def _check(asked: Asked, corrected: float, alpha: float, options: DriftOptions) -> Check:
    outcome = asked.outcome
    gate = options.min_effect(asked.test)
    return Check(
        name=asked.name,
        test=asked.test,
        statistic=outcome.statistic,
        p_value=outcome.p_value,
        p_corrected=corrected,
        effect=outcome.effect,
        min_effect=gate,
        method=outcome.method,
        drift_detected=corrected <= alpha and outcome.effect >= gate,
    )


def _feature(
    column: Compared, checks: tuple[Check, ...], alpha: float, options: DriftOptions
) -> FeatureDrift:
    status = _status(column, checks, alpha, options)
    telling = _telling(checks, status)
    change = "; ".join(_change(column, check) for check in telling)
    return FeatureDrift(
        name=column.name,
        kind=column.kind,
        status=status,
        verdict=_verdict(column, checks, status, change, alpha),
        change=change,
        drift_detected=status == "drift",
        p_value=min((check.p_corrected for check in checks), default=1.0),
        checks=checks,
        reference=column.reference,
        current=column.current,
    )


def _status(
    column: Compared, checks: Sequence[Check], alpha: float, options: DriftOptions
) -> Status:
    if any(check.drift_detected for check in checks):
        return "drift"
    if any(check.p_corrected <= alpha for check in checks):
        return "negligible"
    fewest = min(column.reference.present, column.current.present)
    return "too_few_rows" if fewest < options.min_rows else "stable"


def _telling(checks: Sequence[Check], status: Status) -> list[Check]:
    """Return the checks whose change is worth a word, the surest first."""
    if status == "drift":
        found = [check for check in checks if check.drift_detected]
        return sorted(found, key=lambda check: check.p_corrected)
    if status == "negligible":
        return [min(checks, key=lambda check: check.p_corrected)]
    return []


def _verdict(
    column: Compared, checks: Sequence[Check], status: Status, change: str, alpha: float
) -> str:
    rows = _words.against(column.reference, column.current)
    telling = _telling(checks, status)
    if status == "drift":
        numbers = "; ".join(_figures(check) for check in telling)
        sure = _words.evidence(telling[0].p_corrected, alpha)
        return f"Drift: {change}. {numbers}; {sure} from {rows}."
    tail = f"{'; '.join(_figures(check) for check in checks)}; {rows}."
    if status == "negligible":
        return (
            f"Too small to count: {change}, which is significant but "
            f"below the limit of {_words.number(telling[0].min_effect)}. {tail}"
        )
    if status == "too_few_rows":
        unseen = _smallest_visible(column, alpha)
        return (
            "Too few rows to say: nothing was seen, but a change of the distribution below "
            f"{_words.number(round(unseen, 2))} (of 1) would go unnoticed. {tail}"
        )
    return f"No drift. {tail}"


def _smallest_visible(column: Compared, alpha: float) -> float:
    """Return the Kolmogorov-Smirnov distance that these sizes would just find significant."""
    n, m = column.reference.present, column.current.present
    if not n or not m:
        return 1.0
    return min(1.0, math.sqrt(-math.log(alpha / 2) / 2) * math.sqrt((n + m) / (n * m)))


def _change(column: Compared, check: Check) -> str:
    if check.name == "missing":
        return _words.missing_change(column.reference, column.current)
    if check.name == "new_categories":
        return _words.new_categories(column.unseen, check.effect)
    if column.kind in {"boolean", "categorical"}:
        return _words.category_change(column.reference, column.current)
    where = next(a.outcome.where for a in column.asked if a.name == check.name)
    return _words.number_change(column.kind, column.reference, column.current, where)


def _figures(check: Check) -> str:
    name = _words.TEST_NAMES.get(check.test, check.test)
    name = name[0].upper() + name[1:]
    return f"{name} {_words.rounded(check.effect)} ({_words.p_text(check.p_corrected)})"


def summarise(
    features: Sequence[FeatureDrift], together: Sequence[MultivariateDrift], alpha: float
) -> str:
    """Return the outcome of a report in a sentence or two."""
    drifted = [feature.name for feature in features if feature.status == "drift"]
    few = sum(feature.status == "too_few_rows" for feature in features)
    noun = "feature" if len(features) == 1 else "features"
    if drifted:
        shown = ", ".join(drifted[:5]) + (f" and {len(drifted) - 5:,} more" if drifted[5:] else "")
        text = f"Drift in {len(drifted):,} of {len(features):,} {noun}: {shown}."
    else:
        text = f"No drift in {len(features):,} {noun} at alpha {_words.number(alpha)}."
    apart = [test.test for test in together if test.drift_detected]
    if apart:
        text += f" All columns together drifted ({', '.join(apart)})."
    small = sum(feature.status == "negligible" for feature in features)
    if small:
        text += f" {small:,} changed too little to count."
    if few:
        text += f" {few:,} {'has' if few == 1 else 'have'} too few rows to say."
    return text
