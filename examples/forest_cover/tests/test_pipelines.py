"""The ingestion pipeline as `tauro run` runs it: real processes, a real source, real databases."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from forest_cover.generator import generate_samples
from forest_cover.schema import COLUMNS
from forest_cover.source import BatchClock, SourceServer

PROJECT = Path(__file__).resolve().parents[1]
PIPELINE = "forest_cover_data_pipeline"
SAMPLES = generate_samples(1000)


@dataclass
class Project:
    """A copy of the project, and the settings its environment gives."""

    folder: Path
    environment: dict[str, str]

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    def run(self, *arguments: str, pipeline: str = PIPELINE) -> subprocess.CompletedProcess[str]:
        command = ("-m", "tauro", "run", "--env", "dev", "--pipeline", pipeline)
        return self.python(*command, *arguments)

    def ingest(self) -> dict[str, Any]:
        done = self.run("--json")
        assert done.returncode == 0, done.stderr
        nodes = json.loads(done.stdout)["nodes"]
        return next(node["value"] for node in nodes if node["name"] == "store_samples")

    def files(self) -> set[str]:
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*"))
        return {p.as_posix() for p in found if "__pycache__" not in p.parts}


@pytest.fixture
def source() -> Iterator[SourceServer]:
    server = SourceServer(("127.0.0.1", 0), SAMPLES, BatchClock(0), sample_size=50)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def project(tmp_path: Path, source: SourceServer) -> Project:
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("var", ".tauro", "__pycache__"))
    ours = ("TAURO_", "FOREST_COVER_", "SOURCE_API_", "GROUP_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    environment["SOURCE_API_BASE_URL"] = f"http://127.0.0.1:{source.server_port}"
    return Project(folder, environment)


def rows_of(url: str) -> list[Any]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return list(connection.execute(text("SELECT * FROM forest_cover_samples")).mappings())
    finally:
        engine.dispose()


def test_batches_go_into_the_table_and_the_last_one_into_the_csv(project: Project) -> None:
    assert [project.ingest()["inserted"] for _ in range(2)] == [50, 50]
    var = project.folder / "var"
    rows = rows_of(f"sqlite:///{var}/forest_cover.db")
    assert sorted({row["batch_number"] for row in rows}) == [1, 2]
    capture = pd.read_csv(var / "last_capture.csv")
    assert list(capture.columns) == list(COLUMNS)
    assert len(capture) == 50


@pytest.mark.postgres
def test_the_same_goes_into_postgresql(project: Project, postgres_url: str) -> None:
    with_password = postgres_url.replace("postgres@", "postgres:s3cr3t-of-mine@")
    project.environment["FOREST_COVER_DATABASE_URL"] = with_password
    assert [project.ingest()["inserted"] for _ in range(2)] == [50, 50]
    rows = rows_of(postgres_url.replace("postgresql:", "postgresql+psycopg:"))
    assert len(rows) == 100
    assert not (project.folder / "var/forest_cover.db").exists()
    records = list((project.folder / ".tauro/runs").iterdir())
    assert len(records) == 2
    assert not any(b"s3cr3t" in record.read_bytes() for record in records)

    # Training reads the same table through the same setting.
    done = project.run(
        *("--to-nodes", "preprocess_forest_data"), pipeline="forest_training_pipeline"
    )
    assert done.returncode == 0, done.stderr
    [snapshot] = (project.folder / "var/snapshots").iterdir()
    assert len(pd.read_parquet(snapshot)) == 100


def test_all_collected_ends_the_run_in_peace(project: Project, source: SourceServer) -> None:
    for _ in range(10):
        source.clock.draw(1)
    done = project.run()
    assert done.returncode == 0
    assert "All data of group 1 has been collected" in done.stdout
    assert "Pipeline completed" in done.stdout
    assert not (project.folder / "var").exists()


def test_a_malformed_answer_fails_the_run_and_stores_nothing(
    project: Project, source: SourceServer
) -> None:
    source.tenths = [[[*SAMPLES[0][:12], "eleven"]]] * 10
    done = project.run()
    assert done.returncode != 0
    assert "sample 0, Cover_Type: 'eleven' is not a class from 0 to 6" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.folder / "var").exists()


def test_a_source_that_is_away_is_named(project: Project) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as gone:
        port = gone.server_port
    project.environment["SOURCE_API_BASE_URL"] = f"http://127.0.0.1:{port}"
    done = project.run()
    assert done.returncode != 0
    assert "is it running, and is source_url right?" in done.stderr


def test_ingestion_costs_no_tracking(project: Project) -> None:
    """Nothing of tracking is imported, and no file appears but the outputs and the run's record."""
    before = project.files()
    code = (
        "import sys; from tauro.cli import main\n"
        "try:\n"
        f"    main(['run', '--env', 'dev', '--pipeline', '{PIPELINE}', '--json'])\n"
        "finally:\n"
        "    print(*sys.modules, sep='\\n', file=open('modules.txt', 'w'))\n"
    )
    done = project.python("-c", code)
    assert done.returncode == 0, done.stderr
    modules = set((project.folder / "modules.txt").read_text().split())
    assert "tauro.pipeline" in modules
    for name in ("tracking", "registry", "mlops", "storage"):
        assert f"tauro.{name}" not in modules
    assert not modules & {"sklearn", "matplotlib", "pyarrow.parquet"}
    created = project.files() - before - {"modules.txt"}
    records = {path for path in created if path.startswith(".tauro/runs/")}
    assert len(records) == 1
    assert created - records == {
        ".tauro",
        ".tauro/runs",
        "var",
        "var/forest_cover.db",
        "var/last_capture.csv",
    }


@pytest.mark.parametrize(
    ("pipeline", "environment"),
    [(PIPELINE, "base"), ("forest_training_pipeline", "base"), ("forest_training_pipeline", "dev")],
)
def test_the_configuration_is_valid(project: Project, pipeline: str, environment: str) -> None:
    database = f"sqlite:///{project.folder}/some.db"
    project.environment["FOREST_COVER_DATABASE_URL"] = database
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE forest_cover_samples (sample_hash TEXT)"))
    engine.dispose()
    done = project.python(
        *("-m", "tauro", "run", "--env", environment, "--pipeline", pipeline, "--validate-only")
    )
    assert done.returncode == 0, done.stderr


def test_the_demos_bound_is_that_of_the_configuration() -> None:
    import yaml

    from forest_cover.road import SVC_MAX_ROWS

    nodes = yaml.safe_load((PROJECT / "config/dev/nodes.yaml").read_text())
    assert nodes["train_forest_models"]["params"]["svc_max_rows"] == SVC_MAX_ROWS
