"""Layers over layers: mappings are merged deeply, everything else is replaced."""

from __future__ import annotations

from typing import Final

from tauro.config._source import Entry, Map, Node, Problems, Scalar, Seq, kind_of

REPLACE: Final = "$replace"
"""A mapping that holds ``$replace: true`` replaces the one below it instead of being merged."""


def merge(base: Map, over: Map) -> Map:
    """Return ``base`` with ``over`` laid on it; neither is changed.

    Lists and leaves of ``over`` replace those of ``base``. The order is that of ``base``, then
    what ``over`` adds.
    """
    if _replaces(over):
        return over
    merged = dict(base.entries)
    for key, entry in over.entries.items():
        below = merged.get(key)
        if below is not None and isinstance(below.node, Map) and isinstance(entry.node, Map):
            node: Node = merge(below.node, entry.node)
            merged[key] = Entry(entry.spelled, entry.mark, node)
        else:
            merged[key] = entry
    return Map(over.mark if over.entries else base.mark, merged)


def _replaces(node: Map) -> bool:
    entry = node.entries.get(REPLACE)
    return entry is not None and isinstance(entry.node, Scalar) and entry.node.value is True


def drop_markers(node: Node, problems: Problems) -> Node:
    """Return the tree without its ``$replace`` marks, which must be true or false."""
    if isinstance(node, Seq):
        return Seq(node.mark, [drop_markers(item, problems) for item in node.items])
    if not isinstance(node, Map):
        return node
    marker = node.entries.get(REPLACE)
    if marker is not None and not (
        isinstance(marker.node, Scalar) and isinstance(marker.node.value, bool)
    ):
        hints = ["Write true to replace what is below, or remove the key to merge with it."]
        message = f"{REPLACE!r} must be true or false, got {kind_of(marker.node)}"
        problems.add(message, marker.node.mark, hints)
    return Map(
        node.mark,
        {
            key: Entry(entry.spelled, entry.mark, drop_markers(entry.node, problems))
            for key, entry in node.entries.items()
            if key != REPLACE
        },
    )
