"""Files to records: read, settle spellings, merge layers, interpolate, read, cross-check."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tauro.config._check import check_references
from tauro.config._datasets import read_dataset
from tauro.config._interpolate import Interpolator
from tauro.config._merge import drop_markers
from tauro.config._mlops import EMPTY, SETTING_KEYS, Level, read_nested
from tauro.config._nodes import read_node, read_pipeline
from tauro.config._read import SUFFIXES, find_file
from tauro.config._records import DatasetConfig, NodeConfig, PipelineConfig
from tauro.config._section import records, text_of
from tauro.config._sections import (
    PARTS,
    Part,
    canonical_part,
    load_file,
    load_tree,
    merge_layers,
    warn_of_mirror,
    warn_of_near_misses,
)
from tauro.config._source import Entry, Map, Mark, Problems, SourceFile, from_plain
from tauro.config._spellings import canonical_mlops
from tauro.errors import ConfigError, ConfigProblem

_ML_INFO = Part("ml_info", "ml_info_path", (), False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a layer of a part comes from: a file, or a mapping."""

    path: str | None = None
    value: Mapping[str, Any] | None = None
    mark: Mark | None = None


@dataclass(slots=True, kw_only=True)
class Assembled:
    """All that a context is made of."""

    env: str
    root: str
    trees: dict[str, Map]
    pipelines: dict[str, PipelineConfig] = field(default_factory=dict)
    nodes: dict[str, NodeConfig] = field(default_factory=dict)
    inputs: dict[str, DatasetConfig] = field(default_factory=dict)
    outputs: dict[str, DatasetConfig] = field(default_factory=dict)
    ml_info: Level = EMPTY
    global_level: Level = EMPTY
    warnings: list[ConfigProblem] = field(default_factory=list)


def assemble(
    sources: Mapping[str, list[Source]],
    ml_info: Source | None,
    described_ml_info: list[Source],
    *,
    env: str,
    root: str,
) -> Assembled:
    """Return the records of an environment.

    Args:
        sources: For each part its layers, weakest first.
        ml_info: Given as an argument; takes the place of every other.
        described_ml_info: The descriptor's ``ml_info_path``, by layer.
        env: Name of the environment.
        root: The project's folder.

    Raises:
        ConfigError: Anything is wrong; all of it is named.
    """
    problems, warnings = Problems(), Problems()
    layers = {
        part.name: [_load(source, part, problems, warnings) for source in sources[part.name]]
        or [Map(Mark(SourceFile(part.name)))]
        for part in PARTS
    }
    trees = {name: merge_layers(found) for name, found in layers.items()}
    settings = trees["global_settings"]
    trees["ml_info"] = _ml_info_tree(
        [ml_info] if ml_info is not None else described_ml_info,
        settings,
        sources["global_settings"],
        root,
        problems,
    )
    literal = {
        name for name, found in layers.items() if all(one.mark.source.is_literal for one in found)
    }
    resolved = _resolved(trees, literal, {"env": env, "project_root": root}, problems)
    made = Assembled(env=env, root=root, trees=resolved)
    _read_records(made, problems)
    warn_of_near_misses(resolved["global_settings"], warnings)
    warn_of_mirror(resolved["global_settings"], warnings)
    warn_of_mirror(resolved["ml_info"], warnings)
    check_references(made.pipelines, made.nodes, resolved, problems)
    if problems.found:
        raise ConfigError.from_problems(problems.in_order(), what=f"the configuration of {env!r}")
    made.warnings = warnings.found
    return made


def _resolved(
    trees: Mapping[str, Map], literal: set[str], builtins: Mapping[str, str], problems: Problems
) -> dict[str, Map]:
    """Return the parts without marks and references; those that have none are left as they are."""
    clean = {
        name: tree if name in literal else _as_map(drop_markers(tree, problems))
        for name, tree in trees.items()
    }
    interpolator = Interpolator(os.environ, clean["global_settings"], builtins, problems)
    return {
        name: tree if name in literal else interpolator.resolve_part(tree)
        for name, tree in clean.items()
    }


def _as_map(node: Any) -> Map:
    return node if isinstance(node, Map) else Map(node.mark)


def _load(source: Source, part: Part, problems: Problems, warnings: Problems) -> Map:
    if source.path is not None:
        return load_file(source.path, part, source.mark, problems, warnings)
    tree = from_plain(source.value or {}, part.name, problems)
    return canonical_part(_as_map(tree), part, problems)


def _read_records(made: Assembled, problems: Problems) -> None:
    def reader(read: Any) -> Any:
        return lambda name, node, entry: read(name, node, entry, problems)

    def part(name: str, what: str, read: Any) -> Any:
        problems.partial = name in problems.unread
        found = records(trees[name], what, problems, reader(read))
        problems.partial = False
        return found

    trees = made.trees
    made.pipelines = part("pipelines", "pipeline", read_pipeline)
    made.nodes = part("nodes", "node", read_node)
    made.inputs = part("inputs", "dataset", read_dataset)
    made.outputs = part("outputs", "dataset", read_dataset)
    for name, level in (("global_settings", "global"), ("ml_info", "ml_info")):
        entry = trees[name].entries.get("mlops")
        nodes = [entry.node] if entry is not None else []
        settings = read_nested(nodes, level, name.replace("global_", "the global "), problems)
        if name == "ml_info":
            made.ml_info = settings
        else:
            made.global_level = settings


def _ml_info_tree(
    given: list[Source],
    settings: Map,
    settings_sources: list[Source],
    root: str,
    problems: Problems,
) -> Map:
    """Return ``ml_info``: given, else the descriptor's, else in the settings, else beside them."""
    layers: list[Map] = []
    entry = settings.entries.get("ml_info")
    if given:
        layers = [_load_ml_info(source, problems) for source in given]
    elif entry is not None and isinstance(entry.node, Map):
        layers = [_canonical_ml_info(entry.node, problems)]
    elif entry is not None and (path := text_of(entry.node)):
        located = os.path.join(root, path)
        layers = [_load_ml_info(Source(path=located, mark=entry.node.mark), problems)]
    else:
        for source in settings_sources:
            sibling = _sibling(source)
            if sibling is not None:
                layers.append(_load_ml_info(Source(path=sibling), problems))
    return merge_layers(layers) if layers else Map(Mark(SourceFile("ml_info")))


def _sibling(source: Source) -> str | None:
    if source.path is None:
        return None
    folder = os.path.dirname(find_file(source.path) or source.path)
    paths = (os.path.join(folder, f"ml_info{suffix}") for suffix in SUFFIXES)
    return next((path for path in paths if os.path.isfile(path)), None)


def _load_ml_info(source: Source, problems: Problems) -> Map:
    if source.path is not None:
        tree = load_tree(source.path, _ML_INFO, source.mark, problems, problems)
    else:
        tree = _as_map(from_plain(source.value or {}, "ml_info", problems))
    return _canonical_ml_info(tree, problems)


def _canonical_ml_info(tree: Map, problems: Problems) -> Map:
    """Return ``ml_info`` with its settings below ``mlops``, in canonical keys."""
    entry = tree.entries.get("mlops")
    if entry is not None and isinstance(entry.node, Map):
        node = canonical_mlops(entry.node, problems)
        return Map(tree.mark, {**tree.entries, "mlops": Entry("mlops", entry.mark, node)})
    if entry is None and tree.entries:
        flat = canonical_mlops(tree, problems)
        known = {key.partition(".")[0] for key in SETTING_KEYS}
        if all(key in known for key in flat.entries):
            return Map(tree.mark, {"mlops": Entry("mlops", tree.mark, flat)})
    return tree
