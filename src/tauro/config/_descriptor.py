"""The descriptor: which files make which environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tauro._internal._close import did_you_mean
from tauro.config._interpolate import Interpolator
from tauro.config._read import read_tree
from tauro.config._section import Section
from tauro.config._source import Map, Mark, Problems, SourceFile, make_problem
from tauro.errors import ConfigError
from tauro.types import StrPath

PATH_KEYS: Final = (
    "global_settings_path",
    "pipelines_config_path",
    "nodes_config_path",
    "input_config_path",
    "output_config_path",
    "ml_info_path",
)
BASE: Final = "base"
DESCRIPTORS: Final = ("settings_json.json", "settings_json.yaml", "settings_json.yml")
ALIASES: Final[Mapping[str, str]] = {
    "development": "dev",
    "production": "prod",
    "stage": "staging",
    "stg": "staging",
}
_NAME = re.compile(r"[A-Za-z][\w.-]*")
_SANDBOX: Final = "sandbox"


def canonical_env(name: str) -> str:
    """Return the one name of an environment: ``development`` is ``dev``."""
    return ALIASES.get(name.lower(), name)


@dataclass(frozen=True, slots=True)
class Layer:
    """The files that one environment of the descriptor names.

    Attributes:
        name: The environment.
        paths: Key of the descriptor to absolute path.
        marks: Key of the descriptor to where the path is written.
    """

    name: str
    paths: Mapping[str, str]
    marks: Mapping[str, Mark]


class EnvironmentPaths(Mapping[str, str]):
    """The files of one environment, every layer of it, weakest first.

    As a mapping it holds, for each key of the descriptor, the path of the strongest layer.
    """

    __slots__ = ("env", "layers", "root")

    def __init__(self, env: str, root: str, layers: tuple[Layer, ...]) -> None:
        self.env = env
        self.root = root
        self.layers = layers

    def __getitem__(self, key: str) -> str:
        for layer in reversed(self.layers):
            if key in layer.paths:
                return layer.paths[key]
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(key for key in PATH_KEYS if any(key in layer.paths for layer in self.layers))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        layers = " < ".join(layer.name for layer in self.layers)
        return f"EnvironmentPaths(env={self.env!r}, layers='{layers}')"


class AppConfigManager:
    """A project's descriptor.

    Args:
        descriptor_path: The descriptor, or the folder it lies in; by default the working directory.

    Raises:
        ConfigError: There is no descriptor, or it has mistakes; all of them are named.
    """

    def __init__(self, descriptor_path: StrPath = ".") -> None:
        self.descriptor_path = Path(_find_descriptor(os.fspath(descriptor_path)))
        self.root = self.descriptor_path.parent
        problems = Problems()
        self._layers, self._mark = _read(str(self.descriptor_path), problems)
        if problems.found:
            raise ConfigError.from_problems(problems.in_order(), what="the descriptor")

    def list_environments(self) -> list[str]:
        """Return the environments that the descriptor names, in its order, ``base`` left out."""
        return [name for name in self._layers if name != BASE]

    def get_env_config(self, env: str = BASE) -> EnvironmentPaths:
        """Return the files of an environment: those of ``base`` and its own.

        ``development`` is ``dev`` and ``production`` is ``prod``. ``sandbox_<name>`` needs no
        entry: it lies over ``sandbox``, or over ``dev`` where there is no ``sandbox``.

        Raises:
            ConfigError: The descriptor does not name the environment.
        """
        name = canonical_env(env)
        chain = [BASE]
        if name.startswith(f"{_SANDBOX}_"):
            chain += [_SANDBOX] if _SANDBOX in self._layers else ["dev"]
        elif name not in self._layers and name != BASE:
            self._unknown(env)
        if name != BASE:
            chain.append(name)
        layers = tuple(self._layers[one] for one in chain if one in self._layers)
        return EnvironmentPaths(name, str(self.root), layers)

    def _unknown(self, env: str) -> None:
        names = self.list_environments()
        listed = ", ".join(names) or "none"
        hints = [
            *did_you_mean(env, [*names, *ALIASES]),
            f"Environments: {listed}; and sandbox_<name>.",
        ]
        problem = make_problem(f"no environment {env!r} here", self._mark, hints)
        raise ConfigError.from_problems([problem], what="the descriptor")


def _find_descriptor(path: str) -> str:
    full = os.path.abspath(os.path.expanduser(path))
    if os.path.isdir(full):
        for name in DESCRIPTORS:
            if os.path.isfile(os.path.join(full, name)):
                return os.path.join(full, name)
        wanted = f"no descriptor in {path}: looked for {', '.join(DESCRIPTORS)}"
    elif os.path.isfile(full):
        return full
    else:
        wanted = f"the descriptor {path} is not there"
    hints = ["Run the command in the project's folder.", "Make a project: tauro new NAME"]
    raise ConfigError.from_problems([make_problem(wanted, None, hints)], what="the descriptor")


def _read(path: str, problems: Problems) -> tuple[dict[str, Layer], Mark]:
    """Return the layers, and where the environments are listed."""
    tree = read_tree(path, problems)
    resolved = Interpolator(os.environ, None, {}, problems).resolve(tree) if tree else None
    if not isinstance(resolved, Map):
        return {}, Mark(SourceFile(path))
    section = Section(resolved, "the descriptor", problems)
    folder = os.path.join(os.path.dirname(path), section.text("base_path") or ".")
    shared = section.text("ml_info_path")
    environments = section.mapping("env_config")
    if environments is None and section.node_of("env_config") is None:
        section.missing("env_config")
    section.close()
    layers: dict[str, Layer] = {}
    for name, entry in (environments.entries if environments is not None else {}).items():
        own = Section(Map(entry.mark), "", problems)
        if isinstance(entry.node, Map):
            own = Section(entry.node, f"environment {name!r}", problems)
        else:
            hints = [f"Give it {PATH_KEYS[0]!r} and the others."]
            problems.add(f"environment {name!r} must be a mapping of paths", entry.node.mark, hints)
        env = canonical_env(name)
        if env in layers:
            hints = ["'development' is 'dev' and 'production' is 'prod'; merge the two."]
            problems.add(f"the environment {name!r} is here twice", entry.mark, hints)
        if not _NAME.fullmatch(name):
            hints = ["Use letters, digits, '-' and '_', a letter first."]
            problems.add(f"{name!r} is not a name for an environment", entry.mark, hints)
        layers[env] = _layer(env, own, folder)
    if shared and BASE in layers:
        layers[BASE] = _with_ml_info(layers[BASE], shared, folder, resolved)
    where = resolved.entries.get("env_config")
    return layers, where.mark if where is not None else resolved.mark


def _layer(env: str, section: Section, folder: str) -> Layer:
    paths: dict[str, str] = {}
    marks: dict[str, Mark] = {}
    for key in PATH_KEYS:
        text = section.text(key)
        if text:
            paths[key] = os.path.normpath(os.path.join(folder, os.path.expanduser(text)))
            marks[key] = section.node.entries[key].node.mark
    section.close()
    return Layer(env, paths, marks)


def _with_ml_info(layer: Layer, path: str, folder: str, tree: Map) -> Layer:
    key = "ml_info_path"
    located = os.path.normpath(os.path.join(folder, path))
    mark = tree.entries[key].node.mark
    return Layer(layer.name, {key: located, **layer.paths}, {key: mark, **layer.marks})
