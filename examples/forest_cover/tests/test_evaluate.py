from __future__ import annotations

import re
from pathlib import Path

import pytest

from forest_cover import evaluate
from forest_cover.data import read_csv
from forest_cover.generator import generate_samples
from forest_cover.road import SAMPLE_SIZE, SVC_MAX_ROWS, TRAINING_BATCHES, ingested_samples
from forest_cover.schema import SOURCE_COLUMNS

PROJECT = Path(__file__).resolve().parents[1]
REAL = PROJECT.parents[2] / "shared/data/covertype_22849.csv"
ROW = re.compile(r"\| (?P<data>[^|]+) \| (?P<model>\w+) \| [\d,]+ \| [\d,]+ \| (?P<f1>0\.\d{4}) \|")


def figures(text: str) -> dict[tuple[str, str], float]:
    return {(row["data"], row["model"]): float(row["f1"]) for row in ROW.finditer(text)}


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    path = tmp_path / "samples.csv"
    rows = [list(SOURCE_COLUMNS), *generate_samples(1500)]
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    return path


def test_what_the_demo_ingests_are_samples_of_its_batches() -> None:
    rows = generate_samples(20_000)
    taken = {tuple(row) for row in ingested_samples(rows)}
    assert len(taken) == TRAINING_BATCHES * SAMPLE_SIZE
    assert taken <= {tuple(row) for row in rows[: 2000 * TRAINING_BATCHES]}


def test_the_table_has_three_models_on_two_parts(
    csv_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main(["--data", str(csv_file)]) == 0
    captured = capsys.readouterr()
    found = figures(captured.out)
    assert [model for _, model in found] == ["logistic_regression", "random_forest", "svc"] * 2
    assert {data for data, _ in found} == {"what the demo ingests", "the whole file"}
    assert all(0.3 < value < 1 for value in found.values())
    assert "1,500 samples of" in captured.err


def test_the_file_may_be_named_by_the_environment(
    csv_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOREST_COVER_DATA", str(csv_file.with_name("gone.csv")))
    assert evaluate.main([]) == 1
    assert "The samples cannot be read" in capsys.readouterr().err


def test_the_readme_holds_all_six_figures() -> None:
    assert len(figures((PROJECT / "README.md").read_text())) == 6


@pytest.mark.torture
@pytest.mark.skipif(not REAL.exists(), reason="../shared/data/covertype_22849.csv is not there")
def test_the_figures_of_the_readme_are_those_of_the_real_file() -> None:
    rows = read_csv(REAL)
    found = {
        ("what the demo ingests", one.model): one.f1_macro
        for one in evaluate.evaluate(ingested_samples(rows), SVC_MAX_ROWS)
    } | {("the whole file", one.model): one.f1_macro for one in evaluate.evaluate(rows, None)}
    # Other versions of scikit-learn draw other trees.
    assert figures((PROJECT / "README.md").read_text()) == pytest.approx(found, abs=0.01)
