"""Optional third parties and names of higher layers, loaded by string.

There is no import statement for either below its own package; a table maps a name to
``"module:attribute"`` and this helper loads it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from tauro.errors import MissingExtraError


def load(target: str, *, extra: str | None = None, purpose: str = "") -> Any:
    """Import ``"module:attribute"`` (or ``"module"``) and return it.

    Args:
        target: What to load.
        extra: The extra of Tauro that brings it; named in the error.
        purpose: What it is needed for, for the error: "serving a model".

    Raises:
        MissingExtraError: The third party is not installed.
    """
    module_name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        package = error.name or module_name
        if package.partition(".")[0] == "tauro":
            raise
        raise missing(package, extra=extra, purpose=purpose or module_name) from error
    return getattr(module, attribute) if attribute else module


def missing(package: str, *, extra: str | None, purpose: str) -> MissingExtraError:
    """Return the error that names a package which is not installed, and what brings it."""
    wanted = f"'tauro[{extra}]'" if extra else package.partition(".")[0]
    return MissingExtraError(
        f"{purpose} needs the package {package!r}, which is not installed.",
        context={"package": package, "extra": extra},
        suggestions=[f"Install it: pip install {wanted}"],
    )


def lazy_attributes(
    module_name: str, table: Mapping[str, str], namespace: dict[str, Any]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a module whose names load on first use (PEP 562).

    Args:
        module_name: The module that gets them, for its AttributeError.
        table: Public name to ``"module:attribute"``.
        namespace: The module's ``globals()``, where a loaded name is kept.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807 - handed to the module under this name
        target = table.get(name)
        if target is None:
            raise AttributeError(f"module {module_name!r} has no attribute {name!r}")
        value = load(target)
        namespace[name] = value
        return value

    def __dir__() -> list[str]:  # noqa: N807
        return sorted({*namespace, *table})

    return __getattr__, __dir__
