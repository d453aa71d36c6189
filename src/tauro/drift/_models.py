"""What a check for drift returns: records that are read by attribute or like a mapping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias

from tauro._internal import _fs
from tauro._internal._optional import load
from tauro.drift._decide import Correction
from tauro.drift._plain import plain, to_json_text
from tauro.drift._samples import Kind
from tauro.drift._summary import Summary

if TYPE_CHECKING:
    import pandas as pd

    from tauro.types import StrPath

Status: TypeAlias = Literal["drift", "negligible", "stable", "too_few_rows"]
"""``negligible``: statistically clear, but smaller than the gate. ``too_few_rows``: nothing was
seen, and a large change could have gone unseen."""


class Record(Mapping[str, Any]):
    """A record whose public fields are also its keys."""

    __slots__ = ()
    derived: ClassVar[tuple[str, ...]] = ()
    """Properties that are keys too."""

    def keys_shown(self) -> tuple[str, ...]:
        """Return the names that are keys."""
        own = fields(self)  # type: ignore[arg-type]  # every record is a dataclass
        return (*(field.name for field in own), *self.derived)

    def __getitem__(self, key: str) -> Any:
        if key not in self.keys_shown():
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys_shown())

    def __len__(self) -> int:
        return len(self.keys_shown())

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists, numbers and texts; NaN and infinities become None."""
        result: dict[str, Any] = {key: plain(getattr(self, key)) for key in self.keys_shown()}
        return result

    def to_json(self, path: StrPath | None = None, *, indent: int | None = 2) -> str:
        """Return the record as JSON text, and write it to ``path`` where one is given."""
        text = to_json_text(self.to_dict(), indent=indent)
        if path is not None:
            _fs.replace_file(str(path), text.encode())
        return text


@dataclass(frozen=True, slots=True)
class Check(Record):
    """One test of one column.

    Attributes:
        name: What was asked: ``distribution``, ``missing`` or ``new_categories``.
        test: The test that answered it.
        statistic: The test's own statistic.
        p_value: As the test gave it.
        p_corrected: Corrected for the number of tests in the report.
        effect: How large the change is.
        min_effect: The change below which it does not count.
        method: How the p-value was computed.
        drift_detected: Significant after the correction, and at least as large as the gate.
    """

    name: str
    test: str
    statistic: float
    p_value: float
    p_corrected: float
    effect: float
    min_effect: float
    method: str
    drift_detected: bool

    @property
    def margin(self) -> float:
        """How many times its gate the effect is."""
        return self.effect / (self.min_effect or 1e-9)


@dataclass(frozen=True, slots=True)
class FeatureDrift(Record):
    """What was found in one column.

    Attributes:
        name: The column.
        kind: How it was compared.
        status: The verdict in a word.
        verdict: The verdict in words: how much, in which direction, how sure, out of how many rows.
        change: What changed, in words alone; empty where nothing did.
        drift_detected: Any of its checks found drift.
        p_value: The smallest corrected p-value of its checks.
        checks: Every test made.
        reference: Rows, missing rows and key figures of the reference.
        current: The same of the current data.
    """

    derived: ClassVar[tuple[str, ...]] = ("effect",)

    name: str
    kind: Kind
    status: Status
    verdict: str
    change: str
    drift_detected: bool
    p_value: float
    checks: tuple[Check, ...]
    reference: Summary
    current: Summary

    def check(self, name: str) -> Check | None:
        """Return a check by name, or None where it was not made."""
        return next((check for check in self.checks if check.name == name), None)

    @property
    def deciding(self) -> Check | None:
        """The check that found drift by the widest margin, or came closest."""
        return max(self.checks, key=lambda c: (c.drift_detected, c.margin), default=None)

    @property
    def effect(self) -> float:
        """How large the change is, by the check that decided."""
        return self.deciding.effect if self.deciding else 0.0

    @property
    def min_effect(self) -> float:
        """The gate of the check that decided."""
        return self.deciding.min_effect if self.deciding else 0.0


_ORDER: Final = {"drift": 0, "negligible": 1, "too_few_rows": 2, "stable": 3}


def rank(features: Iterable[FeatureDrift]) -> list[FeatureDrift]:
    """Return features, drifted ones first, the largest effect over its gate first."""
    return sorted(
        features, key=lambda f: (_ORDER[f.status], -(f.deciding.margin if f.deciding else 0.0))
    )


