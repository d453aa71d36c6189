"""The listener that writes a run's record."""

from __future__ import annotations

import functools
import hashlib
import inspect
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from tauro._internal import _fs
from tauro.catalog import Catalog
from tauro.errors import DatasetError
from tauro.pipeline import NodeResult, NodeStatus, Plan, SourceKind
from tauro.project._listeners import RunListener
from tauro.project._options import RunResult
from tauro.project._records import RecordWriter, RunEnd, RunStart, node_line

_KEPT_VALUE: Final = 64 * 1024
_KEPT_DEPTH: Final = 20


class Recorder(RunListener):
    """Writes one line for each node that ends: times, fingerprints, code, what became of it.

    Args:
        root: The project's folder.
        start: The first line.
        plan: What runs.
        catalog: Gives fingerprints.
    """

    def __init__(self, root: Path, start: RunStart, plan: Plan, catalog: Catalog) -> None:
        self._plan = plan
        self._catalog = catalog
        self._known: dict[str, str] = {}
        self._read_by_node = {
            item.key
            for binding in plan.bindings.values()
            for item in binding.bound
            if item.kind is SourceKind.NODE
        }
        self._writer = RecordWriter.create(root, start)

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def node_finished(self, result: NodeResult) -> None:
        """Write the node's line."""
        if result.status is NodeStatus.REUSED:
            self._writer.append(node_line(result, value=kept_value(result.value)))
            return
        binding = self._plan.bindings[result.name]
        read = [item.key for item in binding.bound if item.kind is SourceKind.DATASET]
        written = binding.node.outputs if result.status is NodeStatus.SUCCEEDED else ()
        inputs = self._fingerprints(read)
        for name in written:
            self._known.pop(name, None)
        keep = result.name in self._read_by_node and result.status is NodeStatus.SUCCEEDED
        self._writer.append(
            node_line(
                result,
                inputs=inputs,
                outputs=self._fingerprints(written),
                code=code_of(binding.function) if result.attempts else "",
                value=kept_value(result.value) if keep else None,
            )
        )

    def run_finished(self, result: RunResult) -> None:
        """Write the last line."""
        self._writer.append(RunEnd(status=result.status, duration=round(result.duration, 6)))

    def _fingerprints(self, names: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in names:
            if name in self._plan.memory:
                continue
            if name not in self._known:
                try:
                    self._known[name] = self._catalog.fingerprint(name)
                except (DatasetError, OSError):
                    # A source that cannot be looked at is a reason for its node, not its record.
                    self._known[name] = ""
            found[name] = self._known[name]
        return found


def kept_value(value: Any) -> list[Any] | None:
    """Return ``[value]`` where JSON gives back exactly what it is given and it is small."""
    budget = [_KEPT_VALUE]
    return [value] if _is_plain(value, budget, _KEPT_DEPTH) else None


def _is_plain(value: Any, budget: list[int], depth: int) -> bool:
    budget[0] -= len(value) if type(value) is str else 8
    if budget[0] < 0 or depth < 0:
        return False
    if value is None or type(value) in (bool, str):
        return True
    if type(value) is int:
        return abs(value) < 2**63
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is list:
        return all(_is_plain(inner, budget, depth - 1) for inner in value)
    if type(value) is dict:
        return all(
            type(key) is str and _is_plain([key, inner], budget, depth - 1)
            for key, inner in value.items()
        )
    return False


def code_of(function: Callable[..., Any]) -> str:
    """Return a short hash of the file that holds a function; empty where there is none."""
    target = getattr(function, "func", function)  # functools.partial
    code = getattr(inspect.unwrap(target), "__code__", None)
    file = getattr(code, "co_filename", "")
    found = _fs.stat(file) if file and file[:1] != "<" else None
    return "" if found is None else _hash_of(file, found.st_mtime_ns)


@functools.lru_cache(maxsize=1024)
def _hash_of(file: str, modified: int) -> str:
    del modified  # part of the key, so that an edited file is read again
    try:
        return hashlib.sha256(_fs.read_bytes(file)).hexdigest()[:12]
    except OSError:
        return ""


def commit_of(root: str | Path) -> str:
    """Return the git commit that a folder is at, read from its files; empty without git.

    ``git`` itself is not started: that costs more than a small pipeline takes.
    """
    folder = os.path.abspath(root)
    while not os.path.isdir(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return ""
        folder = parent
    git = os.path.join(folder, ".git")
    head = _text(os.path.join(git, "HEAD"))
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    commit = _text(os.path.join(git, *name.split("/")))
    if commit:
        return commit
    for line in _text(os.path.join(git, "packed-refs")).splitlines():
        found, _, ref = line.partition(" ")
        if ref == name:
            return found
    return ""


def _text(path: str) -> str:
    try:
        return _fs.read_bytes(path).decode(errors="replace").strip()
    except OSError:
        return ""
