"""The detector: what users call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, Final, Literal

from tauro._internal._close import did_you_mean
from tauro.drift._announce import Alert, announce, check_alerts
from tauro.drift._compare import columns_to_compare, compare
from tauro.drift._concept import watch_errors
from tauro.drift._decide import Correction
from tauro.drift._model_drift import Direction, compare_metrics
from tauro.drift._models import (
    ConceptDriftReport,
    DataDriftReport,
    DriftReport,
    ModelDriftReport,
    MultivariateDrift,
    rank,
)
from tauro.drift._options import DriftOptions, check_threshold, make_options
from tauro.drift._samples import Kind
from tauro.drift._tables import open_table
from tauro.drift._together import chosen_tests, compare_together
from tauro.drift._verdict import decide, summarise
from tauro.errors import DriftInputError, DriftOptionError

DETECTORS: Final = "tauro.drift.detectors"
"""Entry point group in which a package offers detectors of its own."""


class DriftDetector:
    """Tell whether data, or a model's metrics, changed.

    Each column is compared by a test that keeps its promised rate of false alarms at every sample
    size; the p-values are corrected for their number, and a change must also be large enough to
    count. Missing values and new categories are tested too. Subclass it to add checks of your own.

    Args:
        tenant_id: Noted in the reports.
        numeric_test: Test of numbers, dates and text lengths.
        categorical_test: Test of categories and booleans.
        correction: For the number of tests: ``benjamini-hochberg``, ``bonferroni`` or ``none``.
        min_effect: The smallest change that counts: one number for the tests of distributions, or a
            mapping of tests to numbers. What is left out keeps its default, such as 0.05 for the
            Kolmogorov-Smirnov distance.
        kinds: Column to ``numeric``, ``datetime``, ``boolean``, ``categorical`` or ``text``, where
            its type does not say it: a code written as a number, for example.
        infinite: ``error`` refuses infinite values, ``missing`` counts them as missing.
        min_rows: With fewer rows on a side and nothing found, a verdict says so.
        seed: Of the permutations; the same data then give the same report.
        workers: Threads; one a core by default.
        on_drift: Called with each report that found drift, after the event ``drift.detected``.

    Raises:
        DriftOptionError: An option is unknown or out of its range.
    """

    def __init__(
        self,
        tenant_id: str | None = None,
        *,
        numeric_test: str = "ks",
        categorical_test: str = "chi_square",
        correction: Correction = "benjamini-hochberg",
        min_effect: float | Mapping[str, float] | None = None,
        kinds: Mapping[str, Kind] | None = None,
        infinite: Literal["error", "missing"] = "error",
        min_rows: int = 30,
        seed: int = 0,
        workers: int | None = None,
        on_drift: Alert | Sequence[Alert] = (),
    ) -> None:
        self.alerts: tuple[Alert, ...] = check_alerts(on_drift)
        self.tenant_id = tenant_id
        self.options: DriftOptions = make_options(
            min_effect,
            numeric_test=numeric_test,
            categorical_test=categorical_test,
            correction=correction,
            kinds=kinds or {},
            infinite=infinite,
            min_rows=min_rows,
            seed=seed,
            workers=workers,
        )

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(tenant_id={self.tenant_id!r}, "
            f"numeric_test={self.options.numeric_test!r}, "
            f"categorical_test={self.options.categorical_test!r}, "
            f"correction={self.options.correction!r})"
        )

    def detect_data_drift(
        self,
        reference_data: Any = None,
        current_data: Any = None,
        threshold: float = 0.05,
        *,
        columns: Sequence[str] | None = None,
        multivariate: bool | str | Sequence[str] = False,
    ) -> DataDriftReport:
        """Compare two data sets column by column, and on request all columns together.

        Args:
            reference_data: What the model was trained on: a pandas, polars or Arrow table, a numpy
                array, a mapping of names to columns, or the path of a Parquet or CSV file, or of a
                folder of Parquet files.
            current_data: What it sees now, in any of these forms.
            threshold: Alpha: the chance of a false alarm where nothing drifted.
            columns: Compare these only.
            multivariate: True, or some of ``classifier``, ``mmd`` and ``pca``: tests on all columns
                together, against shifts that no single column shows. They share alpha with the
                tests of the columns.

        Raises:
            DriftInputError: The data cannot be compared; a class for each reason.
            DriftOptionError: The threshold is no chance.
        """
        alpha = check_threshold(threshold)
        reference = open_table(reference_data, "reference", self.options.rules)
        current = open_table(current_data, "current", self.options.rules)
        names = columns_to_compare(reference, current, columns)
        tests = chosen_tests(multivariate)
        families = 2 if tests else 1
        compared = compare(reference, current, names, self.options)
        features = decide(compared, alpha, self.options, families=families)
        together: tuple[MultivariateDrift, ...] = ()
        if tests:
            together = compare_together(
                reference,
                current,
                names,
                tests,
                alpha=alpha,
                families=families,
                options=self.options,
            )
        drifted = tuple(
            feature.name for feature in rank(features.values()) if feature.drift_detected
        )
        report = DataDriftReport(
            drift_detected=bool(drifted) or any(test.drift_detected for test in together),
            p_value=min(
                [one.p_value for one in features.values()] + [one.p_value for one in together]
            ),
            threshold=alpha,
            correction=self.options.correction,
            summary=summarise(rank(features.values()), together, alpha),
            drifted_features=drifted,
            reference_rows=reference.rows,
            current_rows=current.rows,
            features=features,
            multivariate=together,
            tenant_id=self.tenant_id,
        )
        announce(report, self.alerts)
        return report

    def detect_model_drift(
        self,
        reference_metrics: Mapping[str, float] | None = None,
        current_metrics: Mapping[str, float] | None = None,
        threshold: float = 0.1,
        *,
        directions: Mapping[str, Direction] | None = None,
    ) -> ModelDriftReport:
        """Compare two sets of metrics.

        Only a change for the worse counts: a fall of a metric that is better when higher, a rise
        of a loss or error.

        Args:
            reference_metrics: Metric to value, as measured when the model was accepted.
            current_metrics: The same metrics now.
            threshold: The change, relative to the reference, above which a metric has drifted.
            directions: Metric to ``higher`` or ``lower`` (which is better), where its name does
                not say.

        Raises:
            DriftInputError: Not the same metrics, or not finite numbers.
            DriftOptionError: A threshold or direction that is none.
        """
        report = compare_metrics(
            reference_metrics,
            current_metrics,
            threshold,
            directions=directions,
            tenant_id=self.tenant_id,
        )
        announce(report, self.alerts)
        return report

    def detect_concept_drift(
        self,
        errors: Any = None,
        *,
        y_true: Any = None,
        y_pred: Any = None,
        method: str = "adwin",
        **options: Any,
    ) -> ConceptDriftReport:
        """Tell whether what a model gets wrong changed along a stream of predictions.

        Args:
            errors: The error of each prediction, in the order they were made: 0 or 1, or, for
                methods that take any number, losses.
            y_true: The labels that came, in place of errors,
            y_pred: with the predictions: those that differ are errors.
            method: ``adwin``, ``ddm``, ``eddm``, ``hddm_a``, ``hddm_w``, ``page_hinkley`` or
                ``kswin``.
            **options: The method's own.

        Raises:
            DriftInputError: No errors, or labels and predictions that do not pair up.
            DriftOptionError: An unknown method.
        """
        report = watch_errors(
            errors, y_true, y_pred, method=method, options=options, tenant_id=self.tenant_id
        )
        announce(report, self.alerts)
        return report

    def check_drift(
        self,
        reference_data: Any = None,
        current_data: Any = None,
        reference_metrics: Mapping[str, float] | None = None,
        current_metrics: Mapping[str, float] | None = None,
        *,
        data_threshold: float = 0.05,
        metric_threshold: float = 0.1,
    ) -> DriftReport:
        """Check data and metrics in one call; either pair may be left out.

        Raises:
            DriftInputError: Nothing to compare, or half of a pair.
        """
        pairs = {
            "reference_data": reference_data,
            "current_data": current_data,
            "reference_metrics": reference_metrics,
            "current_metrics": current_metrics,
        }
        _check_pairs(pairs)
        data = model = None
        if reference_data is not None:
            data = self.detect_data_drift(
                reference_data=reference_data, current_data=current_data, threshold=data_threshold
            )
        if reference_metrics is not None and current_metrics is not None:
            model = self.detect_model_drift(
                reference_metrics=reference_metrics,
                current_metrics=current_metrics,
                threshold=metric_threshold,
            )
        parts = [part for part in (data, model) if part is not None]
        return DriftReport(
            drift_detected=any(part.drift_detected for part in parts),
            data_drift=data,
            model_drift=model,
            summary=" ".join(part.summary for part in parts),
            tenant_id=self.tenant_id,
        )


def _check_pairs(given: Mapping[str, Any]) -> None:
    for what in ("data", "metrics"):
        halves = [f"reference_{what}", f"current_{what}"]
        present = [name for name in halves if given[name] is not None]
        if len(present) == 1:
            (absent,) = set(halves) - set(present)
            raise DriftInputError(
                f"check_drift was given {present[0]} without {absent}.",
                suggestions=[f"Give {absent} too, or neither."],
            )
    if all(value is None for value in given.values()):
        raise DriftInputError(
            "check_drift was given nothing to compare.",
            suggestions=[
                "Give reference_data and current_data, the two metrics mappings, or all four."
            ],
        )


def create_drift_detector(
    tenant_id: str | None = None, *, detector: str | None = None, **options: Any
) -> DriftDetector:
    """Return a detector.

    Args:
        tenant_id: Noted in its reports.
        detector: Name of a custom detector that a package offers in the entry point group
            ``tauro.drift.detectors``: a subclass of :class:`DriftDetector`.
        **options: Those of the detector's class.

    Raises:
        DriftOptionError: No package offers this detector, or an option is wrong.
    """
    if detector is None:
        return DriftDetector(tenant_id, **options)
    offered = {point.name: point for point in entry_points(group=DETECTORS)}
    if detector not in offered:
        raise DriftOptionError(
            f"No installed package offers the drift detector {detector!r}.",
            suggestions=did_you_mean(detector, offered)
            or [f"Offer it in the entry point group {DETECTORS!r}."],
        )
    made: DriftDetector = offered[detector].load()(tenant_id, **options)
    return made
