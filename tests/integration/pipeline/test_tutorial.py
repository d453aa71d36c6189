"""The tutorial of seed 002 and the three forms of seed 000, as their files say, by the commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest
from sklearn.datasets import make_classification

SEEDS = Path(__file__).resolve().parents[4] / "shared" / "seeds"
TUTORIAL = SEEDS / "002-tutorial.rst"
FENCE = re.compile(r"\.\. code-block:: (\w+)\n\n((?: {3}.*\n|\n)+)")

if not TUTORIAL.exists():
    if os.environ.get("TAURO_REQUIRE_SEEDS") == "1":
        pytest.fail(f"{TUTORIAL} is not here", pytrace=False)
    pytest.skip("the seeds are not here", allow_module_level=True)


def blocks(kind: str) -> list[str]:
    """Return the tutorial's blocks of a language, in order."""
    text = TUTORIAL.read_text()
    return [textwrap.dedent(body) for found, body in FENCE.findall(text) if found == kind]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the tutorial's steps 1 to 3, where the descriptor says they are."""
    (tmp_path / "settings_json.json").write_text(blocks("json")[0])
    (tmp_path / "config" / "dev").mkdir(parents=True)
    names = ("global_settings", "pipelines", "nodes", "input")
    for name, text in zip(names, blocks("yaml"), strict=False):
        (tmp_path / "config" / f"{name}.yaml").write_text(text)
    script = tmp_path / "pipelines" / "ml" / "train_model.py"
    script.parent.mkdir(parents=True)
    script.write_text(blocks("python")[0])
    return tmp_path


def write_data(folder: Path, *, separable: bool) -> None:
    """Write scikit-learn's own data in the shape that the tutorial's script needs."""
    features, target = make_classification(
        400,
        6,
        n_informative=4,
        class_sep=3.0 if separable else 0.01,
        flip_y=0.0 if separable else 0.5,
        random_state=0,
    )
    columns = ["age", "account_length", *(f"feature_{i}" for i in range(4))]
    frame = pd.DataFrame((features * 100).astype(int), columns=columns)
    frame["churn"] = target.astype(bool)
    (folder / "data").mkdir(exist_ok=True)
    frame.to_parquet(folder / "data" / "train.parquet")


def tauro(folder: Path, *arguments: str) -> str:
    """Run a command of the tutorial and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "tauro", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


RUN = ("run", "--env", "dev", "--pipeline", "ml_training_pipeline")


@pytest.mark.seeds
@pytest.mark.parametrize("separable", [True, False])
def test_the_commands_of_step_4_print_what_the_tutorial_shows(
    folder: Path, separable: bool
) -> None:
    write_data(folder, separable=separable)
    if separable:  # the files of the environment `dev` may be there or not
        for name in ("global_settings", "input", "output"):
            (folder / "config" / "dev" / f"{name}.yaml").write_text("{}\n")
        assert "✓ Validating pipeline..." in tauro(folder, *RUN, "--validate-only")
        assert not (folder / "mlops_data").exists()

    lines = tauro(folder, *RUN).splitlines()
    assert lines[:5] == [
        "✓ Loading configuration...",
        "✓ Validating pipeline...",
        "✓ Starting execution...",
        "✓ train_churn_model .................... [1/1]",
        "Starting customer churn model training...",
    ]
    assert "✓ Logged model artifact to ./models/churn_model.pkl" in lines
    assert re.fullmatch(r"✓ Pipeline completed in .* seconds", lines[-1])
    registered = "✅ Model registered: churn-predictor v1"
    assert (registered in lines) is separable
    assert any("below threshold (0.85)" in line for line in lines) is not separable
    artifacts = folder / "mlops_data" / "model_registry" / "artifacts" / "churn-predictor"
    assert artifacts.exists() is separable
    assert not (folder / "models").exists(), "nothing is written to the working directory"


@pytest.mark.seeds
def test_the_script_of_step_6_runs_and_its_run_is_in_the_store(folder: Path) -> None:
    write_data(folder, separable=True)
    script = blocks("python")[1]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert "✅ Pipeline completed successfully" in done.stdout
    listed = json.loads(tauro(folder, "runs", "list", "--json"))
    rows = listed["runs"] if isinstance(listed, dict) else listed
    (run,) = rows
    assert run["name"] == "random_forest_baseline"
    assert run["status"] == "COMPLETED"


# The three forms of seed 000's summary

ETL_NODES = """
nodes:
  load_data:
    function: "etl.load_csv"
  transform:
    function: "etl.clean_data"
"""
ML_NODES = """
nodes:
  train_model:
    function: "ml.train_xgboost"
"""
PRODUCTION_NODES = """
nodes:
  train_model:
    function: "ml.train_xgboost"
    mlops:
      experiment_name: "xgboost-v2"
"""
PRODUCTION_ML_INFO = """
mlops:
  enabled: true
  backend: "databricks"
  experiment:
    name: "production-model"
  model_registry:
    catalog: "main"
    schema: "ml_models"
"""


def write_form(folder: Path, nodes: str, names: list[str], ml_info: str = "") -> None:
    config = folder / "config"
    config.mkdir()
    keys = ("global_settings", "pipelines_config", "nodes_config", "input_config", "output_config")
    base = {f"{key}_path": f"config/{key}.yaml" for key in keys}
    (folder / "settings_json.json").write_text(json.dumps({"env_config": {"base": base}}))
    for key in keys:
        (config / f"{key}.yaml").write_text("{}\n")
    (config / "nodes_config.yaml").write_text(nodes)
    (config / "pipelines_config.yaml").write_text(json.dumps({"main": {"nodes": names}}))
    if ml_info:
        (config / "ml_info.yaml").write_text(ml_info)
    (folder / "etl.py").write_text("def load_csv(): return [1]\ndef clean_data(): return [2]\n")
    (folder / "ml.py").write_text("def train_xgboost(): return {'accuracy': 0.9}\n")


@pytest.mark.seeds
def test_form_1_etl_leaves_nothing_of_mlops(tmp_path: Path) -> None:
    write_form(tmp_path, ETL_NODES, ["load_data", "transform"])
    tauro(tmp_path, "run", "--env", "base", "--pipeline", "main")
    assert not (tmp_path / "mlops_data").exists()


@pytest.mark.seeds
def test_form_2_a_simple_ml_pipeline_is_tracked(tmp_path: Path) -> None:
    write_form(tmp_path, ML_NODES, ["train_model"])
    document = json.loads(tauro(tmp_path, "run", "--env", "base", "--pipeline", "main", "--json"))
    assert len(document["run_ids"]) == 1
    assert (tmp_path / "mlops_data" / "experiment_tracking").is_dir()


@pytest.mark.seeds
def test_form_3_production_runs_up_to_the_point_where_databricks_is_needed(tmp_path: Path) -> None:
    write_form(tmp_path, PRODUCTION_NODES, ["train_model"], PRODUCTION_ML_INFO)
    tauro(tmp_path, "run", "--env", "base", "--pipeline", "main", "--validate-only")
    done = subprocess.run(
        [sys.executable, "-m", "tauro", "run", "--env", "base", "--pipeline", "main"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1
    assert "databricks" in done.stderr
    assert "Node 'train_model'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "mlops_data").exists()
