"""Artifacts, models and inputs of runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest

from tauro.errors import ArtifactNotFoundError, PathNotAllowedError, TrackingValidationError
from tauro.storage import LocalStorageBackend, MemoryStorageBackend, StorageBackend
from tauro.tracking import ExperimentTracker, Run


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> StorageBackend:
    if request.param == "memory":
        return MemoryStorageBackend()
    return LocalStorageBackend(tmp_path / "store")


@pytest.fixture
def tracker(storage: StorageBackend) -> Iterator[ExperimentTracker]:
    with ExperimentTracker(storage) as made:
        yield made


@pytest.fixture
def run(tracker: ExperimentTracker) -> Run:
    return tracker.start_run(name="r")


def test_files_and_folders(run: Run, tracker: ExperimentTracker, tmp_path: Path) -> None:
    """They are copied, hashed, listed and come out the same."""
    (tmp_path / "plots" / "sub").mkdir(parents=True)
    (tmp_path / "plots" / "a.txt").write_text("a")
    (tmp_path / "plots" / "sub" / "ü.bin").write_bytes(b"\0\1")
    uri = run.log_artifact(tmp_path / "plots" / "a.txt")
    assert uri.endswith(f"/artifacts/{run.run_id}/a.txt")
    run.log_artifact(tmp_path / "plots", "nested/here")
    run.log_artifacts({"by-name": tmp_path / "plots" / "a.txt"})
    listed = [each.path for each in run.list_artifacts()]
    assert listed == [
        "a.txt",
        "by-name/a.txt",
        "nested/here/plots/a.txt",
        "nested/here/plots/sub/ü.bin",
    ]
    records = {each.path: each for each in run.artifact_records}
    assert records["a.txt"].sha256 == (
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    )
    assert records["nested/here/plots"].is_dir
    run.download_artifact("nested/here", tmp_path / "out")
    assert (tmp_path / "out" / "plots" / "sub" / "ü.bin").read_bytes() == b"\0\1"
    run.download_artifact("", tmp_path / "all")
    assert (tmp_path / "all" / "by-name" / "a.txt").read_text() == "a"
    with pytest.raises(ArtifactNotFoundError, match="absent"):
        run.download_artifact("absent", tmp_path / "x")
    with pytest.raises(ArtifactNotFoundError):
        tracker.list_artifacts(run, "absent")


def test_bad_sources_are_refused(run: Run, tmp_path: Path) -> None:
    """A source exists and has no '..'; a link out of a folder is refused; nothing is kept."""
    with pytest.raises(FileNotFoundError):
        run.log_artifact(tmp_path / "absent")
    (tmp_path / "folder").mkdir()
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(PathNotAllowedError):
        run.log_artifact(f"{tmp_path}/folder/../secret")
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(PathNotAllowedError, match="link"):
        run.log_artifact(tmp_path / "folder")
    with pytest.raises(TrackingValidationError):
        run.log_artifact(tmp_path / "secret", "../out")
    assert run.list_artifacts() == []
    assert run.artifacts == []


def read(run: Run, path: str, folder: Path) -> bytes:
    run.download_artifact(path, folder / "read.out")
    return (folder / "read.out").read_bytes()


def test_values_are_kept_as_files(run: Run, tmp_path: Path) -> None:
    """Texts, documents, tables: the suffix chooses the format."""
    run.log_text("Grüße", "notes/hello.txt")
    run.log_dict({"b": [1, None], "a": np.float64(0.5)}, "d.json")
    run.log_dict({"b": 1, "a": "ü"}, "d.yaml")
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", None]})
    run.log_table(frame, "t.parquet")
    run.log_table({"x": [1, 2]}, "t.csv")
    run.log_table(frame, "t.json")
    assert read(run, "notes/hello.txt", tmp_path).decode() == "Grüße"
    assert json.loads(read(run, "d.json", tmp_path)) == {"b": [1, None], "a": 0.5}
    assert read(run, "d.yaml", tmp_path).decode() == "b: 1\na: ü\n"
    assert read(run, "t.csv", tmp_path) == b"x\n1\n2\n"
    (tmp_path / "t.parquet").write_bytes(read(run, "t.parquet", tmp_path))
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), frame)
    assert json.loads(read(run, "t.json", tmp_path))["columns"] == ["x", "y"]


def test_what_is_kept_is_told_by_its_uri(run: Run) -> None:
    """Whichever verb kept it, of a run as of the tracker."""
    kept = {
        "a b.txt": run.log_text("x", "a b.txt"),
        "d.json": run.log_dict({}, "d.json"),
        "t.csv": run.log_table({"x": [1]}, "t.csv"),
        "i.png": run.log_image(np.zeros((2, 2)), "i.png"),
    }
    assert kept == {name: f"{run.artifact_uri}/{quote(name)}" for name in kept}
    assert run.tracker.log_text("y", "a b.txt", run_id=run) == kept["a b.txt"]


def test_figures_and_images(run: Run, tmp_path: Path) -> None:
    """A Matplotlib figure and an array become pictures."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from PIL import Image

    figure, axes = plt.subplots()
    axes.plot([1, 2, 3])
    run.log_figure(figure, "f.png")
    run.log_figure(figure, "f.svg")
    plt.close(figure)
    run.log_image(np.linspace(0, 1, 12).reshape(3, 4), "grey.png")
    run.log_image(np.zeros((3, 4, 3), np.uint8), "colour.png")
    run.log_image(Image.new("RGB", (5, 6)), "pillow.jpg")
    assert read(run, "f.png", tmp_path).startswith(b"\x89PNG")
    assert b"<svg" in read(run, "f.svg", tmp_path)
    (tmp_path / "grey.png").write_bytes(read(run, "grey.png", tmp_path))
    assert np.asarray(Image.open(tmp_path / "grey.png")).tolist()[2][3] == 255
    assert read(run, "pillow.jpg", tmp_path).startswith(b"\xff\xd8")


