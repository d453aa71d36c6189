"""The parts of an environment: each layer's file to one merged tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tauro._internal._close import did_you_mean
from tauro.config import _spellings
from tauro.config._merge import merge
from tauro.config._nodes import canonical_function
from tauro.config._read import find_file, read_tree
from tauro.config._source import Entry, Map, Mark, Problems, Scalar, SourceFile
from tauro.errors import SourceLocation


@dataclass(frozen=True, slots=True)
class Part:
    """One of the files of an environment.

    Attributes:
        name: Attribute of the context.
        key: Key of the descriptor.
        wrappers: Keys under which the file may hold its records.
        optional: Whether a missing file reads as empty, with a warning.
    """

    name: str
    key: str
    wrappers: tuple[str, ...]
    optional: bool


PARTS: Final = (
    Part("global_settings", "global_settings_path", (), True),
    Part("pipelines", "pipelines_config_path", ("pipelines",), False),
    Part("nodes", "nodes_config_path", ("nodes",), False),
    Part("inputs", "input_config_path", ("inputs", "input"), True),
    Part("outputs", "output_config_path", ("outputs", "output"), True),
)
_ML_KEYS: Final = ("ml", "mlops")


def load_file(
    path: str, part: Part, mark: Mark | None, problems: Problems, warnings: Problems
) -> Map:
    """Return a file's tree in canonical form; what is missing is reported and reads as empty."""
    return canonical_part(load_tree(path, part, mark, problems, warnings), part, problems)


def load_tree(
    path: str, part: Part, mark: Mark | None, problems: Problems, warnings: Problems
) -> Map:
    """Return a file's tree as it is written; what is missing is reported and reads as empty."""
    found = find_file(path)
    if found is not None:
        tree = read_tree(found, problems)
        if tree is not None:
            return tree
        problems.unread.add(part.name)
        return Map(Mark(SourceFile(found)))
    shown = SourceLocation(path).display_file
    if part.optional:
        warnings.add(f"{shown} is not there; nothing is read from it", mark, [])
    else:
        hints = ["Write the file, or correct the path."]
        problems.add(f"{shown} is not there", mark, hints)
        problems.unread.add(part.name)
    return Map(Mark(SourceFile(path)))


def canonical_part(tree: Map, part: Part, problems: Problems) -> Map:
    """Return a file's mapping of records, unwrapped, every key in its one spelling."""
    if part.name == "global_settings":
        return _global(tree, problems)
    records = _unwrap(tree, part, problems)
    change = _CHANGES[part.name]
    entries = {}
    for name, entry in records.entries.items():
        node = change(entry.node, problems) if isinstance(entry.node, Map) else entry.node
        entries[name] = Entry(entry.spelled, entry.mark, node)
    return Map(records.mark, entries)


def _unwrap(tree: Map, part: Part, problems: Problems) -> Map:
    for wrapper in part.wrappers:
        entry = tree.entries.get(wrapper)
        if entry is None or not _is_wrapper(entry):
            continue
        for name, other in tree.entries.items():
            if name != wrapper and not name.startswith(("x-", "$")):
                hints = [
                    f"Move it below '{wrapper}:', or name it 'x-...' if it only holds anchors."
                ]
                problems.add(f"the key {name!r} stands beside {wrapper!r}", other.mark, hints)
        if isinstance(entry.node, Map):
            marker = {k: e for k, e in tree.entries.items() if k.startswith("$")}
            return Map(entry.node.mark, {**marker, **entry.node.entries})
        return Map(entry.mark)
    return tree


def _is_wrapper(entry: Entry) -> bool:
    """Tell a wrapper from a record of that name: a wrapper holds mappings only, or nothing."""
    if isinstance(entry.node, Scalar):
        return entry.node.value is None
    return isinstance(entry.node, Map) and all(
        isinstance(e.node, Map)
        or (isinstance(e.node, Scalar) and e.node.value is None)
        or k[:1] == "$"
        for k, e in entry.node.entries.items()
    )


def _node(node: Map, problems: Problems) -> Map:
    settled = _model_parts(_spellings.canonical(node, _spellings.NODE, problems))
    return canonical_function(_levels(settled, problems))


