"""The verbs at top level: each does what the tracker's does, on the active run."""

from __future__ import annotations

import inspect
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tauro
from tauro.errors import ReadOnlyStoreError, TrackingValidationError
from tauro.mlops import ExperimentTracker, Run, set_mlops_context


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, with no context before or after."""
    monkeypatch.chdir(tmp_path)
    set_mlops_context(None)
    yield
    set_mlops_context(None)


@pytest.fixture
def run() -> Iterator[Run]:
    """A run that is active."""
    with tauro.start_run("trial") as run:
        yield run


def test_tags_and_a_note(run: Run) -> None:
    """Several tags at once, all or none; the note is replaced."""
    tauro.set_tags({"team": "ds", "stage": 1})
    tauro.set_tag("stage", 2)
    tauro.set_note("first")
    tauro.set_note("second")
    with pytest.raises(TrackingValidationError):
        tauro.set_tags({"good": "x", "": "y"})
    assert run.tags == {"team": "ds", "stage": "2"}
    assert run.note == "second"


def test_points_with_a_time_of_their_own(run: Run) -> None:
    """Milliseconds since 1970, for one metric and for several."""
    tauro.log_metric("loss", 0.5, 3, timestamp=1_700_000_000_000)
    tauro.log_metrics({"auc": 0.9}, step=4, timestamp=1_700_000_000_001)
    [loss] = run.history("loss").to_dict("records")
    assert (loss["step"], loss["value"]) == (3, 0.5)
    assert loss["timestamp"].timestamp() == 1_700_000_000
    [auc] = run.history("auc").to_dict("records")
    assert (auc["step"], auc["timestamp"].value) == (4, 1_700_000_000_001_000_000)


def test_whole_columns_of_points(run: Run) -> None:
    """With and without steps; what is not a number of the length is refused."""
    tauro.log_metrics_batch({"a": np.arange(3.0), "b": [1, 2, math.inf]}, steps=[10, 20, 30])
    tauro.log_metrics_batch({"c": [5.0, 6.0]})
    assert run.history("a")["step"].tolist() == [10, 20, 30]
    assert run.history("b")["value"].tolist() == [1, 2, math.inf]
    assert run.history("c")["step"].tolist() == [0, 1]
    with pytest.raises(TrackingValidationError):
        tauro.log_metrics_batch({"a": [1.0]}, steps=[1, 2])


def test_several_files_by_name_and_a_folder(run: Run, tmp_path: Path) -> None:
    """As the tracker takes them."""
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    tauro.log_artifacts({"texts": tmp_path / "b.txt"})
    tauro.log_artifacts(tmp_path / "plots")
    files = [each.path for each in run.list_artifacts()]
    assert "texts/b.txt" in files
    assert any(path.endswith("a.txt") for path in files)


def test_what_is_kept_says_where(run: Run) -> None:
    """The URI is the artifact's, as the tracker returns it."""
    plt = pytest.importorskip("matplotlib.figure")
    pytest.importorskip("PIL")
    kept = {
        "a.txt": tauro.log_text("hello", "a.txt"),
        "d/a.json": tauro.log_dict({"a": 1}, "d/a.json"),
        "t.csv": tauro.log_table({"x": [1]}, "t.csv"),
        "f.png": tauro.log_figure(plt.Figure(), "f.png"),
        "i.png": tauro.log_image(np.zeros((2, 2), dtype=np.uint8), "i.png"),
    }
    for path, uri in kept.items():
        assert uri == f"{run.artifact_uri}/{path}"
        assert Path(uri.removeprefix("file://")).stat().st_size > 0


def test_each_verb_opens_a_run_where_there_is_none() -> None:
    """The two lines: no run was started by anybody."""
    tauro.set_tags({"a": "b"})
    run = tauro.active_run()
    assert run is not None
    tauro.log_metrics_batch({"m": [1.0]})
    assert tauro.log_text("x", "x.txt").startswith(run.artifact_uri)
    assert tauro.end_run().run_id == run.run_id


def test_every_verb_of_an_active_run_is_there() -> None:
    """A verb that a run gains is missed here."""
    other = {"log_param", "log_params", "log_model", "log_input", "log_artifact"}
    verbs = {name for name in vars(Run) if name.startswith(("log_", "set_"))}
    assert other < verbs
    for name in verbs:
        assert name in tauro.__all__, name
        fluent = inspect.signature(getattr(tauro, name))
        bound = inspect.signature(getattr(ExperimentTracker, name))
        assert set(fluent.parameters) - {"options", "params"} <= set(bound.parameters), name


LOG = """
import errno, os, sys
from tauro._internal import _fs

def refuse(operation, path):
    if operation in ("mkdir", "open", "rename") and path.startswith(os.getcwd()):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

_fs.set_fault_hook(refuse)
import tauro
tauro.VERB
"""


@pytest.mark.parametrize(
    "verb", ['log_metric("loss", 0.5)', 'set_experiment("e")', 'start_run("r")']
)
def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(
    verb: str, tmp_path: Path
) -> None:
    """A fresh process, somewhere that belongs to somebody else."""
    environment = {name: value for name, value in os.environ.items() if "TAURO" not in name}
    done = subprocess.run(
        [sys.executable, "-c", LOG.replace("VERB", verb)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    said = done.stderr[done.stderr.rindex("ReadOnlyStoreError") :]
    assert f"{tmp_path / 'mlops_data'} cannot be written (Permission denied)" in said
    assert "TAURO_MLOPS_PATH" in said
    assert "tauro.init_mlops(storage_path=" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    """The same of a real folder, where the user is not root."""
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(ReadOnlyStoreError, match=r"mlops_data[\s\S]*TAURO_MLOPS_PATH"):
            tauro.log_metric("loss", 0.5)
    finally:
        tmp_path.chmod(0o755)
