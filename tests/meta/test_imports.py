"""What importing costs: shape claims, in fresh processes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
    "fastapi",
    "starlette",
    "uvicorn",
    "sqlalchemy",
    "rich",
    "psutil",
    "onnxruntime",
    "matplotlib",
    "polars",
    "torch",
    "yaml",
    "httpx",
}


def modules_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has after running code."""
    script = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def heavy(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules} & HEAVY


def test_import_tauro_imports_nothing_heavy() -> None:
    """The package is there, and nothing else is."""
    assert heavy(modules_after("import tauro")) == set()


def test_the_facade_imports_nothing_before_a_name_is_used() -> None:
    """``tauro.mlops`` is a table of names."""
    assert heavy(modules_after("import tauro.mlops, tauro.errors, tauro.types")) == set()


def test_help_imports_no_command() -> None:
    """``tauro --help`` reads a table; no command's module is loaded."""
    code = (
        "import io, contextlib\n"
        "from tauro.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    try: main(['--help'])\n"
        "    except SystemExit: pass\n"
    )
    modules = modules_after(code)
    assert heavy(modules) == set()
    loaded = {name for name in modules if name.startswith("tauro.cli.")}
    own = {f"tauro.cli._{name}" for name in ("group", "main", "options", "output")}
    assert loaded == own


@pytest.mark.parametrize("package", ["events", "concurrency", "validation", "config", "pipeline"])
def test_lower_layers_are_light(package: str) -> None:
    """Packages that every pipeline loads bring no data library."""
    assert heavy(modules_after(f"import tauro.{package}")) <= {"yaml", "psutil"}


def test_every_public_name_loads() -> None:
    """Each name of the two facades is there and comes from the package that owns it."""
    code = (
        "import tauro, tauro.mlops\n"
        "for module in (tauro, tauro.mlops):\n"
        "    for name in module.__all__:\n"
        "        assert getattr(module, name) is not None, name\n"
        "        assert name in dir(module), name\n"
    )
    assert "tauro.tracking" in modules_after(code)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A lazy module answers as every module does."""
    code = (
        "import tauro\ntry: tauro.nothing\nexcept AttributeError as e: assert 'nothing' in str(e)"
    )
    modules_after(code)
