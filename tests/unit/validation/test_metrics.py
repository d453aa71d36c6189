"""Values and steps of metrics."""

from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tauro.errors import TrackingValidationError, ValidationError
from tauro.validation import validate_metric_step, validate_metric_value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, 0.5),
        (3, 3.0),
        (-(2**62), -(2.0**62)),
        (math.inf, math.inf),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.float16(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.int64(3), 3.0),
        (np.uint8(3), 3.0),
        (np.array(0.5), 0.5),
        (np.array([[0.5]]), 0.5),
        (pd.Series([0.5]), 0.5),
    ],
)
def test_numbers_become_floats(value: object, expected: float) -> None:
    result = validate_metric_value(value)
    assert type(result) is float
    assert result == expected


@pytest.mark.parametrize("value", [math.nan, np.float32("nan")])
def test_nan_is_a_value(value: object) -> None:
    assert math.isnan(validate_metric_value(value))


@pytest.mark.parametrize(
    "wrong",
    [
        True,
        np.True_,
        "0.5",
        np.str_("0.5"),
        None,
        pd.NA,
        1j,
        np.complex128(1),
        [0.5],
        {},
        b"1",
        np.array([1.0, 2.0]),
        np.array([]),
        np.array(["a"]),
        np.datetime64("2024-01-01"),
        np.timedelta64(1, "s"),
        pd.Series([1.0, 2.0]),
        10**400,
        pytest.param(10**5000, id="too long to write"),
        object(),
    ],
    ids=lambda value: "object()" if type(value) is object else repr(value),
)
def test_what_is_no_number_is_refused(wrong: object) -> None:
    with pytest.raises(TrackingValidationError) as caught:
        validate_metric_value(wrong, key="loss", error=TrackingValidationError)
    assert "'loss'" in caught.value.message
    assert caught.value.suggestions


def test_a_tensor_of_one_element_is_a_number() -> None:
    class Tensor:
        dtype = "torch.float32"

        def __init__(self, *values: float) -> None:
            self.values = values
            self.shape = (len(values),)

        def item(self) -> float:
            if len(self.values) != 1:
                raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")
            return self.values[0]

    assert validate_metric_value(Tensor(0.5)) == 0.5
    with pytest.raises(ValidationError, match=r"shape \(2,\).*one number"):
        validate_metric_value(Tensor(0.5, 0.6))


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0), (-3, -3), (np.int32(7), 7), (2**63 - 1, 2**63 - 1)]
)
def test_steps_are_whole_numbers(step: object, expected: int) -> None:
    result = validate_metric_step(step)
    assert type(result) is int
    assert result == expected


@pytest.mark.parametrize(
    "wrong",
    [1.0, "1", True, None, 2**63, -(2**63) - 1, pytest.param(10**5000, id="long"), np.float64(1)],
)
def test_what_is_no_step_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="'loss' got the step"):
        validate_metric_step(wrong, key="loss")


def test_numpy_is_not_imported() -> None:
    """An ETL process that never made a numpy number does not pay for the check."""
    code = (
        "import sys; from tauro.validation import validate_metric_value as v;"
        "v(1); v(0.5); print('numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240
    )
    assert done.stdout.strip() == "False"