def _model_parts(node: Map) -> Map:
    """Return a node with what its ``ml`` block says of the model in the node itself."""
    block = node.entries.get("ml")
    if block is None or not isinstance(block.node, Map):
        return node
    inner = dict(block.node.entries)
    keys: tuple[str, ...] = ("hyperparams", "metrics")
    moved = {key: inner.pop(key) for key in keys if key in inner}
    ml = Entry(block.spelled, block.mark, Map(block.node.mark, inner))
    return Map(node.mark, {**moved, **node.entries, "ml": ml})


def _pipeline(node: Map, problems: Problems) -> Map:
    return _levels(_spellings.canonical(node, _spellings.PIPELINE, problems), problems)


def _dataset(node: Map, problems: Problems) -> Map:
    return _spellings.canonical(node, _spellings.DATASET, problems)


def _levels(node: Map, problems: Problems) -> Map:
    """Return a record whose MLOps parts are in canonical keys."""
    entries = dict(node.entries)
    for key in _ML_KEYS:
        entries = _canonical_child(entries, key, problems)
    config = entries.get("config")
    if config is not None and isinstance(config.node, Map):
        inner = Map(
            config.node.mark, _canonical_child(dict(config.node.entries), "mlops", problems)
        )
        entries["config"] = Entry(config.spelled, config.mark, inner)
    return Map(node.mark, entries)


def _canonical_child(entries: dict[str, Entry], key: str, problems: Problems) -> dict[str, Entry]:
    entry = entries.get(key)
    if entry is not None and isinstance(entry.node, Map):
        node = _spellings.canonical_mlops(entry.node, problems)
        entries[key] = Entry(entry.spelled, entry.mark, node)
    return entries


def _global(tree: Map, problems: Problems) -> Map:
    """Return the settings with ``mlops_enabled`` and ``mode`` in their places."""
    settled = _spellings.canonical(tree, _spellings.GLOBAL, problems)
    entries = _canonical_child(dict(settled.entries), "mlops", problems)
    for flat, key in (("mlops_enabled", "enabled"), ("execution_mode", "execution_mode")):
        if flat in entries:
            entries = _into_mlops(entries, flat, key, problems)
    return Map(tree.mark, entries)


def _into_mlops(
    entries: dict[str, Entry], flat: str, key: str, problems: Problems
) -> dict[str, Entry]:
    entry = entries[flat]
    given = Map(entry.mark, {key: entry})
    block = entries.get("mlops")
    if block is None or (isinstance(block.node, Scalar) and block.node.value is None):
        entries["mlops"] = Entry("mlops", entry.mark, given)
        return entries
    node = block.node
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        node = Map(node.mark, {"enabled": Entry("enabled", node.mark, node)})
    if isinstance(node, Map):
        # One after the other under the same key, so that different values are noticed.
        both = Map(node.mark, {**node.entries, f" {key}": entry})
        node = _spellings.canonical(both, {f" {key}": key}, problems)
    entries["mlops"] = Entry(block.spelled, block.mark, node)
    return entries


_CHANGES: Final[Mapping[str, Callable[[Map, Problems], Map]]] = {
    "pipelines": _pipeline,
    "nodes": _node,
    "inputs": _dataset,
    "outputs": _dataset,
}


def merge_layers(layers: list[Map]) -> Map:
    """Return the layers laid on each other, weakest first."""
    merged = layers[0]
    for layer in layers[1:]:
        merged = merge(merged, layer)
    return merged


def warn_of_mirror(settings: Map, warnings: Problems) -> None:
    """Warn that an ``mlflow`` block is read and nothing is mirrored yet."""
    block = settings.entries.get("mlops")
    entry = block.node.entries.get("mlflow") if block and isinstance(block.node, Map) else None
    if entry is not None:
        warnings.add("runs are not mirrored to MLflow by this version", entry.mark, [])


def warn_of_near_misses(settings: Map, warnings: Problems) -> None:
    """Warn of global settings that look like one Tauro reads; the user's own are left alone."""
    known = ("mlops", "mlops_enabled", "execution_mode", "mode", "ml_info")
    for name, entry in settings.entries.items():
        if name not in known and (hints := did_you_mean(name, known)):
            warnings.add(f"the setting {name!r} is not one that Tauro reads", entry.mark, hints)
