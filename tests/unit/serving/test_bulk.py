"""Whole files through a model: equal to predict, in chunks, taken up, whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.serving.conftest import NAME, ROWS, make_model, register

from tauro.errors import SignatureMismatchError, ValidationError
from tauro.registry import ModelRegistry
from tauro.serving import ModelChoice, predict_file

MANY = pd.concat([ROWS] * 25, ignore_index=True).assign(id=range(100))
CHOICE = ModelChoice(NAME)


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, row_group_size=17)
    return path


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
def test_a_file_gets_the_models_predictions_beside_its_columns(
    registry: ModelRegistry, tmp_path: Path, name: str
) -> None:
    register(registry)
    source, seen = write(MANY, tmp_path / name), list[int]()
    output = tmp_path / "out.parquet"
    result = predict_file(registry, CHOICE, source, output, chunk_rows=30, on_rows=seen.append)
    assert (result.rows, result.resumed, result.version) == (100, 0, 1)
    assert seen == [30, 30, 30, 10]
    found = pd.read_parquet(output)
    assert list(found.columns) == [*MANY.columns, "prediction"]
    assert found["id"].tolist() == MANY["id"].tolist()
    assert found["prediction"].tolist() == registry.load_model(NAME).predict(MANY).tolist()
    notes = pq.read_schema(output).metadata
    assert (notes[b"tauro.model"], notes[b"tauro.version"]) == (NAME.encode(), b"1")
    assert {path.name for path in tmp_path.iterdir()} == {name, "out.parquet", "store"}


class BrokenOffError(Exception):
    """Stands for whatever ends a run."""


def test_a_run_that_was_broken_off_is_taken_up(registry: ModelRegistry, tmp_path: Path) -> None:
    register(registry)
    source, output = write(MANY, tmp_path / "rows.parquet"), tmp_path / "out.parquet"
    done = 0

    def stop(rows: int) -> None:
        nonlocal done
        done += rows
        if done >= 60:
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        predict_file(registry, CHOICE, source, output, chunk_rows=30, on_rows=stop)
    assert not output.exists()
    result = predict_file(registry, CHOICE, source, output, chunk_rows=30)
    assert (result.rows, result.resumed) == (100, 60)
    expected = registry.load_model(NAME).predict(MANY).tolist()
    assert pd.read_parquet(output)["prediction"].tolist() == expected


@pytest.mark.parametrize("change", ["version", "input", "chunk"])
def test_what_another_plan_left_is_not_taken_up(
    registry: ModelRegistry, tmp_path: Path, change: str
) -> None:
    register(registry)
    source, output = write(MANY, tmp_path / "rows.parquet"), tmp_path / "out.parquet"

    def stop(_: int) -> None:
        raise BrokenOffError

    with pytest.raises(BrokenOffError):
        predict_file(registry, CHOICE, source, output, chunk_rows=30, on_rows=stop)
    if change == "version":
        register(registry, flip=True)
    elif change == "input":
        write(MANY.head(99), source)
    chunk = 20 if change == "chunk" else 30
    result = predict_file(registry, CHOICE, source, output, chunk_rows=chunk)
    assert result.resumed == 0
    frame = pd.read_parquet(output)
    expected = registry.load_model(NAME, result.version).predict(frame).tolist()
    assert frame["prediction"].tolist() == expected


def test_rows_that_do_not_fit_are_told_with_their_chunk(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    register(registry)
    wrong: Any = MANY.copy()
    wrong.loc[70, "height"] = None
    source, output = write(wrong, tmp_path / "rows.parquet"), tmp_path / "out.parquet"
    with pytest.raises(SignatureMismatchError, match="Rows 60 to 90"):
        predict_file(registry, CHOICE, source, output, chunk_rows=30)
    assert not output.exists()


def test_an_input_that_is_none_is_refused(registry: ModelRegistry, tmp_path: Path) -> None:
    register(registry)
    good = write(MANY, tmp_path / "rows.parquet")
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"no parquet")
    empty = write(MANY.head(0), tmp_path / "empty.parquet")
    text = tmp_path / "rows.txt"
    text.write_text("a")
    for source in (tmp_path / "absent.parquet", bad, empty, text):
        with pytest.raises(ValidationError):
            predict_file(registry, CHOICE, source, tmp_path / "out.parquet")
    with pytest.raises(ValidationError, match="replace the input"):
        predict_file(registry, CHOICE, good, good)
    with pytest.raises(ValidationError):
        predict_file(registry, CHOICE, good, tmp_path / "out.parquet", chunk_rows=0)


def test_texts_of_a_csv_stay_texts_in_every_chunk(registry: ModelRegistry, tmp_path: Path) -> None:
    """By its first rows `soil` would be numbers, and `height` would be integers."""
    frame = pd.DataFrame({"height": [1.0, 2.0, 2.5], "soil": ["007", "8", "x"], "n": [1, 2, 3]})
    model = make_model(frame, [0, 1, 0])
    registry.register_model(model=model, model_name="coded", input_example=frame)
    many = pd.concat([frame.head(2)] * 20 + [frame], ignore_index=True)
    many.to_csv(tmp_path / "rows.csv", index=False, float_format="%g")
    output = tmp_path / "out.parquet"
    choice = ModelChoice("coded", version=1)
    predict_file(registry, choice, tmp_path / "rows.csv", output, chunk_rows=10)
    found = pd.read_parquet(output)
    assert found["soil"].tolist() == many["soil"].tolist()
    assert found["prediction"].tolist() == model.predict(many).tolist()


def test_memory_does_not_grow_with_the_file(registry: ModelRegistry, tmp_path: Path) -> None:
    """What Arrow holds between two chunks is the same in a file of 8 groups and of 64."""
    register(registry)
    held = {}
    for groups in (8, 64):
        source = tmp_path / f"{groups}.parquet"
        rows = pd.concat([ROWS] * 10_000, ignore_index=True)
        # What does not compress: it is the bytes of the file that must not stay.
        rows["noise"] = np.random.default_rng(0).normal(size=len(rows))
        table = pa.Table.from_pandas(rows, preserve_index=False)
        with pq.ParquetWriter(source, table.schema) as writer:
            for _ in range(groups):
                writer.write_table(table)
        before = pa.total_allocated_bytes()
        seen: list[int] = []
        predict_file(
            registry,
            ModelChoice(NAME),
            source,
            tmp_path / "out.parquet",
            chunk_rows=len(rows),
            on_rows=lambda _, seen=seen, before=before: seen.append(  # type: ignore[misc]
                pa.total_allocated_bytes() - before
            ),
        )
        assert len(seen) == groups
        held[groups] = max(seen)
    assert held[64] < 2 * held[8]
