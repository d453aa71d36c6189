"""Model drift: metrics that became worse."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from tauro._internal._close import did_you_mean
from tauro._internal._shown import short_repr
from tauro.drift._models import ModelDriftReport
from tauro.drift._options import check_threshold
from tauro.drift._words import number, share
from tauro.errors import DriftInputError, DriftOptionError

Direction: TypeAlias = Literal["higher", "lower"]

_LOWER: Final = re.compile(
    r"""(loss|logloss|err|error|mae|mse|rmse|msle|rmsle|mape|smape|wape|wmape|mase|medae|nrmse|
    rmspe|mspe|crps|aic|bic|nll|brier|deviance|perplexity|entropy|crossentropy|hinge|hamming|
    misclassification|residual|bias|regret|rss|sse|false|miss|fpr|fnr|fdr|far|frr|eer|wer|cer|ece|mce|latency|duration|time|failure|timeout|cost|distance|
    divergence|kl|violation|drift)s?""",
    re.VERBOSE,
)
"""Words whose rise is a fall of quality; any other metric is better when higher."""


def direction_of(metric: str) -> Direction:
    """Return whether a metric is better ``higher`` or ``lower``, by the words of its name.

    ``neg_mean_squared_error`` and its kin of scikit-learn are negated, so higher is better.
    """
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", metric)]
    negated = words[:1] in (["neg"], ["negative"])
    lower = any(_LOWER.fullmatch(word) for word in words)
    lower = lower or "".join(words).endswith(("loss", "error"))
    return "lower" if lower and not negated else "higher"


def compare_metrics(
    reference: Any,
    current: Any,
    threshold: float,
    *,
    directions: Mapping[str, Direction] | None = None,
    tenant_id: str | None = None,
) -> ModelDriftReport:
    """Compare two sets of metrics; the change for the worse is relative to the reference.

    Raises:
        DriftInputError: Not mappings of names to finite numbers, or without a common metric.
        DriftOptionError: A threshold or direction that is none.
    """
    limit = check_threshold(threshold, upper=math.inf)
    old = _metrics(reference, "reference_metrics")
    new = _metrics(current, "current_metrics")
    given = _directions(directions, old)
    absent = [name for name in old if name not in new]
    if absent:
        raise DriftInputError(
            f"current_metrics lack {', '.join(map(repr, absent))}, which reference_metrics have.",
            suggestions=did_you_mean(absent[0], new) or ["Give the same metrics for both."],
        )
    ways = {name: given.get(name) or direction_of(name) for name in old}
    degradation = {name: _worse(old[name], new[name], ways[name]) for name in old}
    degraded = sorted(
        (name for name, worse in degradation.items() if worse > limit and not _close(worse, limit)),
        key=lambda name: -degradation[name],
    )
    return ModelDriftReport(
        drift_detected=bool(degraded),
        degradation=degradation,
        threshold=limit,
        degraded_metrics=tuple(degraded),
        directions=ways,
        reference_metrics=old,
        current_metrics={name: new[name] for name in old},
        summary=_summary(degraded, old, new, degradation, limit),
        tenant_id=tenant_id,
    )


def _directions(given: Any, metrics: Mapping[str, float]) -> dict[str, Direction]:
    if not isinstance(given or {}, Mapping):
        raise DriftOptionError(
            f"directions is {given!r}; a mapping of metrics to 'higher' or 'lower' is needed."
        )
    for name, way in dict(given or {}).items():
        if way not in ("higher", "lower"):
            raise DriftOptionError(
                f"The direction of {name!r} is {way!r}; 'higher' or 'lower' is needed."
            )
        if name not in metrics:
            raise DriftOptionError(
                f"A direction is given of {name!r}, which is none of the metrics.",
                suggestions=did_you_mean(str(name), metrics),
            )
    return dict(given or {})


def _close(value: float, limit: float) -> bool:
    # 0.9 to 0.81 is a fall of 10 %, which a limit of 10 % allows, whatever binary rounding says.
    return math.isclose(value, limit, rel_tol=1e-9)


def _worse(old: float, new: float, way: Direction) -> float:
    change = old - new if way == "higher" else new - old
    if change == 0:
        return 0.0
    return change / abs(old) if old else math.copysign(math.inf, change)


def _metrics(metrics: Any, name: str) -> dict[str, float]:
    if not isinstance(metrics, Mapping):
        raise DriftInputError(
            f"{name} is {short_repr(metrics)}; a mapping of metric names to numbers is needed.",
            suggestions=["For example {'accuracy': 0.95, 'f1': 0.93}."],
        )
    if not metrics:
        raise DriftInputError(f"{name} is empty; at least one metric is needed.")
    result = {}
    for key, value in metrics.items():
        try:
            number_ = math.nan if isinstance(value, (bool, str)) else float(value)
        except (TypeError, ValueError, OverflowError):
            number_ = math.nan
        if not math.isfinite(number_):
            raise DriftInputError(
                f"{name}[{key!r}] is {short_repr(value)}; a finite number is needed.",
                suggestions=["Leave out metrics that could not be computed."],
            )
        result[str(key)] = number_
    return result


def _summary(
    degraded: list[str],
    old: Mapping[str, float],
    new: Mapping[str, float],
    degradation: Mapping[str, float],
    limit: float,
) -> str:
    if not degraded:
        return f"No metric of {len(old):,} became worse by more than {share(limit)}."
    worst = [
        f"{name} from {number(old[name])} to {number(new[name])} "
        f"({share(degradation[name]) if math.isfinite(degradation[name]) else 'from zero'} worse)"
        for name in degraded[:3]
    ]
    more = f" and {len(degraded) - 3:,} more" if degraded[3:] else ""
    return f"Worse by more than {share(limit)}: {', '.join(worst)}{more}."
