"""A context for people: the merged values, where each comes from, and which level set what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tauro._internal._secrets import MASK, is_secret_name, mask_secrets, mask_text
from tauro.config._context import Context
from tauro.config._mlops import LEVELS, SETTING_KEYS, Level
from tauro.config._mlops_models import MLOpsSettings, Origin
from tauro.config._source import Map, Mark, Node, Scalar, Seq

_PLAIN: Final = re.compile(r"[A-Za-z_./][\w./ -]*(?<! )")


@dataclass(frozen=True, slots=True)
class SettingExplanation:
    """One MLOps setting of a node.

    Attributes:
        key: Dotted, below ``mlops``.
        value: What holds; a password in a URL is masked.
        origin: The level that set it, and where.
        overridden: Weaker levels that set it too, strongest first.
    """

    key: str
    value: Any
    origin: Origin
    overridden: tuple[Origin, ...] = ()


def explain_settings(
    context: Context, pipeline: str | None = None, node: str | None = None
) -> list[SettingExplanation]:
    """Return every MLOps setting of a node, and which of the five levels set it.

    Raises:
        ConfigError: There is no such pipeline or node.
    """
    settings = context.mlops_for(pipeline, node)
    levels = context.levels_for(pipeline, node)
    return [
        SettingExplanation(
            key,
            mask_secrets(_value(settings, key)),
            settings.origin(key),
            tuple(level.values[key][1] for level in _weaker(levels, settings.origin(key), key)),
        )
        for key in SETTING_KEYS
    ]


def _weaker(levels: list[Level], origin: Origin, key: str) -> list[Level]:
    setting = [level for level in levels if key in level.values]
    return setting[1:] if origin.level in LEVELS[:-1] else setting


def _value(settings: MLOpsSettings, key: str) -> Any:
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


def shown_settings(context: Context, path: str = "") -> Any:
    """Return the merged values at a path as plain JSON values, secrets masked.

    Raises:
        ConfigError: Nothing is configured there.
    """
    return _masked(context.tree(path), path.rpartition(".")[2])


def _masked(node: Node, name: str) -> Any:
    if is_secret_name(name) and not (isinstance(node, Scalar) and node.value is None):
        return MASK
    if isinstance(node, Map):
        return {key: _masked(entry.node, key) for key, entry in node.entries.items()}
    if isinstance(node, Seq):
        return [_masked(item, "") for item in node.items]
    return mask_text(node.value) if isinstance(node.value, str) else node.value


def setting_origins(context: Context, path: str = "") -> dict[str, str]:
    """Return for each value at a path, by dotted path, the place where it is written.

    Raises:
        ConfigError: Nothing is configured there.
    """
    return {
        key: f"{mark.location} {via}".strip()
        for key, mark, via in _leaves(context.tree(path), path)
    }


def _leaves(node: Node, path: str) -> Iterator[tuple[str, Mark, str]]:
    if isinstance(node, Map) and node.entries:
        for key, entry in node.entries.items():
            yield from _leaves(entry.node, f"{path}.{key}" if path else key)
    elif isinstance(node, Seq) and node.items:
        for index, item in enumerate(node.items):
            yield from _leaves(item, f"{path}.{index}")
    else:
        yield path, node.mark, _via(node)


def _via(node: Node) -> str:
    return f"({node.via})" if isinstance(node, Scalar) and node.via else ""


def settings_lines(context: Context, path: str = "", *, origins: bool = False) -> list[str]:
    """Return the merged values at a path as YAML, secrets masked.

    Args:
        context: The project.
        path: Dotted, such as ``nodes.train``; empty is everything.
        origins: Whether each line ends with a comment that says where its value is written.

    Raises:
        ConfigError: Nothing is configured there.
    """
    found = list(_lines(context.tree(path), path.rpartition(".")[2], 0))
    if not origins:
        return [line for line, _ in found]
    width = max((len(line) for line, place in found if place), default=0)
    return [f"{line:<{width}}  # {place}" if place else line for line, place in found]


def _lines(node: Node, name: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield each line and the place of its value, which is empty for lines that hold none."""
    indent = "  " * depth
    if isinstance(node, Map) and node.entries:
        for key, entry in node.entries.items():
            inner = entry.node
            if _is_nested(inner) and not is_secret_name(key):
                yield f"{indent}{_text(key)}:", ""
                yield from _lines(inner, key, depth + 1)
            else:
                yield f"{indent}{_text(key)}: {_leaf(inner, key)}", _place(inner)
    elif isinstance(node, Seq) and node.items:
        for item in node.items:
            if _is_nested(item):
                lines = list(_lines(item, "", depth + 1))
                first, place = lines[0]
                yield f"{indent}- {first.strip()}", place
                yield from lines[1:]
            else:
                yield f"{indent}- {_leaf(item, '')}", _place(item)
    else:
        yield f"{indent}{_leaf(node, name)}", _place(node)


def _is_nested(node: Node) -> bool:
    return (isinstance(node, Map) and bool(node.entries)) or (
        isinstance(node, Seq) and bool(node.items)
    )


def _place(node: Node) -> str:
    return f"{node.mark.location} {_via(node)}".strip()


def _leaf(node: Node, name: str) -> str:
    value = _masked(node, name)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN
        return ".nan"
    if value in (float("inf"), float("-inf")):
        return ".inf" if value > 0 else "-.inf"
    return json.dumps(value)


def _text(text: str) -> str:
    """Return a text as YAML takes it: as it is where it can only be read as that text."""
    from tauro.config._yaml import resolve_scalar

    ambiguous = text.lower() in ("y", "n", "yes", "no", "on", "off")
    if _PLAIN.fullmatch(text) and isinstance(resolve_scalar(text), str) and not ambiguous:
        return text
    return json.dumps(text, ensure_ascii=True)
