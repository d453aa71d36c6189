"""The command that a failed run prints: typed as it stands, as often as need be, it brings the run
to its end with the values of a run that never failed, and repeats no node but for lost values."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.project.conftest import write_project

from tauro.cli import main
from tauro.project import RunHistory

MODULE = "resumed_steps"
HEAD = """
import json
from pathlib import Path
HERE = Path(__file__).parent

class Box:
    def __init__(self, value): self.value = value

def number(given):
    given = given["v"] if isinstance(given, dict) else given
    return given.value if isinstance(given, Box) else given

def work(name, kind, inputs):
    if name in json.loads((HERE / "broken.json").read_text()):
        raise ValueError(f"{name} is broken")
    with (HERE / "trace.txt").open("a") as file:
        file.write(name + "\\n")
    value = 1 + sum(number(given) for given in inputs)
    return {"plain": value, "boxed": Box(value), "kept": {"v": value}}[kind]
"""


@dataclass(frozen=True)
class Graph:
    """Nodes with the earlier ones they wait for, and how each hands its value on.

    ``plain`` values are in the record of the run, ``boxed`` ones only in memory, ``kept`` ones on
    disk.
    """

    waits: dict[str, tuple[str, ...]]
    kinds: dict[str, str]

    def ancestors(self, name: str) -> set[str]:
        found = {name}
        for other in self.waits[name]:
            found |= self.ancestors(other)
        return found

    @property
    def values(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for name, waits in self.waits.items():
            found[name] = 1 + sum(found[other] for other in waits)
        return found

    def write(self, folder: Path) -> None:
        code, nodes, outputs = [HEAD], {}, {}
        for name, waits in self.waits.items():
            parameters = ", ".join(waits)
            listed = f"[{parameters}]"
            code.append(
                f"def {name}({parameters}): return work({name!r}, {self.kinds[name]!r}, {listed})"
            )
            nodes[name] = {
                "function": f"{MODULE}.{name}",
                "inputs": {w: f"d_{w}" for w in waits if self.kinds[w] == "kept"},
                "dependencies": [w for w in waits if self.kinds[w] != "kept"],
            }
            if self.kinds[name] == "kept":
                nodes[name]["output"] = f"d_{name}"
                outputs[f"d_{name}"] = {"path": f"{name}.json"}
        text = "\n".join(code) + "\n"
        write_project(folder, code=text, nodes=nodes, outputs=outputs, module=MODULE)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    names = [f"n{number}" for number in range(draw(st.integers(1, 7)))]
    waits = {
        name: tuple(other for other in names[:at] if draw(st.booleans()))
        for at, name in enumerate(names)
    }
    kinds = {name: draw(st.sampled_from(["plain", "boxed", "kept"])) for name in names}
    return Graph(waits, kinds)


@contextlib.contextmanager
def project(graph: Graph) -> Iterator[Path]:
    path = list(sys.path)
    with tempfile.TemporaryDirectory() as text, contextlib.chdir(text):
        folder = Path(os.path.realpath(text))
        graph.write(folder)
        try:
            yield folder
        finally:
            sys.path[:] = path
            sys.modules.pop(MODULE, None)


def call(command: list[str], broken: set[str]) -> str:
    """Type a command; return what it proposes, or nothing where it succeeded."""
    Path("broken.json").write_text(json.dumps(sorted(broken)))
    out, err = io.StringIO(), io.StringIO()
    code: object = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(command)
        except SystemExit as ended:
            code = ended.code
    if code == 0:
        return ""
    assert code == 1, err.getvalue()
    found = re.search(r"Resume with: (tauro .*)", err.getvalue())
    assert found is not None, err.getvalue()
    return found.group(1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graph=graphs(), data=st.data())
def test_what_is_printed_brings_the_run_to_its_end(graph: Graph, data: st.DataObject) -> None:
    names = sorted(graph.waits)
    target = data.draw(st.none() | st.sampled_from(names))
    scope = graph.ancestors(target) if target else set(names)
    command = ["run", "--env", "dev", "--pipeline", "main"]
    command += ["--to-nodes", target] if target else []
    command += data.draw(st.sampled_from([[], ["--keep-going"], ["--max-workers", "3"]]))
    breaks = data.draw(st.lists(st.sets(st.sampled_from(names)), max_size=3))
    with project(graph) as folder:
        for broken in [*breaks, set[str]()]:
            proposed = call(command, broken)
            if not proposed:
                break
            command = shlex.split(proposed)[1:]
        assert not proposed
        trace = Counter(_trace(folder))
        record = RunHistory(folder).list_runs("main", limit=1)[0]
        assert set(trace) == scope
        repeated = {name for name in scope if trace[name] > 1}
        assert {graph.kinds[name] for name in repeated} <= {"boxed"}, "nothing of it was lost"
        values = {
            name: json.loads((folder / f"{name}.json").read_text())["v"]
            for name in scope
            if graph.kinds[name] == "kept"
        }
        assert values == {name: graph.values[name] for name in values}
        assert record.status == "succeeded"


def _trace(folder: Path) -> list[str]:
    path = folder / "trace.txt"
    return path.read_text().split() if path.exists() else []
