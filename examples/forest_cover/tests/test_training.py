from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forest_cover.data import split_tenths
from forest_cover.generator import generate_samples
from forest_cover.schema import CATEGORICAL, COLUMNS, FEATURES, SOURCE_COLUMNS, hash_samples
from forest_cover.schema import normalise as normalise_frame
from pipelines import training
from tauro.mlops import MLOpsContext, ModelNotFoundError

MODEL = "forest-cover-classifier"
TENTHS = split_tenths(generate_samples(3000))


def table(*batches: int, rows: int = 100) -> pd.DataFrame:
    """What the database gives for some rows of these batches."""
    given = [row for batch in batches for row in list(TENTHS[batch - 1])[:rows]]
    frame = normalise_frame(pd.DataFrame(given, columns=list(SOURCE_COLUMNS)))
    origin = {"group_number": 1, "batch_number": 1, "ingested_at": "2025-01-01"}
    return frame.assign(sample_hash=hash_samples(frame), **origin)


@pytest.fixture
def mlops(tmp_path: Path) -> Iterator[MLOpsContext]:
    with MLOpsContext(storage_path=str(tmp_path / "store")) as context:
        yield context


def train(mlops: MLOpsContext, samples: pd.DataFrame, folder: Path) -> dict[str, Any]:
    snapshot = training.preprocess_forest_data(samples, str(folder / "snapshots"))
    return training.train_forest_models(
        snapshot, mlops.experiment_tracker, mlops.model_registry, svc_max_rows=200
    )


def test_the_snapshot_is_clean_typed_and_on_disk(tmp_path: Path) -> None:
    raw = table(1)
    raw.loc[3, "slope"] = np.nan
    raw.loc[4, "soil_type"] = None
    raw.loc[5, list(training.NUMERIC)] = np.nan
    raw["cover_type"] = raw["cover_type"].astype("Int64")
    raw.loc[6, "cover_type"] = pd.NA
    snapshot = training.preprocess_forest_data(raw, str(tmp_path / "a" / "b"))
    assert snapshot.dropped == 2
    assert snapshot.path.name.startswith("forest_cover_preprocessed_")
    assert snapshot.path.suffix == ".parquet"
    read = pd.read_parquet(snapshot.path)
    assert list(read.columns) == list(COLUMNS)
    assert len(read) == 98
    assert read["cover_type"].dtype == np.int64
    assert read["slope"].isna().sum() == 1
    pd.testing.assert_frame_equal(read, snapshot.samples[list(COLUMNS)], check_dtype=False)
    assert [path.name for path in snapshot.path.parent.iterdir()] == [snapshot.path.name]


def test_the_order_of_the_table_does_not_matter(tmp_path: Path) -> None:
    raw = table(1)
    one = training.preprocess_forest_data(raw, str(tmp_path))
    other = training.preprocess_forest_data(raw.sample(frac=1, random_state=3), str(tmp_path))
    assert one.path != other.path
    pd.testing.assert_frame_equal(one.samples, other.samples)


def test_an_empty_table_says_what_to_run_first(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="run forest_cover_data_pipeline first"):
        training.preprocess_forest_data(table(1).head(0), str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_lacking_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="columns are missing: soil_type"):
        training.preprocess_forest_data(table(1).drop(columns="soil_type"), str(tmp_path))


def test_the_first_champion_is_recorded_registered_and_promoted(
    mlops: MLOpsContext, tmp_path: Path
) -> None:
    result = train(mlops, table(1, 2, 3, 4, 5, 6, 7), tmp_path)

    tracker, registry = mlops.experiment_tracker, mlops.model_registry
    runs = tracker.query_runs().runs
    assert {run.name for run in runs} == {"logistic_regression", "random_forest", "svc"}
    assert {str(run.status) for run in runs} == {"COMPLETED"}
    assert len({run.experiment_id for run in runs}) == 1
    for run in runs:
        found = tracker.get_run(run.run_id)
        assert found.metrics["f1_macro"] == pytest.approx(result["models"][run.name])
        assert {"accuracy", "precision", "recall", "f1_class_0", "recall_class_6"} <= set(
            found.metrics
        )
        assert found.parameters["seed"] == 42
        assert found.parameters["snapshot"] == Path(result["snapshot"]).name
        assert found.parameters["training_rows"] == (200 if run.name == "svc" else 560)

    best = max(result["models"], key=result["models"].get)
    assert result["champion"] == best
    assert result["f1_macro"] == result["models"][best]
    assert (result["version"], result["promoted"]) == (1, True)
    assert "the first one in Production" in result["reason"]
    assert json.loads(json.dumps(result)) == result

    version = registry.get_model_by_stage(MODEL, "Production")
    assert version.version == 1
    assert version.tags["candidate"] == best
    champion = next(run for run in runs if run.name == best)
    assert version.run_id == champion.run_id
    assert set(version.metrics) == {"accuracy", "f1_macro", "precision", "recall"}
    assert version.metrics["f1_macro"] == pytest.approx(result["f1_macro"])
    assert version.signature.input_names == list(FEATURES)
    assert all(column.nullable for column in version.signature.inputs)


