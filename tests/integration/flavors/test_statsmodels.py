"""statsmodels, which only pickles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.integration.flavors._common import ROWS, X, Y

from tauro.errors import FlavorError, UntrustedModelError
from tauro.flavors import load_model, save_model

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("default"),  # the framework's own warnings are not ours
]
formulas = pytest.importorskip("statsmodels.formula.api", reason="statsmodels is not installed")


def test_results_need_permission_and_come_back(tmp_path: Path) -> None:
    results = formulas.ols("y ~ a + b", X.assign(y=Y)).fit()
    spec = save_model(results, tmp_path / "m", input_example=X)
    assert "pickle" in spec.runs_code
    with pytest.raises(UntrustedModelError, match="pickle"):
        load_model(tmp_path / "m")
    loaded = load_model(tmp_path / "m", allow_pickle=True)
    np.testing.assert_allclose(loaded.predict(ROWS), results.predict(X))


def test_what_is_not_fitted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FlavorError, match="is not fitted"):
        save_model(formulas.ols("y ~ a", X.assign(y=Y)), tmp_path / "m")
