"""The context: where settings become objects, and which of them win."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import tauro
from tauro.errors import ConfigError, MLOpsError
from tauro.mlops import (
    MLOpsConfig,
    MLOpsContext,
    ModelStage,
    get_mlops_context,
    init_mlops,
    set_mlops_context,
)
from tauro.storage import LocalStorageBackend, get_active_storage


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, with no context before or after."""
    monkeypatch.chdir(tmp_path)
    set_mlops_context(None)
    yield
    set_mlops_context(None)


def root_of(context: MLOpsContext) -> Path:
    assert isinstance(context.storage, LocalStorageBackend)
    return context.storage.root


def test_a_context_is_a_store_with_its_parts(tmp_path: Path) -> None:
    """Tracker and registry share one storage, and each part is made once."""
    with MLOpsContext(backend_type="local", storage_path="./mlops_data") as context:
        assert root_of(context) == tmp_path / "mlops_data"
        assert context.experiment_tracker.storage is context.storage
        assert context.model_registry.storage is context.storage
        assert context.experiment_tracker is context.experiment_tracker
    assert not (tmp_path / "mlops_data").exists()


def test_arguments_win_over_the_environment_and_that_over_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order that users read: argument, environment, default."""
    assert root_of(MLOpsContext()) == tmp_path / "mlops_data"
    monkeypatch.setenv("TAURO_MLOPS_PATH", str(tmp_path / "from_env"))
    assert root_of(MLOpsContext()) == tmp_path / "from_env"
    assert root_of(MLOpsContext(storage_path=str(tmp_path / "given"))) == tmp_path / "given"
    with pytest.warns(DeprecationWarning, match="from_context"):
        assert root_of(MLOpsContext.from_env()) == tmp_path / "from_env"


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"storage_pth": "x"}, "storage_path"),
        ({"backend_type": "locl"}, "local"),
        ({"tracking_durability": "paper"}, "process"),
    ],
)
def test_wrong_settings_name_the_nearest(settings: dict[str, str], hint: str) -> None:
    """An unknown setting or value says what was meant."""
    with pytest.raises(ConfigError, match=hint):
        MLOpsContext(**settings)  # type: ignore[arg-type]


def test_a_backend_that_is_not_there_says_so() -> None:
    """Its settings are read; the first use says that the backend is not part of this version."""
    context = MLOpsContext(
        backend_type="databricks", databricks_catalog="main", databricks_token="dapi-secret"
    )
    assert context.config.databricks_catalog == "main"
    assert "dapi-secret" not in repr(context)
    with pytest.raises(MLOpsError, match="databricks"):
        _ = context.storage


def test_init_replaces_the_process_context(tmp_path: Path) -> None:
    """Components without a context use the active one's store; a second init replaces it."""
    first = init_mlops(storage_path="first")
    assert get_mlops_context() is first
    active = get_active_storage()
    assert isinstance(active, LocalStorageBackend)
    assert active.root == tmp_path / "first"
    second = init_mlops(MLOpsConfig(storage_path="second"))
    assert get_mlops_context() is second
    assert first.experiment_tracker.list_runs() == []


def test_the_two_lines(tmp_path: Path) -> None:
    """start_run and log_metric at top level; a run opened by itself ends with the context."""
    with tauro.start_run("trial", parameters={"a": 1}) as run:
        tauro.log_metric("loss", 0.5)
        tauro.log_param("b", 2)
        tauro.log_metrics({"auc": 0.9}, step=1)
        tauro.set_tag("team", "ds")
        tauro.log_text("hello", "a.txt")
        tauro.log_dict({"a": 1}, "a.json")
        tauro.log_table({"x": [1]}, "t.csv")
        assert tauro.active_run() == run
    assert run.metrics == {"loss": 0.5, "auc": 0.9}
    assert run.parameters == {"a": 1, "b": 2}
    assert set(run.artifacts) == {"a.txt", "a.json", "t.csv"}
    assert tauro.active_run() is None
    experiment = tauro.set_experiment("chosen")
    tauro.log_metric("loss", 0.1)
    implicit = tauro.active_run()
    assert implicit is not None
    assert implicit.experiment_id == experiment.experiment_id
    assert tauro.end_run().run_id == implicit.run_id
    assert (tmp_path / "mlops_data").is_dir()


def test_a_model_knows_the_run_that_made_it() -> None:
    """The active run is recorded with the version, and lineage leads back to its data."""
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    context = init_mlops(storage_path="store")
    frame = pd.DataFrame({"x": [0.0, 1.0]})
    with tauro.start_run("trains") as run:
        tauro.log_input(frame, "points", context="training")
        model = LinearRegression().fit(frame, [0.0, 1.0])
        version = context.model_registry.register_model(
            model=model, model_name="line", input_example=frame
        )
    assert version.experiment_run_id == run.run_id
    context.model_registry.promote_model("line", version.version, ModelStage.PRODUCTION)
    text = str(context.model_registry.lineage("line", 1).to_text())
    assert run.run_id in text
    assert "points" in text
