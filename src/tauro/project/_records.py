"""The record of each run: one file of JSON lines under ``.tauro/runs/`` of the project.

The first line says what is to run, one line follows for each node that ended, the last one says how
the run ended. Lines are only ever appended, so a killed run leaves all that it finished.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from tauro._internal import _fs
from tauro._internal._clock import from_ns, now_ns
from tauro._internal._close import did_you_mean
from tauro._internal._json import decode
from tauro._internal._process import lives_since
from tauro.errors import PipelineError, PlanningError
from tauro.pipeline import NodeResult, NodeStatus

_log = logging.getLogger("tauro.project")
RUNS_FOLDER: Final = os.path.join(".tauro", "runs")
_SUFFIX: Final = ".jsonl"


class RunStart(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="run", tag_field="kind"
):
    """What a run was asked to do."""

    run_id: str
    pipeline: str
    env: str
    started_at: datetime
    nodes: list[str]
    params: dict[str, Any] = {}
    dates: dict[str, str] = {}
    narrowed: bool = False
    """Whether part of the pipeline was asked for, and not all of it."""
    resumed_from: str = ""
    commit: str = ""
    store: str | None = None
    tenant: str | None = None
    host: str = ""
    pid: int = 0


class NodeEnd(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="node", tag_field="kind"
):
    """What became of a node."""

    name: str
    status: NodeStatus
    started_at: datetime | None = None
    duration: float = 0.0
    attempts: int = 0
    inputs: dict[str, str] = {}
    """Dataset to its fingerprint."""
    outputs: dict[str, str] = {}
    code: str = ""
    """Hash of the file that holds the function."""
    error: str = ""
    reason: str = ""
    run_ids: list[str] = []
    value: list[Any] | None = None
    """What it returned, in a list of one, where another node reads it and JSON holds it exactly."""


class RunEnd(msgspec.Struct, frozen=True, kw_only=True, tag="end", tag_field="kind"):
    """How a run ended."""

    status: str
    duration: float


_encoder = msgspec.json.Encoder(enc_hook=str)
_decoder = msgspec.json.Decoder(RunStart | NodeEnd | RunEnd)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as its file tells it.

    Attributes:
        start: What was asked for.
        nodes: What became of each node that ended, the last line of each counting.
        end: How it ended; None while it runs, or when its process died.
    """

    start: RunStart
    nodes: Mapping[str, NodeEnd]
    end: RunEnd | None

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.start.run_id

    @property
    def status(self) -> str:
        """``succeeded``, ``failed``, ``interrupted``, ``running``, or ``abandoned``."""
        if self.end is not None:
            return self.end.status
        # Nothing can be known from here of another machine's.
        here = self.start.host == socket.gethostname()
        lives = not here or lives_since(self.start.pid, self.start.started_at)
        return "running" if lives else "abandoned"

    @property
    def values(self) -> dict[str, Any]:
        """What finished nodes returned, where the record kept it."""
        return {
            name: kept[0] for name in self.finished if (kept := self.nodes[name].value) is not None
        }

    @property
    def finished(self) -> frozenset[str]:
        """The nodes that need not run again."""
        done = (NodeStatus.SUCCEEDED, NodeStatus.REUSED)
        return frozenset(name for name, node in self.nodes.items() if node.status in done)

    @property
    def scope(self) -> tuple[str, ...]:
        """The nodes that the run, and those it continues, were to run."""
        reused = [name for name, node in self.nodes.items() if node.status is NodeStatus.REUSED]
        return tuple(dict.fromkeys([*reused, *self.start.nodes]))

    def summary(self) -> dict[str, Any]:
        """Return the run in one row."""
        done = sum(node.status is NodeStatus.SUCCEEDED for node in self.nodes.values())
        return {
            "run_id": self.run_id,
            "pipeline": self.start.pipeline,
            "env": self.start.env,
            "status": self.status,
            "started_at": self.start.started_at,
            "duration": self.end.duration if self.end else None,
            "nodes": f"{done}/{len(self.start.nodes)}",
            "resumed_from": self.start.resumed_from,
            "commit": self.start.commit[:8],
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        start: dict[str, Any] = msgspec.to_builtins(self.start)
        start.pop("kind")
        return {
            **start,
            "status": self.status,
            "duration": self.end.duration if self.end else None,
            "nodes": [
                {key: value for key, value in msgspec.to_builtins(node).items() if key != "kind"}
                for node in self.nodes.values()
            ],
        }


@dataclass(slots=True)
class RecordWriter:
    """Appends to the record of a run that is going on."""

    path: str
    _fd: int = field(default=-1)

    @classmethod
    def create(cls, root: str | Path, start: RunStart) -> Self:
        """Make the file of a run and write its first line."""
        path = os.path.join(root, RUNS_FOLDER, start.run_id + _SUFFIX)
        writer = cls(path, _fs.open_fd(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND))
        writer.append(start)
        return writer

    def append(self, line: RunStart | NodeEnd | RunEnd) -> None:
        """Write one line."""
        _fs.write_all(self._fd, _encoder.encode(line) + b"\n", self.path)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            _fs.close_fd(self._fd, self.path)
            self._fd = -1


class RunHistory:
    """Reads the records of a project.

    Args:
        root: The project's folder.
    """

    def __init__(self, root: str | Path) -> None:
        self._folder = os.path.join(root, RUNS_FOLDER)

    def ids(self) -> list[str]:
        """Return the ids of all runs, the newest first."""
        names = [entry.name for entry in _fs.list_dir(self._folder)]
        return [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)][::-1]

    def list_runs(self, pipeline: str = "", *, limit: int | None = None) -> list[RunRecord]:
        """Return records, the newest first, of one pipeline if it is named.

        A file that is damaged is left out, with a warning in the log.
        """
        found: list[RunRecord] = []
        for run_id in self.ids():
            if limit is not None and len(found) >= limit:
                break
            try:
                record = self.get_run(run_id)
            except PipelineError as error:
                _log.warning("%s", error)
                continue
            if not pipeline or record.start.pipeline == pipeline:
                found.append(record)
        return found

    def newest_runs(self) -> dict[str, RunRecord]:
        """Return the newest run of each pipeline."""
        found: dict[str, RunRecord] = {}
        for record in self.list_runs():
            found.setdefault(record.start.pipeline, record)
        return found

    def get_run(self, run_id: str) -> RunRecord:
        """Return the record of a run.

        Raises:
            PlanningError: There is no such run in this project.
            PipelineError: Its file is damaged.
        """
        record = self.find_run(run_id)
        if record is None:
            raise PlanningError(
                f"There is no run {run_id!r} in {self._folder}.",
                suggestions=did_you_mean(run_id, self.ids())
                or ["`tauro pipelines history` lists the runs."],
            )
        return record

    def find_run(self, run_id: str) -> RunRecord | None:
        """Return the record of a run, or None.

        Raises:
            PipelineError: Its file is damaged.
        """
        if "\0" in run_id or os.path.basename(run_id) != run_id:
            return None  # It may come from a command line, and names no file but of this folder.
        path = os.path.join(self._folder, run_id + _SUFFIX)
        try:
            data = _fs.read_bytes(path)
        except FileNotFoundError:
            return None
        return _parse(path, list(_lines(data)))

    def find_resumable(self, pipeline: str) -> RunRecord:
        """Return the newest run of a pipeline if it did not succeed.

        Raises:
            PlanningError: The pipeline never ran, or its newest run has nothing left to do.
        """
        for record in self.list_runs(pipeline, limit=1):
            if record.status == "succeeded":
                raise PlanningError(
                    f"The newest run of {pipeline!r}, {record.run_id}, succeeded; "
                    "there is nothing to resume.",
                    suggestions=["Leave --resume out to run it anew, or name an older run."],
                )
            return record
        raise PlanningError(
            f"Pipeline {pipeline!r} has no run to resume in {self._folder}.",
            suggestions=["Leave --resume out."],
        )


