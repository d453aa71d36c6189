"""``tauro drift``: a process, its output, its files and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tauro.drift import ReferenceProfile
from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend


def tauro(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tauro", "drift", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def files(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, shift in (("reference", 0.0), ("same", 0.0), ("shifted", 1.0)):
        table = pd.DataFrame({"x": rng.normal(shift, 1, 800), "y": rng.normal(size=800)})
        table.to_parquet(tmp_path / f"{name}.parquet")
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path


def test_drift_is_said_in_words_and_as_a_page(files: Path) -> None:
    done = tauro("reference.parquet", "shifted.csv", "--html", "out/report.html", cwd=files)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Drift in 1 of 2 features: x.")
    assert "values are higher" in done.stdout
    assert "out/report.html" in done.stderr
    assert (files / "out" / "report.html").read_text().startswith("<!doctype html>")


def test_a_page_that_cannot_be_written_takes_no_result_with_it(files: Path) -> None:
    (files / "file").write_text("no folder")
    done = tauro("reference.csv", "shifted.csv", "--html", "file/report.html", cwd=files)
    assert done.returncode not in {0, 8}
    assert done.stdout.startswith("Drift in 1 of 2 features: x.")
    assert "file" in done.stderr


def test_json_is_one_document(files: Path) -> None:
    done = tauro("reference.csv", "shifted.parquet", "--json", cwd=files)
    document = json.loads(done.stdout)
    assert document["drift_detected"] is True
    assert document["drifted_features"] == ["x"]
    assert document["features"]["y"]["status"] == "stable"


def test_fail_on_drift_sets_the_exit_status(files: Path) -> None:
    assert tauro("reference.csv", "shifted.csv", "--fail-on-drift", cwd=files).returncode == 8
    assert tauro("reference.csv", "same.csv", "--fail-on-drift", cwd=files).returncode == 0
    assert tauro("reference.csv", "shifted.csv", cwd=files).returncode == 0


def test_columns_and_threshold_are_passed_on(files: Path) -> None:
    done = tauro(
        "reference.csv", "shifted.csv", "--columns", "y", "--threshold", "0.01", "--json", cwd=files
    )
    document = json.loads(done.stdout)
    assert list(document["features"]) == ["y"]
    assert document["threshold"] == 0.01


def test_bad_input_is_a_usage_error_with_a_remedy(files: Path) -> None:
    done = tauro("reference.csv", "absent.csv", cwd=files)
    assert done.returncode == 2
    assert "'absent.csv' is not a file" in done.stderr
    pd.DataFrame({"x": [1.0], "z": [2.0]}).to_csv(files / "other.csv", index=False)
    done = tauro("reference.csv", "other.csv", "--json", cwd=files)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error_code"] == "DRIFT_DETECTION_ERROR"


def register(store: Path, **schema: str) -> None:
    model = store.parent / "model.txt"
    model.write_text("weights")
    ModelRegistry(LocalStorageBackend(store)).register_model(
        "churn", str(model), "txt", "none", input_schema=schema or None
    )


def test_a_profile_is_kept_with_a_model_and_compared_with(files: Path) -> None:
    store = files / "store"
    register(store)
    options = ("--store", "store", "--model", "churn")
    kept = tauro("reference.csv", *options, "--keep", cwd=files)
    assert kept.returncode == 0, kept.stderr
    assert kept.stdout == "Kept the profile of 800 rows with version 1 of churn.\n"
    done = tauro("shifted.csv", *options, "--json", "--fail-on-drift", cwd=files)
    assert done.returncode == 8, done.stderr
    assert json.loads(done.stdout)["drifted_features"] == ["x"]
    (files / "reference.csv").unlink()
    assert tauro("same.parquet", *options, "--fail-on-drift", cwd=files).returncode == 0


def test_a_profile_is_found_after_its_model_was_renamed(files: Path) -> None:
    register(files / "store")
    kept = tauro("reference.csv", "--store", "store", "--model", "churn", "--keep", cwd=files)
    assert kept.returncode == 0, kept.stderr
    ModelRegistry(LocalStorageBackend(files / "store")).rename_model("churn", "lapse")
    options = ("--store", "store", "--model", "lapse", "--json")
    done = tauro("shifted.csv", *options, cwd=files)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["drifted_features"] == ["x"]


def test_a_model_without_a_profile_says_how_to_keep_one(files: Path) -> None:
    register(files / "store")
    done = tauro("same.csv", "--store", "store", "--model", "churn", cwd=files)
    assert done.returncode == 2
    assert "No drift profile is kept of version 1 of model 'churn'" in done.stderr
    assert "tauro drift TRAINING_DATA --model churn --keep" in done.stderr


def test_two_files_and_a_model_are_compared_in_its_inputs(files: Path) -> None:
    register(files / "store", y="float")
    options = ("--store", "store", "--model", "churn", "--json")
    done = tauro("reference.csv", "shifted.csv", *options, cwd=files)
    assert list(json.loads(done.stdout)["features"]) == ["y"]


def test_a_profile_may_be_a_file(files: Path) -> None:
    ReferenceProfile.from_data(files / "reference.csv").save(files / "profile.json")
    done = tauro("profile.json", "shifted.csv", "--json", cwd=files)
    assert json.loads(done.stdout)["drifted_features"] == ["x"]


def test_multivariate_tests_are_printed(files: Path) -> None:
    done = tauro("reference.csv", "shifted.csv", "--multivariate", cwd=files)
    assert "classifier: Drift: a classifier tells the samples apart" in done.stdout


@pytest.mark.parametrize(
    "arguments", [(), ("a.csv",), ("a", "b", "c"), ("a.csv", "--keep"), ("--keep", "--model", "m")]
)
def test_wrong_arguments_are_refused(files: Path, arguments: tuple[str, ...]) -> None:
    done = tauro(*arguments, cwd=files)
    assert done.returncode == 2
    assert "REFERENCE" in done.stderr
