"""Which packages a model was saved with, and how today's differ."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import warnings
from collections.abc import Iterable

from tauro.flavors._models import Environment


class ModelEnvironmentWarning(UserWarning):
    """A model is loaded with other packages than it was saved with."""


@functools.lru_cache(maxsize=512)
def installed_version(package: str) -> str | None:
    """Return the installed version of a distribution, None when it is not there."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def capture_environment(packages: Iterable[str]) -> Environment:
    """Return the present Python and the versions of those packages that are installed."""
    found = {name: installed_version(name) for name in packages}
    return Environment(
        python=platform.python_version(),
        packages={name: version for name, version in sorted(found.items()) if version},
    )


def environment_differences(saved: Environment) -> list[str]:
    """Return a line for each difference that can matter: another minor version, or none at all."""
    lines = []
    if saved.python and _minor(saved.python) != _minor(platform.python_version()):
        lines.append(f"Python {saved.python} -> {platform.python_version()}")
    for name, version in saved.packages.items():
        present = installed_version(name)
        if present is None:
            lines.append(f"{name} {version} -> not installed")
        elif _minor(present) != _minor(version):
            lines.append(f"{name} {version} -> {present}")
    return lines


def warn_of_differences(saved: Environment, what: str) -> None:
    """Warn once, in one message, when today's packages are not those of the time of saving."""
    lines = environment_differences(saved)
    if not lines:
        return
    wanted = " ".join(
        f"'{name}=={version}'"
        for name, version in saved.packages.items()
        if _minor(installed_version(name) or "") != _minor(version)
    )
    remedy = f" To have them as they were: pip install {wanted}" if wanted else ""
    warnings.warn(
        f"{what} was saved with other versions (then -> now): {'; '.join(lines)}. "
        f"It may fail or predict differently.{remedy}",
        ModelEnvironmentWarning,
        stacklevel=4,
    )


def _minor(version: str) -> tuple[str, ...]:
    return tuple(version.split(".")[:2])
