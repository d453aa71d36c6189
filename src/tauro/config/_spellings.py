"""Older and shorter spellings to the one that is read.

Spellings are settled in each file before layers are merged, so that a layer may spell a key in
another way than the one below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tauro.config._merge import merge
from tauro.config._source import Entry, Map, Problems, Scalar, to_plain

NODE: Final[Mapping[str, str]] = {
    "input": "inputs",
    "output": "outputs",
    "depends_on": "dependencies",
    "parameters": "params",
}
PIPELINE: Final[Mapping[str, str]] = {"parameters": "params"}
DATASET: Final[Mapping[str, str]] = {
    "filepath": "path",
    "file_path": "path",
    "url": "path",
    "type": "format",
    "mode": "write_mode",
    "load_args": "load_options",
    "save_args": "save_options",
    "partitions": "partition_by",
    "partition_cols": "partition_by",
    "sql": "query",
    "connection_string": "connection",
}
GLOBAL: Final[Mapping[str, str]] = {"mode": "execution_mode"}
MLOPS: Final[Mapping[str, str]] = {
    "backend": "backend_type",
    "tracking": "experiment_tracking",
    "model_registry": "registry",
    "experiment_name": "default_experiment_name",
    "mode": "execution_mode",
    "databricks_catalog": "catalog",
    "databricks_schema": "schema",
    "databricks_workspace_url": "workspace_url",
}


def canonical(node: Map, table: Mapping[str, str], problems: Problems) -> Map:
    """Return the mapping with its keys in the one spelling that is read.

    Two spellings of one key with different values are a problem; two mappings are merged.
    """
    entries: dict[str, Entry] = {}
    for key, entry in node.entries.items():
        name = table.get(key, key)
        first = entries.get(name)
        entries[name] = entry if first is None else _both(first, entry, problems)
    return Map(node.mark, entries)


def _both(first: Entry, second: Entry, problems: Problems) -> Entry:
    if isinstance(first.node, Map) and isinstance(second.node, Map):
        _compare(first.node, second.node, problems)
        return Entry(first.spelled, first.mark, merge(first.node, second.node))
    if to_plain(first.node) != to_plain(second.node):
        problems.add(
            f"{second.spelled!r} and {first.spelled!r} (line {first.mark.line + 1}) are the same "
            "setting with different values",
            second.mark,
            [f"Keep one of the two; {first.spelled!r} and {second.spelled!r} mean the same."],
        )
    return first


def _compare(first: Map, second: Map, problems: Problems) -> None:
    for key in first.entries.keys() & second.entries.keys():
        _both(first.entries[key], second.entries[key], problems)


def canonical_mlops(node: Map, problems: Problems) -> Map:
    """Return an ``mlops`` mapping in canonical keys, its ``experiment:`` block dissolved."""
    block = node.entries.get("experiment")
    flat = Map(node.mark, {key: e for key, e in node.entries.items() if key != "experiment"})
    if block is not None:
        flat = _dissolve(block, flat, problems)
    return canonical(flat, MLOPS, problems)


def _dissolve(block: Entry, flat: Map, problems: Problems) -> Map:
    if isinstance(block.node, Scalar) and isinstance(block.node.value, str):
        return _with(flat, "default_experiment_name", block, problems)
    if not isinstance(block.node, Map):
        hints = ["Write 'experiment: {name: ...}'."]
        problems.add("'experiment' must be a name or a mapping", block.node.mark, hints)
        return flat
    names = {"name": "default_experiment_name", "description": "description"}
    for key, entry in block.node.entries.items():
        if key in names:
            flat = _with(flat, names[key], entry, problems)
        else:
            problems.add(
                f"unknown key {entry.spelled!r} in 'experiment'",
                entry.mark,
                ["Known keys: name, description."],
            )
    return flat


def _with(flat: Map, name: str, entry: Entry, problems: Problems) -> Map:
    entries = dict(flat.entries)
    first = entries.get(name)
    entries[name] = entry if first is None else _both(first, entry, problems)
    return Map(flat.mark, entries)