def node_line(
    result: NodeResult,
    *,
    inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    code: str = "",
    value: list[Any] | None = None,
) -> NodeEnd:
    """Return the line of a node's result."""
    error = result.error
    return NodeEnd(
        name=result.name,
        status=result.status,
        started_at=from_ns(result.started_at) if result.started_at else None,
        duration=round(result.duration, 6),
        attempts=result.attempts,
        inputs=dict(inputs or {}),
        outputs=dict(outputs or {}),
        code=code,
        error="" if error is None else getattr(error, "message", "") or repr(error),
        reason=result.reason,
        run_ids=list(result.run_ids),
        value=value,
    )


def new_start(**fields: Any) -> RunStart:
    """Return the first line of a run that starts now in this process."""
    return RunStart(
        started_at=from_ns(now_ns()), host=socket.gethostname(), pid=os.getpid(), **fields
    )


def _lines(data: bytes) -> Iterator[bytes]:
    """Yield the finished lines; what follows the last line end was cut off by a kill."""
    *lines, _ = data.split(b"\n")
    yield from lines


def _parse(path: str, lines: Sequence[bytes]) -> RunRecord:
    try:
        parsed = [decode(line, _decoder) for line in lines]
    except msgspec.DecodeError as error:
        raise PipelineError(
            f"The run record {path} is damaged: {error}.", suggestions=["Delete the file."]
        ) from error
    if not parsed or not isinstance(parsed[0], RunStart):
        raise PipelineError(
            f"The run record {path} has no first line.", suggestions=["Delete the file."]
        )
    nodes = {line.name: line for line in parsed if isinstance(line, NodeEnd)}
    ends = [line for line in parsed if isinstance(line, RunEnd)]
    return RunRecord(parsed[0], nodes, ends[-1] if ends else None)