def test_each_run_keeps_its_confusion_matrix_and_its_model(
    mlops: MLOpsContext, tmp_path: Path
) -> None:
    train(mlops, table(1, 2, 4), tmp_path)
    store = tmp_path / "store/experiment_tracking/artifacts"
    for run in mlops.experiment_tracker.query_runs().runs:
        folder = store / run.run_id
        matrix = json.loads((folder / "confusion_matrix.json").read_text())
        assert sum(map(sum, matrix["matrix"])) == int(run.parameters["test_rows"])
        assert (folder / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")
        spec = json.loads((folder / "model/model.json").read_text())
        names = [column["name"] for column in spec["signature"]["inputs"]]
        assert names == list(FEATURES)
        # skops, and nothing that runs code when it is loaded.
        assert spec["data"]["format"] == "skops"
        assert "runs_code" not in spec
        assert "untrusted" not in spec


def test_what_is_registered_predicts_without_any_permission_or_code_of_ours(
    mlops: MLOpsContext, tmp_path: Path
) -> None:
    train(mlops, table(1, 2, 4), tmp_path)
    model = mlops.model_registry.load_model(MODEL, stage="Production")
    features = table(1).head(20)[list(FEATURES)]
    expected = [int(value) for value in model.predict(features)]
    assert set(expected) <= set(range(7))
    shouted = features.assign(**{name: features[name].str.upper() for name in CATEGORICAL})
    assert [int(value) for value in model.predict(shouted)] == expected
    records = features.head(2).astype(object).to_dict("records")
    records[1].update(slope=None, soil_type=None)
    assert len(model.predict(records)) == 2


def test_an_equal_challenger_is_registered_and_not_promoted(
    mlops: MLOpsContext, tmp_path: Path
) -> None:
    first = train(mlops, table(1, 2, 4), tmp_path)
    second = train(mlops, table(1, 2, 4), tmp_path)
    assert (second["promoted"], second["version"]) == (False, first["version"])
    assert second["champion"] == first["champion"]
    assert second["f1_macro"] == pytest.approx(first["f1_macro"])
    assert second["challenger_version"] == 2
    assert re.match(r"version 1 \(\w+\) stays: f1_macro", second["reason"])
    registry = mlops.model_registry
    assert registry.get_model_by_stage(MODEL, "Production").version == 1
    assert registry.get_model_version(MODEL, 2).stage == "None"


def test_a_better_challenger_takes_the_place_and_the_incumbent_is_archived(
    mlops: MLOpsContext, tmp_path: Path
) -> None:
    # The incumbent has seen two classes only.
    train(mlops, table(9, 10), tmp_path)
    result = train(mlops, table(1, 2, 3, 4, 5, 6, 9, 10), tmp_path)
    assert (result["promoted"], result["version"], result["incumbent_version"]) == (True, 2, 1)
    assert "on the same hold-out" in result["reason"]
    registry = mlops.model_registry
    assert registry.get_model_by_stage(MODEL, "Production").version == 2
    assert registry.get_model_version(MODEL, 1).stage == "Archived"


def test_a_worse_challenger_leaves_the_incumbent_in_production(
    mlops: MLOpsContext, tmp_path: Path
) -> None:
    train(mlops, table(1, 2, 3, 4, 5, 6, 7, rows=300), tmp_path)
    result = train(mlops, table(1, 2, 3, 4, 5, 6, 7, rows=12), tmp_path)
    assert (result["promoted"], result["version"]) == (False, 1)
    assert mlops.model_registry.get_model_by_stage(MODEL, "Production").version == 1


def test_batches_that_lack_classes_are_trained_on(mlops: MLOpsContext, tmp_path: Path) -> None:
    result = train(mlops, table(8, 9, 10), tmp_path)
    assert result["promoted"]
    assert "f1_class_6" not in mlops.experiment_tracker.query_runs().runs[0].metrics


def test_without_the_registry_a_file_names_the_run_to_serve(
    mlops: MLOpsContext, tmp_path: Path
) -> None:
    snapshot = training.preprocess_forest_data(table(1, 2), str(tmp_path))
    path = tmp_path / "models/latest_model.json"
    result = training.train_forest_models(
        snapshot, mlops.experiment_tracker, mlops.model_registry, latest_model=str(path)
    )
    latest = json.loads(path.read_text())
    run = mlops.experiment_tracker.get_run(latest["run_id"])
    assert run.name == result["champion"] == latest["champion"]
    assert (result["version"], result["promoted"]) == (None, False)
    assert latest["f1_macro"] == max(result["models"].values())
    artifacts = tmp_path / "store/experiment_tracking/artifacts" / latest["run_id"]
    assert (artifacts / latest["artifact_path"] / "model.json").exists()
    assert mlops.model_registry.list_models() == []


def test_a_single_class_trains_nothing(mlops: MLOpsContext, tmp_path: Path) -> None:
    samples = table(10)
    with pytest.raises(ValueError, match="training needs samples of two classes or more"):
        train(mlops, samples[samples["cover_type"] == 1], tmp_path)
    with pytest.raises(ModelNotFoundError):
        mlops.model_registry.get_model_by_stage(MODEL, "Production")
