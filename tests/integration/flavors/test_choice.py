"""Which flavor takes a model, and what finding out imports."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tauro.flavors import flavor_of


@pytest.mark.parametrize(
    ("package", "make"),
    [
        ("xgboost", lambda m: m.XGBClassifier()),
        ("lightgbm", lambda m: m.LGBMClassifier()),
        ("catboost", lambda m: m.CatBoostClassifier()),
        ("torch", lambda m: m.nn.Linear(1, 1)),
    ],
)
@pytest.mark.frameworks
@pytest.mark.filterwarnings("default")
def test_the_most_specific_framework_takes_a_model(package: str, make: Any) -> None:
    module = pytest.importorskip(package, reason=f"{package} is not installed")
    assert flavor_of(make(module)).name == package


def test_finding_a_flavor_imports_no_framework() -> None:
    code = (
        "import sys, tauro.flavors as f, tauro.flavors._registry as r\n"
        "[f.get_flavor(name) for name in r.FLAVORS]\n"
        "print([m for m in ('sklearn','torch','xgboost','lightgbm','catboost','keras','onnx',"
        "'onnxruntime','statsmodels','skops','pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