@dataclass(frozen=True, slots=True)
class MultivariateDrift(Record):
    """What a test of all columns together found.

    Attributes:
        test: ``classifier``, ``mmd`` or ``pca``.
        statistic: The test's own statistic: the cross-fitted AUC, the discrepancy, the error ratio.
        p_value: The chance of one at least as extreme where nothing changed.
        effect: How large the change is, on the scale of ``min_effect``.
        min_effect: The change below which it does not count.
        threshold: The alpha it was decided at.
        drift_detected: Significant and at least as large as the gate.
        verdict: The verdict in words.
        features: The columns compared; those that tell the samples apart best come first.
    """

    test: str
    statistic: float
    p_value: float
    effect: float
    min_effect: float
    threshold: float
    drift_detected: bool
    verdict: str
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataDriftReport(Record):
    """The outcome of a comparison of two data sets.

    Attributes:
        drift_detected: Any feature drifted, or a multivariate test says so.
        p_value: The smallest corrected p-value.
        threshold: The alpha of the decision.
        correction: How p-values were corrected for their number.
        summary: The outcome in a sentence or two.
        drifted_features: The features that drifted, worst first.
        reference_rows: Rows of the reference.
        current_rows: Rows of the current data.
        features: Name to what was found, in the order of the reference's columns.
        multivariate: Tests of all columns together, where they were asked for.
        tenant_id: The tenant of the detector.
    """

    drift_detected: bool
    p_value: float
    threshold: float
    correction: Correction
    summary: str
    drifted_features: tuple[str, ...]
    reference_rows: int
    current_rows: int
    features: Mapping[str, FeatureDrift]
    multivariate: tuple[MultivariateDrift, ...] = ()
    tenant_id: str | None = None

    def ranked(self) -> list[FeatureDrift]:
        """Return the features, drifted ones first, the largest effect over its gate first."""
        return rank(self.features.values())

    def to_frame(self) -> pd.DataFrame:
        """Return one row a check as a pandas DataFrame, worst features first."""
        import pandas as pd

        rows = [
            {
                "feature": feature.name,
                "kind": feature.kind,
                "status": feature.status,
                "check": check.name,
                "test": check.test,
                "statistic": check.statistic,
                "p_value": check.p_value,
                "p_corrected": check.p_corrected,
                "effect": check.effect,
                "min_effect": check.min_effect,
                "drift_detected": check.drift_detected,
                "verdict": feature.verdict,
            }
            for feature in self.ranked()
            for check in feature.checks
        ]
        return pd.DataFrame(rows)

    def to_html(self, path: StrPath | None = None) -> str:
        """Return the report as one self-contained HTML page, and write it where a path is given."""
        # By name, because the page is drawn from these records.
        text: str = load("tauro.drift._html:page")(self)
        if path is not None:
            _fs.replace_file(str(path), text.encode())
        return text

    def _repr_html_(self) -> str:
        text: str = load("tauro.drift._html:notebook")(self)
        return text

    def __str__(self) -> str:
        return self.summary


@dataclass(frozen=True, slots=True)
class ModelDriftReport(Record):
    """The outcome of a comparison of two sets of metrics.

    Attributes:
        drift_detected: Any metric became worse by more than the threshold.
        degradation: Metric to its change for the worse, relative to the reference; negative where
            it became better.
        threshold: The relative change that counts.
        degraded_metrics: The metrics that became worse by more than the threshold, worst first.
        directions: Metric to ``higher`` or ``lower``: which is better.
        reference_metrics: As given.
        current_metrics: As given.
        summary: The outcome in a sentence.
        tenant_id: The tenant of the detector.
    """

    drift_detected: bool
    degradation: Mapping[str, float]
    threshold: float
    degraded_metrics: tuple[str, ...]
    directions: Mapping[str, str]
    reference_metrics: Mapping[str, float]
    current_metrics: Mapping[str, float]
    summary: str
    tenant_id: str | None = None

    def __str__(self) -> str:
        return self.summary


@dataclass(frozen=True, slots=True)
class ConceptDriftReport(Record):
    """The outcome of a watch over a stream of errors.

    Attributes:
        drift_detected: The errors changed at some point.
        drift_points: The predictions, counted from 0, at which it was noticed.
        method: The detector that watched.
        seen: Predictions watched.
        error_rates: Mean error of each stretch, cut where drift was noticed.
        summary: The outcome in a sentence.
        tenant_id: The tenant of the detector.
    """

    drift_detected: bool
    drift_points: tuple[int, ...]
    method: str
    seen: int
    error_rates: tuple[float, ...]
    summary: str
    tenant_id: str | None = None

    def __str__(self) -> str:
        return self.summary


@dataclass(frozen=True, slots=True)
class DriftReport(Record):
    """Data drift and model drift of one check.

    Attributes:
        drift_detected: Either found drift.
        data_drift: None where no data were given.
        model_drift: None where no metrics were given.
        summary: The outcome in words.
        tenant_id: The tenant of the detector.
    """

    drift_detected: bool
    data_drift: DataDriftReport | None
    model_drift: ModelDriftReport | None
    summary: str
    tenant_id: str | None = None

    def __str__(self) -> str:
        return self.summary
