"""Objects through their flavor: registered, shown, loaded."""

from __future__ import annotations

import errno
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from tauro._internal import _fs
from tauro.errors import (
    PathNotAllowedError,
    SignatureMismatchError,
    StorageError,
    UntrustedModelError,
)
from tauro.events import Observers
from tauro.flavors import ModelEnvironmentWarning
from tauro.registry import ModelRegistry, ModelStage
from tauro.storage import LocalStorageBackend, MemoryStorageBackend, StorageBackend

X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
Y = pd.Series([0, 0, 1, 1])
MODEL = LogisticRegression().fit(X, Y)


class Threshold:
    """A model of the user's own, without anything that differs from pickle to pickle."""

    def predict(self, frame: Any) -> Any:
        return frame["a"] > 1


@pytest.fixture(params=["local", "memory"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> ModelRegistry:
    backend: StorageBackend = (
        LocalStorageBackend(tmp_path / "store")
        if request.param == "local"
        else MemoryStorageBackend()
    )
    return ModelRegistry(backend, observers=Observers())


def test_an_object_is_registered_with_what_is_known_of_it(registry: ModelRegistry) -> None:
    version = registry.register_model(
        model=MODEL, model_name="churn", input_example=X, metrics={"f1": np.float32(0.5)}
    )
    assert (version.name, version.version) == ("churn", 1)
    assert (version.framework, version.artifact_type) == ("scikit-learn", "sklearn")
    assert version.input_schema == [
        {"name": "a", "type": "float"},
        {"name": "b", "type": "float"},
    ]
    assert version.metrics == {"f1": 0.5}
    assert version.metadata.model is not None
    assert "scikit-learn" in version.metadata.model.environment.packages
    assert [file.path for file in version.files] == [
        "input_example.json",
        "model.json",
        "model.skops",
    ]


def test_it_loads_by_number_stage_and_alias(registry: ModelRegistry) -> None:
    registry.register_model(model=MODEL, name="churn", input_example=X)
    registry.promote_model("churn", 1, ModelStage.PRODUCTION)
    registry.set_alias("churn", "champion", 1)
    for which in ({}, {"version": 1}, {"stage": "Production"}, {"alias": "champion"}):
        loaded = registry.load_model("churn", **which)
        assert (loaded.predict(X) == MODEL.predict(X)).all()
    loaded = registry.get_model_version("churn").load()
    assert loaded.predict_proba([{"b": 1.0, "a": 0.0}]).shape == (1, 2)
    pd.testing.assert_frame_equal(loaded.input_example, X)


def test_a_schema_that_is_given_wins_over_the_inferred_one(registry: ModelRegistry) -> None:
    registry.register_model(
        model=MODEL,
        name="churn",
        input_example=X,
        input_schema={"a": {"type": "float", "nullable": True}, "b": "float"},
    )
    found = registry.get_model_version("churn").signature
    assert found is not None
    assert [(c.name, c.nullable) for c in found.inputs] == [("a", True), ("b", False)]
    assert found.outputs[0].type == "integer"
    with pytest.raises(SignatureMismatchError, match=r"inputs\.b\[0\]: expected float, got null"):
        registry.load_model("churn").predict([{"a": None, "b": None}])


def test_code_needs_permission(registry: ModelRegistry) -> None:
    registry.register_model(model=lambda data: data["a"] * 2, name="double")
    with pytest.raises(UntrustedModelError):
        registry.load_model("double")
    loaded = registry.load_model("double", allow_pickle=True)
    assert list(loaded.predict(X)) == [0.0, 2.0, 4.0, 6.0]


def test_files_of_a_framework_are_found_by_their_suffix(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    import joblib
    import skops.io

    skops.io.dump(MODEL, tmp_path / "model.skops")
    joblib.dump(MODEL, tmp_path / "model.joblib")
    registry.register_model("churn", tmp_path / "model.skops", "sklearn", "scikit-learn")
    registry.register_model("churn", tmp_path / "model.joblib", "sklearn", "scikit-learn")
    assert (registry.load_model("churn", 1).predict(X) == MODEL.predict(X)).all()
    assert (registry.load_model("churn", 2, allow_pickle=True).predict(X) == MODEL.predict(X)).all()


def test_other_versions_of_packages_are_a_warning_that_says_what_to_do(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tauro.flavors import _environment

    with monkeypatch.context() as patch:
        real = _environment.installed_version
        fake: dict[str, Any] = {"scikit-learn": "0.1.2", "gone-package": "3.0"}
        patch.setattr(_environment, "installed_version", lambda name: fake.get(name, real(name)))
        registry.register_model(model=MODEL, name="churn")
    with pytest.warns(ModelEnvironmentWarning, match=r"pip install 'scikit-learn==0\.1\.2'"):
        registry.load_model("churn")
    registry.register_model(model=MODEL, name="same")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.load_model("same")


def test_a_version_shows_itself(registry: ModelRegistry) -> None:
    registry.register_model(
        model=MODEL, name="churn", metrics={"f1": 0.5}, tags={"note": "<b>bold</b>"}
    )
    registry.set_alias("churn", "champion", 1)
    version = registry.promote_model("churn", 1, "Production")
    assert str(version) == "churn v1 (Production, champion)"
    page = version._repr_html_()
    assert "f1 = 0.5" in page
    assert "<b>bold</b>" not in page
    assert "name='churn'" in repr(version)
    assert "_registry=" not in repr(version)


def test_a_version_as_a_mapping_has_its_fields(registry: ModelRegistry) -> None:
    found = registry.register_model(model=MODEL, name="churn").to_dict()
    assert found["name"] == "churn"
    assert found["stage"] == "None"
    assert found["size"] > 0
    assert {"version", "framework", "metrics", "tags", "created_at", "aliases"} <= set(found)


def test_an_object_that_cannot_be_saved_leaves_nothing(registry: ModelRegistry) -> None:
    from tauro.errors import FlavorError

    with pytest.raises(FlavorError):
        registry.register_model(model=3, name="churn")
    assert registry.storage.list_paths() == []
    if isinstance(registry.storage, LocalStorageBackend):
        assert not list((registry.storage.root / "model_registry/staging").glob("*"))


def test_an_object_is_written_and_hashed_once_and_where_it_stays(tmp_path: Path) -> None:
    """A copy, and a second look at the bytes, double the time that a large model takes."""
    registry = ModelRegistry(
        LocalStorageBackend(tmp_path / "store"), observers=Observers(), durability="disk"
    )
    registry.register_model(model=MODEL, name="churn")  # folders and index are there
    calls: list[tuple[str, str]] = []
    done: list[int] = []
    _fs.set_fault_hook(lambda operation, path: calls.append((operation, Path(path).name)))
    try:
        version = registry.register_model(model=MODEL, name="churn", progress=done.append)
    finally:
        _fs.set_fault_hook(None)
    for name in ("model.skops", "model.json"):
        assert [operation for operation, found in calls if found == name] == ["read", "fsync_dir"]
    assert [operation for operation, _ in calls].count("open") == 1  # the document
    assert sum(done) == version.size
    assert registry.verify() == []


def test_an_object_that_is_a_folder_is_kept_as_files_without_its_links(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    folder = tmp_path / "weights"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.bin").write_bytes(b"a")
    (folder / "link").symlink_to("deep/a.bin")
    version = registry.register_model(model=folder, name="files")
    assert [file.path for file in version.files] == ["deep/a.bin", "link", "model.json"]
    registry.download_artifact("files", 1, tmp_path / "out")
    assert (tmp_path / "out" / "link").read_bytes() == b"a"
    assert not (tmp_path / "out" / "link").is_symlink()
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "out").symlink_to(tmp_path / "secret")
    with pytest.raises(PathNotAllowedError, match="leads out"):
        registry.register_model(model=folder, name="files")
    assert len(registry.list_model_versions("files")) == 1


def test_the_same_object_is_the_same_version_where_that_is_asked_for(
    registry: ModelRegistry,
) -> None:
    for name, model in (("rule", Threshold()), ("churn", MODEL)):
        for _ in range(2):
            version = registry.register_model(
                model=model, name=name, input_example=X, idempotent=True
            )
            assert version.version == 1
    if isinstance(registry.storage, LocalStorageBackend):
        assert not list((registry.storage.root / "model_registry/staging").glob("*"))


def test_a_disk_that_fails_at_any_call_leaves_an_object_whole_or_absent(tmp_path: Path) -> None:
    storage = LocalStorageBackend(tmp_path / "store")
    registry = ModelRegistry(storage, observers=Observers(), durability="disk")
    registry.register_model(model=Threshold(), name="rule")
    calls: list[str] = []
    _fs.set_fault_hook(lambda operation, path: calls.append(operation))
    registry.register_model(model=Threshold(), name="rule")
    _fs.set_fault_hook(None)
    every = [(operation, calls[:at].count(operation)) for at, operation in enumerate(calls)]
    assert {"mkdir", "read", "open", "fsync", "fsync_dir", "link", "rename"} <= set(calls)
    for wanted, nth in every:
        seen: list[str] = []

        def fail(
            operation: str, path: str, wanted: str = wanted, nth: int = nth, seen: Any = seen
        ) -> None:
            seen.append(operation)
            if operation == wanted and seen.count(operation) == nth + 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)

        _fs.set_fault_hook(fail)
        try:
            made = registry.register_model(model=Threshold(), name="rule").version
        except (StorageError, OSError):
            made = None
        finally:
            _fs.set_fault_hook(None)
        assert seen.count(wanted) > nth
        fresh = ModelRegistry(storage, observers=Observers())
        versions = [row["version"] for row in fresh.list_model_versions("rule")]
        assert versions == list(range(1, len(versions) + 1))
        assert made is None or made == versions[-1]
        fresh.repair()  # moves into place what a failed rename left in staging
        assert fresh.verify() == []
    fresh.gc(unfinished_older_than_days=0)
    assert not list((tmp_path / "store/model_registry/staging").iterdir())
    assert list(fresh.load_model("rule", allow_pickle=True).predict({"a": [3]})) == [True]
