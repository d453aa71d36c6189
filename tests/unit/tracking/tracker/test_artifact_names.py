"""Names and formats of artifacts: what is taken as it is, and what is refused with a reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from tauro.errors import PathNotAllowedError, TrackingValidationError
from tauro.storage import LocalStorageBackend, MemoryStorageBackend, StorageBackend
from tauro.tracking import ExperimentTracker, Run
from tauro.tracking._artifacts import logical_path


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> StorageBackend:
    if request.param == "memory":
        return MemoryStorageBackend()
    return LocalStorageBackend(tmp_path / "a store")


@pytest.fixture
def run(storage: StorageBackend) -> Iterator[Run]:
    with ExperimentTracker(storage) as tracker, tracker.start_run(name="r") as run:
        yield run


def paths(run: Run) -> list[str]:
    return [each.path for each in run.list_artifacts()]


@pytest.mark.parametrize(
    "name", ["a:b.txt", "10:30.txt", "https:x", "x/C:/y", ".hidden", "ü %20#?"]
)
def test_odd_names_go_in_and_come_out(run: Run, tmp_path: Path, name: str) -> None:
    """What can be logged can be listed and downloaded under the same name."""
    run.log_text("text", name)
    assert paths(run) == [name]
    run.download_artifact(name, tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == "text"


@pytest.mark.parametrize("name", ["C:/x", "c:\\x", "C:", "/x", "../x", "a/../b", ""])
def test_names_that_are_no_relative_paths_are_refused(name: str) -> None:
    """Drives, roots and ways out."""
    with pytest.raises(TrackingValidationError, match="not a name for an artifact"):
        logical_path(name)


@pytest.mark.parametrize("name", [".tmp-x", "sub/.tmp-1-2-beef", ".tmp-x/y"])
def test_a_name_that_would_never_be_listed_is_refused(run: Run, name: str) -> None:
    """Names of unfinished writes are not for artifacts; nothing is recorded."""
    with pytest.raises(PathNotAllowedError, match="unfinished"):
        run.log_text("text", name)
    assert run.artifacts == []


def test_a_file_with_such_a_name_is_refused(run: Run, tmp_path: Path) -> None:
    """Under its own name too."""
    (tmp_path / ".tmp-z").write_text("x")
    with pytest.raises(PathNotAllowedError, match="unfinished"):
        run.log_artifact(tmp_path / ".tmp-z")
    assert run.artifacts == []


def test_a_link_is_kept_under_its_own_name(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the content of what it leads to, file or folder."""
    (tmp_path / "v3.pkl").write_text("three")
    (tmp_path / "latest.pkl").symlink_to("v3.pkl")
    (tmp_path / "v3").mkdir()
    (tmp_path / "v3" / "x").write_text("x")
    (tmp_path / "latest").symlink_to("v3")
    monkeypatch.chdir(tmp_path)
    run.log_artifact("latest.pkl")
    run.log_artifact("./latest")
    assert paths(run) == ["latest.pkl", "latest/x"]
    run.download_artifact("latest.pkl", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "three"


def test_the_uri_leads_to_the_file(tmp_path: Path) -> None:
    """Every part of it is encoded in the same way, the run's too."""
    name = "50%20off #1?.txt"
    (tmp_path / name).write_text("x")
    with (
        ExperimentTracker(tmp_path / "a store", tenant_id="a@b") as tracker,
        tracker.start_run() as run,
    ):
        for uri in (run.log_artifact(tmp_path / name, "ü"), tracker.log_text("x", f"ü/2{name}")):
            parts = urlsplit(uri)
            assert (parts.query, parts.fragment) == ("", "")
            file = Path(unquote(parts.path))
            assert file.read_text() == "x"
            assert file.as_uri() == uri
        assert uri.startswith(run.artifact_uri + "/")


def test_what_is_in_the_way_is_named(run: Run) -> None:
    """Nothing can be below a file, and a file cannot take a folder's name."""
    run.log_text("a", "x")
    run.log_text("b", "f/y")
    with pytest.raises(PathNotAllowedError, match=r"x' is a file, and nothing can be below it"):
        run.log_text("c", "x/y")
    with pytest.raises(PathNotAllowedError, match="a folder is there"):
        run.log_text("c", "f")
    assert paths(run) == ["f/y", "x"]
    assert run.artifacts == ["x", "f/y"]


# Formats


@pytest.mark.parametrize("path", ["x.xyz", "x.json"])
def test_an_image_of_no_known_format_is_refused(run: Run, path: str) -> None:
    """The error says the format, and which one keeps every image."""
    with pytest.raises(TrackingValidationError, match=path.partition(".")[2].upper()) as caught:
        run.log_image(np.zeros((2, 2)), path)
    assert ".png" in str(caught.value)


def test_an_image_that_a_format_cannot_hold_is_refused(run: Run) -> None:
    """JPEG knows no transparency."""
    with pytest.raises(TrackingValidationError, match="RGBA"):
        run.log_image(np.zeros((2, 2, 4)), "x.jpg")
    run.log_image(np.zeros((2, 2, 3)), "x.tif")
    assert paths(run) == ["x.tif"]


def test_a_figure_of_no_known_format_is_refused(run: Run) -> None:
    """Matplotlib's own list of formats is in the message; other objects are no figures."""
    from matplotlib.figure import Figure

    with pytest.raises(TrackingValidationError, match=r"'xyz'.*png"):
        run.log_figure(Figure(), "x.xyz")
    for thing in (object(), _Page()):
        with pytest.raises(TrackingValidationError, match="is not a figure"):
            run.log_figure(thing, "x.png")
    run.log_figure(_Page(), "x.html")
    assert paths(run) == ["x.html"]


class _Page:
    """Something that can be a page and nothing else."""

    def to_html(self) -> str:
        return "<p>"


def test_links_in_a_dataset_are_refused_with_a_reason(run: Run, tmp_path: Path) -> None:
    """One that leads nowhere or to a folder has no content to take a fingerprint of."""
    (tmp_path / "data").mkdir()
    os.symlink("nowhere", tmp_path / "data" / "link")
    with pytest.raises(TrackingValidationError, match="link"):
        run.log_input(tmp_path / "data", "d")
