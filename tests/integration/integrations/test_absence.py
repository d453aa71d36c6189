"""An integration whose framework is not installed says so; the package itself needs none."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from tauro.errors import MissingExtraError

FRAMEWORKS = {
    "keras": "keras",
    "lightgbm": "lightgbm",
    "lightning": "lightning",
    "optuna": "optuna",
    "sklearn": "'tauro[mlops]'",
    "xgboost": "xgboost",
}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_what_to_install_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in list(sys.modules):
        if module.startswith((f"{name}.", f"tauro.integrations.{name}")):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError) as caught:
        import_module(f"tauro.integrations.{name}")
    assert f"tauro.integrations.{name} needs the package '{name}" in caught.value.message
    assert list(caught.value.suggestions) == [f"Install it: pip install {FRAMEWORKS[name]}"]


def test_the_package_imports_no_framework() -> None:
    names = ", ".join(repr(name) for name in FRAMEWORKS)
    code = (
        "import sys, tauro.integrations\n"
        f"loaded = {{name.partition('.')[0] for name in sys.modules}}\n"
        f"assert loaded.isdisjoint({{{names}, 'numpy'}}), loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
