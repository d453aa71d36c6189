"""A configuration file to its tree: found, decoded, parsed."""

from __future__ import annotations

import os
from typing import Final

from tauro.config._source import Map, Mark, Problems, Scalar, SourceFile, kind_of

SUFFIXES: Final = (".yaml", ".yml", ".json")
_LARGEST: Final = 32 << 20
_MAPPING: Final = "Write 'key: value' lines."
_PATH: Final = "Check the path and who may read it."


def find_file(path: str) -> str | None:
    """Return the file that a configured path means, or None.

    A project may write ``config/nodes.yaml`` and keep ``config/base/nodes.yaml``, say ``input``
    or ``inputs``, YAML or JSON; the path as it is written comes first.
    """
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    stems = [stem]
    if stem in ("input", "output"):
        stems.append(f"{stem}s")
    elif stem in ("inputs", "outputs"):
        stems.append(stem[:-1])
    suffixes = [suffix, *(other for other in SUFFIXES if other != suffix)]
    for place in (folder, os.path.join(folder, "base")):
        for one in stems:
            for ending in suffixes:
                candidate = os.path.join(place, one + ending)
                if os.path.isfile(candidate):
                    return candidate
    return None


def read_tree(path: str, problems: Problems) -> Map | None:
    """Return the mapping that a file holds; None where it cannot be read, an empty one if empty."""
    source = SourceFile(path, "")
    text = _decode(path, problems)
    if text is None:
        return None
    source = SourceFile(path, text)
    if path.endswith(".json"):
        from tauro.config._json import parse_json as parse
    else:
        from tauro.config._yaml import parse_yaml as parse
    before = len(problems.found)
    node = parse(text, source, problems)
    if isinstance(node, Map):
        return node
    if len(problems.found) > before:
        return None
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return Map(Mark(source))
    problems.add(f"the file must hold a mapping, got {kind_of(node)}", node.mark, [_MAPPING])
    return None


def _decode(path: str, problems: Problems) -> str | None:
    mark = Mark(SourceFile(path, ""))
    try:
        if os.path.getsize(path) > _LARGEST:
            problems.add(
                f"larger than {_LARGEST >> 20} MB: this is not a configuration", mark, [_PATH]
            )
            return None
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        problems.add(f"cannot be read: {error.strerror or error}", mark, [_PATH])
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8", "replace")
        line, column = good.count("\n"), len(good) - (good.rfind("\n") + 1)
        shown = SourceFile(path, data.decode("utf-8", "replace"))
        hints = ["Save the file as UTF-8."]
        problems.add(f"not UTF-8: byte 0x{data[error.start]:02x}", Mark(shown, line, column), hints)
        return None
