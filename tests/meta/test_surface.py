"""The public surface: what may not change by accident."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest

import tauro
import tauro.errors
import tauro.mlops
from tauro.cli._main import COMMANDS
from tauro.errors import ErrorCode, ExitCode, TauroError

PACKAGES = sorted(
    path.parent.name
    for path in Path(inspect.getfile(tauro)).parent.glob("*/__init__.py")
    if path.parent.name not in ("_internal", "core")
)


def error_classes() -> list[type[TauroError]]:
    found = [getattr(tauro.errors, name) for name in tauro.errors.__all__]
    return [each for each in found if inspect.isclass(each) and issubclass(each, TauroError)]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_what_is_public(package: str) -> None:
    """``__all__`` is sorted, without doubles, and every name in it is there."""
    module = import_module(f"tauro.{package}")
    names = list(module.__all__)
    assert names == sorted(set(names), key=names.index)
    for name in names:
        assert hasattr(module, name), f"tauro.{package}.{name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_public_says_what_it_is(package: str) -> None:
    """Every public class and function has a docstring."""
    module = import_module(f"tauro.{package}")
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"tauro.{package}.{name}"


def test_every_error_has_a_code_a_status_and_an_exit_code() -> None:
    """The tree is complete, and its drawing names every class."""
    drawing = inspect.getdoc(tauro.errors) or ""
    for each in error_classes():
        assert isinstance(each.code, ErrorCode)
        assert isinstance(each.exit_code, ExitCode)
        assert 400 <= each.http_status < 600
        assert each.__name__ in drawing, each.__name__


def test_errors_survive_pickling() -> None:
    """They cross process boundaries with message, context and hints."""
    import pickle

    for each in error_classes():
        error = each("what happened", context={"a": 1}, suggestions=["do this"])
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is each
        assert str(again) == str(error) == "what happened\n  do this"
        assert again.context.details == {"a": 1}


def test_every_listed_command_exists() -> None:
    """The table of ``tauro --help`` has no dead lines."""
    for name, (target, line) in COMMANDS.items():
        module, _, attribute = target.partition(":")
        command = getattr(import_module(module), attribute)
        assert command.name == name
        assert line.endswith(".")
        assert command.help
