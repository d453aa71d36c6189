"""Older import paths, which reach the same objects as the present ones.

``tauro.core.…`` and ``tauro.cli.config`` are there always. ``engine.mlops`` and ``src.core.…`` are
there after :func:`enable`, or for a whole script by ``python -m tauro.compat script.py``.

An older module is an object of its own that looks its names up where they live now; no code of
Tauro's is run a second time under another name. The finder comes last on ``sys.meta_path`` and so
answers only for what is nowhere else: a package of one's own called ``src`` or ``engine`` goes
before, and modules that it gets later are found too.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final

if __name__ == "__main__":
    # ``python -m`` made this module under that name; importing it by its own must not run it again.
    sys.modules["tauro.compat"] = sys.modules["__main__"]
    sys.modules["tauro"].__dict__["compat"] = sys.modules["__main__"]


def _only(module: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{module}:{name}" for name in names)


_MLFLOW: Final = _only("tauro.mlops", "MLflowPipelineTracker", "mlflow_track", "MLflowHelper")
_MLOPS: Final[dict[str, tuple[str, ...]]] = {
    "": ("tauro.mlops",),
    ".base": _only(
        "tauro.mlops", "BaseMLOpsComponent", "ComponentState", "ValidationMixin", "PathManager"
    ),
    ".cache": ("tauro.cache", "tauro.storage:CachedStorage"),
    ".concurrency": ("tauro.concurrency",),
    ".config": ("tauro.mlops",),
    ".events": ("tauro.events",),
    ".exceptions": ("tauro.errors",),
    ".experiment_tracking": ("tauro.tracking",),
    ".health": ("tauro.health",),
    ".mlflow": _MLFLOW,
    ".model_registry": ("tauro.registry",),
    ".protocols": _only(
        "tauro.mlops",
        "EventEmitterProtocol",
        "ExperimentTrackerProtocol",
        "LockProtocol",
        "ModelRegistryProtocol",
        "StorageBackendProtocol",
    ),
    ".resilience": ("tauro.resilience",),
    ".storage": ("tauro.storage", "tauro.mlops:DatabricksStorageBackend"),
    ".validators": ("tauro.validation",),
}
_REPLACED: Final[dict[str, tuple[str, ...]]] = {
    ".factory": ("tauro.mlops",),
    ".locking": ("tauro.concurrency",),
    ".mlflow_adapter": _MLFLOW,
    ".mlflow_decorators": _MLFLOW,
    ".mlflow_utils": _MLFLOW,
    ".transaction": ("tauro.concurrency",),
}
_LIFECYCLE: Final = "src.core.machine_learning.mlops"

ALWAYS: Final[dict[str, tuple[str, ...]]] = {
    "tauro.cli.config": ("tauro.config",),
    "tauro.core.config": ("tauro.config",),
    "tauro.core.exec": ("tauro.project", "tauro.mlops"),
    "tauro.core.exec.executor": ("tauro.project",),
    "tauro.core.exec.mlops_auto_config": ("tauro.project", "tauro.mlops", "tauro.pipeline"),
    **{f"tauro.core.mlops{name}": homes for name, homes in _MLOPS.items()},
}
ON_REQUEST: Final[dict[str, tuple[str, ...]]] = {
    "engine": (),
    **{f"engine.mlops{name}": homes for name, homes in {**_MLOPS, **_REPLACED}.items()},
    "src": (),
    "src.core": (),
    "src.core.machine_learning": (),
    _LIFECYCLE: ("tauro.mlops",),
    f"{_LIFECYCLE}.exceptions": ("tauro.errors",),
    f"{_LIFECYCLE}.functions": _only(
        "tauro.mlops",
        "create_drift_detector",
        "create_experiment_tracker",
        "create_mlops_pipeline",
        "create_model_deployment",
        "create_model_monitoring",
        "create_model_versioning",
    ),
    f"{_LIFECYCLE}.mlops_pipeline": _only("tauro.mlops", "MLOpsPipeline", "PipelineStage"),
    "src.core.postgresql_database": (),
    "src.core.postgresql_database.connection": ("tauro.mlops:DatabaseConnection",),
}
"""Older module to the places of its names: a module, or ``module:name``, looked at in order."""


class OlderModule(ModuleType):
    """A module whose names live elsewhere."""

    def __init__(self, name: str, homes: Sequence[str]) -> None:
        super().__init__(name, f"The older path of {', '.join(homes) or 'a package'}.")
        self.__dict__["_homes"] = tuple(homes)

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return [each for each in _names(self) if hasattr(self, each)]
        if not name.startswith("__"):
            for home in self.__dict__["_homes"]:
                module, _, only = home.partition(":")
                if only in ("", name):
                    found = getattr(importlib.import_module(module), name, _MISSING)
                    if found is not _MISSING:
                        return found
        raise AttributeError(
            f"module {self.__name__!r} (an older path) has no attribute {name!r}"
            + (f"; its names live in {', '.join(self._homes)}" if self._homes else "")
        )

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_names(self)})


_MISSING: Final = object()


def _names(module: OlderModule) -> list[str]:
    found: list[str] = []
    for home in module.__dict__["_homes"]:
        name, _, only = home.partition(":")
        found += [only] if only else importlib.import_module(name).__all__
    return found


class _UsersPath(list[str]):
    """The folders of the user's own package of an older module's name, looked up when asked."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __iter__(self) -> Iterator[str]:
        parent, _, _ = self._name.rpartition(".")
        where = getattr(sys.modules.get(parent), "__path__", None) if parent else None
        spec = PathFinder.find_spec(self._name, where) if where is not None or not parent else None
        return iter(spec.submodule_search_locations or () if spec is not None else ())


class _Finder:
    """Finds older modules, and makes them; the one entry of this module on ``sys.meta_path``."""

    def __init__(self) -> None:
        self.table = dict(ALWAYS)

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        """Return how to make an older module; None for every other."""
        del path, target
        if fullname not in self.table:
            return None
        spec = ModuleSpec(fullname, self, origin="tauro.compat")  # type: ignore[arg-type]
        if any(name.startswith(f"{fullname}.") for name in self.table):
            spec.submodule_search_locations = _UsersPath(fullname)
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make an older module."""
        return OlderModule(spec.name, self.table[spec.name])

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: an older module has no code."""


_finder = _Finder()
sys.meta_path.append(_finder)


def enable() -> None:
    """Make ``engine.mlops`` and ``src.core.…`` importable in this process."""
    _finder.table.update(ON_REQUEST)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a script, or with ``-m`` a module, that uses older import paths."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_module = given[:1] == ["-m"]
    target = given[1:] if as_module else given
    if not target or target[0] in ("-h", "--help"):
        raise SystemExit("usage: python -m tauro.compat (script.py | -m module) [arguments …]")
    if not as_module and not os.path.exists(target[0]):
        raise SystemExit(f"python -m tauro.compat: there is no file {target[0]!r}")
    import runpy

    enable()
    sys.argv = target
    if as_module:
        sys.path.insert(0, os.getcwd())
        runpy.run_module(target[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(os.path.realpath(target[0])))
        runpy.run_path(target[0], run_name="__main__")


if __name__ == "__main__":
    main()
