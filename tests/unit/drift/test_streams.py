"""Stream detectors: changes at known points found in time, false alarms within the stated rate."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from tauro.drift import (
    ADWIN,
    DDM,
    EDDM,
    HDDMA,
    HDDMW,
    KSWIN,
    DriftDetector,
    PageHinkley,
    StreamDetector,
    create_stream_detector,
)
from tauro.errors import DriftInputError, DriftOptionError

Values = NDArray[np.float64]

ERRORS: list[type[StreamDetector]] = [DDM, EDDM, HDDMA, HDDMW]
NUMBERS: list[type[StreamDetector]] = [ADWIN, PageHinkley, KSWIN]
ALL = [*ERRORS, *NUMBERS]
FALSE_ALARMS_PER_MILLION = {
    ADWIN: 1,
    DDM: 5,
    EDDM: 20,
    HDDMA: 2,
    HDDMW: 8,
    PageHinkley: 2,
    KSWIN: 10,
}
"""As the docstrings say, rounded up."""
DELAY = {ADWIN: 200, DDM: 1800, EDDM: 900, HDDMA: 400, HDDMW: 250, PageHinkley: 100, KSWIN: 120}


def stationary(cls: type[StreamDetector], length: int, seed: int) -> Values:
    rng = np.random.default_rng(seed)
    if cls in ERRORS:
        return (rng.random(length) < 0.2).astype(np.float64)
    return rng.normal(size=length)


def changed(cls: type[StreamDetector], seed: int) -> Values:
    """Return 5,000 values, then 3,000 of errors at 50 %, or a standard deviation higher."""
    rng = np.random.default_rng(1000 + seed)
    after = (rng.random(3000) < 0.5) if cls in ERRORS else rng.normal(1, 1, size=3000)
    return np.concatenate([stationary(cls, 5000, seed), after.astype(np.float64)])


@pytest.mark.parametrize("cls", ALL)
def test_a_change_is_found_within_the_stated_delay(cls: type[StreamDetector]) -> None:
    for seed in range(6):
        detector = cls()
        detector.update(changed(cls, seed))
        found = [point - 5000 for point in detector.drift_points if point >= 5000]
        assert found, seed
        assert found[0] <= DELAY[cls], seed


def false_alarms(cls: type[StreamDetector], streams: int) -> int:
    alarms = 0
    for seed in range(streams):
        detector = cls()
        detector.update(stationary(cls, 100_000, 500 + seed))
        alarms += len(detector.drift_points)
    return alarms


def most_alarms(cls: type[StreamDetector], streams: int) -> int:
    # EDDM's alarms come in bunches; Poisson limits of a doubled rate leave room for that.
    rate = FALSE_ALARMS_PER_MILLION[cls] * (2 if cls is EDDM else 1)
    return int(stats.poisson.ppf(0.9999, rate * streams / 10))


@pytest.mark.parametrize("cls", ALL)
def test_false_alarms_on_a_stationary_stream_are_within_the_stated_rate(
    cls: type[StreamDetector],
) -> None:
    assert false_alarms(cls, 1) <= most_alarms(cls, 1)


@pytest.mark.statistics
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("cls", ALL)
def test_false_alarms_on_many_stationary_streams(cls: type[StreamDetector]) -> None:
    assert false_alarms(cls, 40) <= most_alarms(cls, 40)


@pytest.mark.parametrize("cls", ALL)
def test_one_by_one_and_in_arrays_are_the_same(cls: type[StreamDetector]) -> None:
    values = changed(cls, 3)
    whole, single, parts = cls(), cls(), cls()
    assert whole.update(values)
    found = [index for index, value in enumerate(values.tolist()) if single.update(value)]
    for part in np.array_split(values, 13):
        parts.update(part)
    assert whole.drift_points == single.drift_points == parts.drift_points == found
    assert whole.seen == single.seen == len(values)


@pytest.mark.parametrize("cls", ALL)
def test_a_pickled_detector_goes_on_where_it_was(cls: type[StreamDetector]) -> None:
    values = changed(cls, 2)
    whole, first = cls(), cls()
    whole.update(values)
    first.update(values[:4321])
    second = pickle.loads(pickle.dumps(first))
    second.update(values[4321:])
    assert second.drift_points == whole.drift_points


@pytest.mark.parametrize("cls", ALL)
def test_reset_forgets_all_and_keeps_the_options(cls: type[StreamDetector]) -> None:
    detector = cls()
    detector.update(changed(cls, 1))
    detector.reset()
    assert (detector.seen, detector.drift_points, detector.drift_detected) == (0, [], False)
    fresh = cls()
    detector.update(changed(cls, 1))
    fresh.update(changed(cls, 1))
    assert detector.drift_points == fresh.drift_points
    assert vars(detector).keys() == vars(fresh).keys()


@pytest.mark.parametrize("cls", ALL)
def test_a_constant_stream_never_drifts(cls: type[StreamDetector]) -> None:
    for value in (0.0, 1.0):
        detector = cls()
        assert not detector.update(np.full(5000, value))


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("bad", [math.nan, math.inf, "x", None])
def test_bad_values_are_refused(cls: type[StreamDetector], bad: Any) -> None:
    with pytest.raises(DriftInputError):
        cls().update(bad)


@pytest.mark.parametrize("cls", ERRORS)
def test_errors_must_be_zero_or_one(cls: type[StreamDetector]) -> None:
    with pytest.raises(DriftInputError, match="2"):
        cls().update([0, 1, 2])
    assert not cls().update([True, False])


@pytest.mark.parametrize("cls", [DDM, EDDM, HDDMA, HDDMW])
def test_a_warning_comes_before_drift(cls: type[StreamDetector]) -> None:
    detector = cls()
    warned = None
    for index, value in enumerate(changed(cls, 4).tolist()):
        if index >= 5000 and warned is None and detector.warning_detected:
            warned = index
        if detector.update(value) and index >= 5000:
            break
    assert warned is not None
    assert warned < detector.drift_points[-1]


@pytest.mark.parametrize("cls", [HDDMA, HDDMW])
def test_two_sided_detectors_find_improvement(cls: Any) -> None:
    rng = np.random.default_rng(0)
    better = np.concatenate([rng.random(4000) < 0.5, rng.random(2000) < 0.1]).astype(np.float64)
    one_sided = cls()
    one_sided.update(better)
    assert all(point < 4000 for point in one_sided.drift_points)
    assert cls(two_sided=True).update(better)


def test_page_hinkley_watches_its_direction_on_any_scale() -> None:
    rng = np.random.default_rng(1)
    up = np.concatenate([rng.normal(size=2000), rng.normal(1, 1, size=500)])
    for scale, offset in [(1, 0), (1e-6, 5), (1e6, -1e7)]:
        assert PageHinkley(direction="up").update(up * scale + offset)
        assert not PageHinkley(direction="down").update(up * scale + offset)
        assert PageHinkley(direction="down").update(-up * scale + offset)


def test_adwin_keeps_what_is_alike_and_drops_what_is_not() -> None:
    rng = np.random.default_rng(2)
    detector = ADWIN()
    detector.update(rng.normal(size=20_000))
    assert detector.width == 20_000
    assert detector.mean == pytest.approx(0, abs=0.05)
    detector.update(rng.normal(3, 1, size=2000))
    assert detector.width < 2100
    assert detector.mean == pytest.approx(3, abs=0.1)
    assert sum(len(runs) for runs in detector._runs) < 120


def test_adwin_knows_its_sums_exactly() -> None:
    values = np.random.default_rng(3).normal(size=777)
    detector = ADWIN(delta=1e-9)
    detector.update(values)
    assert detector.mean == pytest.approx(values.mean())
    counts = [2**size for size, runs in enumerate(detector._runs) for _ in runs]
    assert sum(counts) == 777


def test_kswin_sees_a_change_of_spread_that_leaves_the_mean() -> None:
    rng = np.random.default_rng(4)
    wider = np.concatenate([rng.normal(size=2000), rng.normal(0, 4, size=400)])
    detector = KSWIN()
    assert detector.update(wider)
    assert 2000 <= detector.drift_points[0] < 2150


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (ADWIN, {"delta": 0}),
        (ADWIN, {"delta": 1}),
        (ADWIN, {"clock": 0}),
        (DDM, {"drift_level": -1}),
        (DDM, {"warm_up": 0}),
        (EDDM, {"drift_level": 1.0}),
        (HDDMA, {"drift_confidence": 2}),
        (HDDMW, {"weight": 1}),
        (PageHinkley, {"direction": "sideways"}),
        (PageHinkley, {"threshold": True}),
        (KSWIN, {"newest": 300}),
        (KSWIN, {"alpha": "small"}),
    ],
)
def test_bad_options_are_refused(cls: Any, options: dict[str, Any]) -> None:
    with pytest.raises(DriftOptionError, match=next(iter(options))):
        cls(**options)


def test_detectors_are_made_by_name() -> None:
    assert isinstance(create_stream_detector("hddm_a", two_sided=True), HDDMA)
    with pytest.raises(DriftOptionError, match="Did you mean 'adwin'"):
        create_stream_detector("adwinn")
    with pytest.raises(DriftOptionError, match="does not take these options"):
        create_stream_detector("ddm", delta=1)


def test_concept_drift_is_told_from_errors_or_from_labels() -> None:
    values = changed(DDM, 1)
    report = DriftDetector("t").detect_concept_drift(values)
    assert report["drift_detected"]
    assert 5000 <= report["drift_points"][0] < 5400
    assert report["error_rates"][0] == pytest.approx(0.2, abs=0.03)
    assert report.summary.startswith("The errors changed: noticed at prediction 5,")
    assert report.to_dict()["tenant_id"] == "t"
    truth = ["yes"] * len(values)
    guess = np.where(values == 1, "no", "yes")
    same = DriftDetector().detect_concept_drift(y_true=truth, y_pred=guess)
    assert same.drift_points == report.drift_points
    still = DriftDetector().detect_concept_drift(values[:5000], method="hddm_a", two_sided=True)
    assert not still.drift_detected
    assert str(still).startswith("No change of the errors in 5,000 predictions; mean error 0.2")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"y_true": [1]},
        {"y_true": [1, 2], "y_pred": [1]},
        {"errors": []},
        {"errors": ["a"]},
        {"errors": ...},
        {"errors": [1], "y_true": [1], "y_pred": [1]},
    ],
)
def test_concept_drift_needs_errors(given: dict[str, Any]) -> None:
    with pytest.raises(DriftInputError):
        DriftDetector().detect_concept_drift(**given)
