"""A project's environment as one frozen object."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from tauro._internal._close import did_you_mean
from tauro.config._assemble import Assembled, Source, assemble
from tauro.config._descriptor import BASE, PATH_KEYS, EnvironmentPaths, Layer, canonical_env
from tauro.config._mlops import EMPTY, Level, merge_levels
from tauro.config._mlops_models import MLOpsSettings
from tauro.config._records import DatasetConfig, NodeConfig, PipelineConfig, Settings
from tauro.config._sections import PARTS
from tauro.config._source import Entry, Map, Mark, Node, Seq, SourceFile, to_plain
from tauro.errors import ConfigError, ConfigProblem, SourceLocation
from tauro.types import StrPath

Given: TypeAlias = StrPath | Mapping[str, Any] | None
_log = logging.getLogger("tauro.config")


class Context:
    """Everything the files of one environment say.

    Args:
        global_settings: A file or a mapping; this and each of the others may be left out.
        pipelines_config: Pipelines by name.
        nodes_config: Nodes by name.
        input_config: Datasets that nodes read.
        output_config: Datasets that nodes write.
        env: Name of the environment.
        ml_info: A file or a mapping of MLOps settings between the pipelines' and the global ones.
        root: Where relative paths start; by default the working directory.

    Raises:
        ConfigError: The files have mistakes; all of them are named, with file, line and column.
    """

    def __init__(
        self,
        global_settings: Given = None,
        pipelines_config: Given = None,
        nodes_config: Given = None,
        input_config: Given = None,
        output_config: Given = None,
        *,
        env: str = BASE,
        ml_info: Given = None,
        root: StrPath | None = None,
    ) -> None:
        given = (global_settings, pipelines_config, nodes_config, input_config, output_config)
        folder = os.path.abspath(os.fspath(root) if root is not None else os.curdir)
        sources = {
            part.name: [] if value is None else [_source(value, folder)]
            for part, value in zip(PARTS, given, strict=True)
        }
        explicit = None if ml_info is None else _source(ml_info, folder)
        self._fill(assemble(sources, explicit, [], env=canonical_env(env), root=folder))

    @classmethod
    def _from_layers(
        cls, env: str, root: str, layers: tuple[Layer, ...], ml_info: Given
    ) -> Context:
        sources = {
            part.name: [
                Source(path=layer.paths[part.key], mark=layer.marks.get(part.key))
                for layer in layers
                if part.key in layer.paths
            ]
            for part in PARTS
        }
        described = [
            Source(path=layer.paths["ml_info_path"], mark=layer.marks.get("ml_info_path"))
            for layer in layers
            if "ml_info_path" in layer.paths
        ]
        context = cls.__new__(cls)
        explicit = None if ml_info is None else _source(ml_info, root)
        context._fill(assemble(sources, explicit, described, env=env, root=root))
        return context

    def _fill(self, made: Assembled) -> None:
        self._made = made
        self.env = made.env
        self.root = Path(made.root)
        self.global_settings: Mapping[str, Any] = Settings(to_plain(made.trees["global_settings"]))
        self.ml_info: Mapping[str, Any] = Settings(to_plain(made.trees["ml_info"]))
        self.pipelines: Mapping[str, PipelineConfig] = MappingProxyType(made.pipelines)
        self.nodes: Mapping[str, NodeConfig] = MappingProxyType(made.nodes)
        self.inputs: Mapping[str, DatasetConfig] = MappingProxyType(made.inputs)
        self.outputs: Mapping[str, DatasetConfig] = MappingProxyType(made.outputs)
        self.warnings: tuple[ConfigProblem, ...] = tuple(made.warnings)
        self.mlops: MLOpsSettings = merge_levels([made.ml_info, made.global_level], made.root)

    def __repr__(self) -> str:
        counts = ", ".join(
            f"{len(getattr(self, name))} {name}"
            for name in ("pipelines", "nodes", "inputs", "outputs")
        )
        return f"Context(env={self.env!r}, root={str(self.root)!r}, {counts})"

    def mlops_for(self, pipeline: str | None = None, node: str | None = None) -> MLOpsSettings:
        """Return the MLOps settings of a node in a pipeline, with the level that set each.

        Raises:
            ConfigError: There is no such pipeline or node.
        """
        return merge_levels(self.levels_for(pipeline, node), self._made.root)

    def levels_for(self, pipeline: str | None = None, node: str | None = None) -> list[Level]:
        """Return what node, pipeline, ml_info and global settings set, strongest first.

        Raises:
            ConfigError: There is no such pipeline or node.
        """
        own = _named(self.nodes, node, "node").ml_settings if node is not None else EMPTY
        shared = EMPTY
        if pipeline is not None:
            shared = _named(self.pipelines, pipeline, "pipeline").ml_settings
        return [own, shared, self._made.ml_info, self._made.global_level]

    def origin(self, path: str) -> SourceLocation:
        """Return where a value is written, by a path such as ``nodes.train.function``.

        Raises:
            ConfigError: Nothing is written there.
        """
        return self.tree(path).mark.location

    def tree(self, path: str = "") -> Node:
        """Return the merged values at a path, each with its place; an empty path is everything.

        Raises:
            ConfigError: Nothing is written there.
        """
        trees = self._made.trees
        if not path:
            mark = Mark(SourceFile(self.env))
            return Map(mark, {name: Entry(name, mark, tree) for name, tree in trees.items()})
        head, _, rest = path.partition(".")
        if head not in trees:
            raise _unknown(f"There is no part {head!r} of the configuration.", head, trees)
        node, known = _walk(trees[head], rest)
        if node is None:
            last = rest.rpartition(".")[2]
            raise _unknown(f"Nothing is configured at {path!r}.", last, known)
        return node


@dataclass(frozen=True, slots=True)
class ContextLoader:
    """Loads contexts; it holds nothing, so one may be kept or made as needed."""

    def load_from_paths(
        self, paths: Mapping[str, str], env: str | None = None, *, ml_info: Given = None
    ) -> Context:
        """Return the context of an environment.

        Args:
            paths: What :meth:`AppConfigManager.get_env_config` returned, every layer of which is
                merged; or a mapping of the descriptor's keys to paths.
            env: Name of the environment.
            ml_info: A file or mapping that takes the place of the descriptor's.

        Raises:
            ConfigError: The files have mistakes; all of them are named.
        """
        if isinstance(paths, EnvironmentPaths):
            name = canonical_env(env) if env is not None else paths.env
            context = Context._from_layers(name, paths.root, paths.layers, ml_info)
        else:
            wrong = [key for key in paths if key not in PATH_KEYS]
            if wrong:
                raise _unknown(
                    f"{wrong[0]!r} is not a path that an environment has.", wrong[0], PATH_KEYS
                )
            root = os.path.abspath(os.curdir)
            given = {key: os.path.join(root, os.fspath(path)) for key, path in paths.items()}
            name = canonical_env(env) if env is not None else BASE
            context = Context._from_layers(name, root, (Layer(name, given, {}),), ml_info)
        for warning in context.warnings:
            text = ". ".join([warning.message, *warning.suggestions])
            _log.warning("%s: %s", warning.location, text)
        return context


def _source(value: StrPath | Mapping[str, Any], root: str) -> Source:
    if isinstance(value, Mapping):
        return Source(value=value)
    return Source(path=os.path.join(root, os.path.expanduser(os.fspath(value))))


def _named(records: Mapping[str, Any], name: str, what: str) -> Any:
    found = records.get(name)
    if found is None:
        raise _unknown(f"There is no {what} {name!r}.", name, records)
    return found


def _unknown(message: str, name: str, known: Any) -> ConfigError:
    names = list(known)
    listed = [f"There is: {', '.join(names)}."] if names else []
    return ConfigError(message, suggestions=did_you_mean(name, names) or listed)


def _walk(node: Node, path: str) -> tuple[Node | None, list[str]]:
    """Follow a dotted path; where it ends, return the names there. Names may hold dots."""
    if not path:
        return node, []
    if isinstance(node, Seq):
        head, _, rest = path.partition(".")
        inside = head.isdecimal() and int(head) < len(node.items)
        return _walk(node.items[int(head)], rest) if inside else (None, [])
    if not isinstance(node, Map):
        return None, []
    for key, entry in node.entries.items():
        if path == key or path.startswith(f"{key}."):
            found, known = _walk(entry.node, path[len(key) + 1 :])
            if found is not None or known:
                return found, known
    return None, list(node.entries)