def test_an_artifact_logged_again_is_replaced(run: Run, tmp_path: Path) -> None:
    """The record names it once."""
    run.log_text("one", "a.txt")
    run.log_text("two!", "a.txt")
    assert run.artifacts == ["a.txt"]
    assert run.artifact_records[0].size == 4
    assert read(run, "a.txt", tmp_path) == b"two!"


def test_models_are_kept_in_their_format(run: Run, tmp_path: Path) -> None:
    """The path is a name inside the run, and the working directory stays as it was."""
    from sklearn.linear_model import LinearRegression

    from tauro.flavors import load_model

    frame = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    model = LinearRegression().fit(frame, [0.0, 2.0, 4.0])
    logged = run.log_model(model, "./models/churn_model.pkl", input_example=frame.head(2))
    assert logged.artifact_path == "models/churn_model.pkl"
    assert logged.name == "churn_model.pkl"
    assert logged.flavor == "sklearn"
    assert logged.signature["inputs"][0]["name"] == "x"
    assert run.models == [logged]
    assert not Path("models").exists()
    run.download_artifact(logged.artifact_path, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.predict(frame).tolist() == pytest.approx([0.0, 2.0, 4.0])


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pd.Series([1, 2], name="a"),
        np.arange(6).reshape(2, 3),
        np.arange(2),
        pd.DataFrame({"mixed": [1, "x"]}),
    ],
    ids=["frame", "series", "matrix", "vector", "mixed"],
)
def test_inputs_are_described(run: Run, data: Any) -> None:
    """Schema, rows and a fingerprint that content decides, not the object."""
    first = run.log_input(data, "train", context="training", source="s3://somewhere")
    again = run.log_input(data.copy(), "train", context="training")
    assert first.rows == 2
    assert first.data_schema
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint.startswith("sha256:")
    other = run.log_input(pd.DataFrame({"a": [1, 3]}), "test", context="test")
    assert other.fingerprint != first.fingerprint
    assert [(each.name, each.context) for each in run.inputs] == [
        ("train", "training"),
        ("test", "test"),
    ]


def test_an_array_without_rows_is_an_input(run: Run) -> None:
    """It has its columns all the same."""
    described = run.log_input(np.empty((0, 3)), "nothing yet")
    assert described.rows == 0
    assert list(described.data_schema) == ["column_0", "column_1", "column_2"]


def test_inputs_may_be_files(run: Run, tmp_path: Path) -> None:
    """A file's hash, a folder's hash; a missing one is an error."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.csv").write_text("x\n1\n")
    file = run.log_input(tmp_path / "d" / "a.csv", "file")
    folder = run.log_input(tmp_path / "d", "folder")
    assert file.source.endswith("a.csv")
    (tmp_path / "d" / "a.csv").write_text("x\n2\n")
    assert run.log_input(tmp_path / "d", "folder").fingerprint != folder.fingerprint
    with pytest.raises(TrackingValidationError, match="does not exist"):
        run.log_input(tmp_path / "absent", "x")


def test_other_frames_have_the_fingerprint_of_their_content(run: Run) -> None:
    """polars and pyarrow tables are inputs too; chunks make no difference."""
    import polars as pl
    import pyarrow as pa

    table = pa.table({"a": [1, 2, 3]})
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert run.log_input(table, "t").fingerprint == run.log_input(chunked, "t").fingerprint
    assert run.log_input(pl.DataFrame({"a": [1, 2, 3]}), "p").rows == 3
