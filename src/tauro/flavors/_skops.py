"""skops archives in which the same model is the same bytes.

skops names files and objects by their addresses in memory, and ZIP files carry times: without this
no model would have the digest that it had a moment ago, and registering it again would make a new
version of the same content.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any, Final

_SCHEMA: Final = "schema.json"


def reproducible(archive: bytes) -> bytes:
    """Return the same archive with numbers in the place of addresses and without times."""
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        schema = json.loads(source.read(_SCHEMA))
        files = {name for name in source.namelist() if name != _SCHEMA}
        names, numbers = _renumber(schema, files)
        for node in _nodes(schema):
            if node.get("file") in names:
                node["file"] = names[node["file"]]
            if "__id__" in node:
                node["__id__"] = numbers[node["__id__"]]
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as target:
            for old in sorted(files, key=lambda name: names[name]):
                target.writestr(_entry(names[old], source.getinfo(old)), source.read(old))
            text = json.dumps(schema, indent=2)
            target.writestr(_entry(_SCHEMA, source.getinfo(_SCHEMA)), text)
    return made.getvalue()


def _renumber(schema: Any, files: set[str]) -> tuple[dict[str, str], dict[int, int]]:
    """Return new names of files and objects, by where each comes first in the schema."""
    names: dict[str, str] = {}
    numbers: dict[int, int] = {}
    for node in _nodes(schema):
        if node.get("file") in files and node["file"] not in names:
            names[node["file"]] = f"{len(names) + 1:06}.{node['file'].rpartition('.')[2]}"
        if "__id__" in node:
            numbers.setdefault(node["__id__"], len(numbers) + 1)
    # What the schema does not name is of a format to come, and left as it is.
    return {name: name for name in files} | names, numbers


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield found
            waiting += reversed(list(found.values()))
        elif isinstance(found, list):
            waiting += reversed(found)


def _entry(name: str, like: zipfile.ZipInfo) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # of 1980-01-01
    entry.compress_type = like.compress_type
    return entry
