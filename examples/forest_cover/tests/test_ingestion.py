from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, inspect, select, text

from forest_cover import table
from forest_cover.client import SourceAnswerError
from forest_cover.generator import generate_samples
from forest_cover.schema import COLUMNS, SOURCE_COLUMNS, hash_samples, normalise
from forest_cover.source import BatchClock, SourceServer
from pipelines import ingestion

PROJECT = Path(__file__).resolve().parents[1]
SAMPLES = generate_samples(1000)
WHEN = datetime(2025, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def source() -> Iterator[SourceServer]:
    server = SourceServer(("127.0.0.1", 0), SAMPLES, BatchClock(0), sample_size=40)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder}/samples.db"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The location of an empty database: every test below runs on both."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "deep")
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = table.open_database(database)
    yield engine
    engine.dispose()


def prepared(rows: list[list[str]]) -> pd.DataFrame:
    frame = normalise(pd.DataFrame(rows, columns=list(SOURCE_COLUMNS)))
    return frame.assign(sample_hash=hash_samples(frame))


def insert(engine: Engine, frame: pd.DataFrame, *, batch: int = 1) -> int:
    return table.insert_samples(engine, frame, group_number=2, batch_number=batch, ingested_at=WHEN)


def read_table(engine: Engine) -> pd.DataFrame:
    with engine.connect() as connection:
        return pd.read_sql(select(table.SAMPLES).order_by("sample_hash"), connection)


def rows_of(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(table.SAMPLES)).mappings())


def ingest(source: SourceServer, database: str, csv: Path) -> dict[str, Any]:
    """What the pipeline does in one run."""
    capture = ingestion.fetch_samples(f"http://127.0.0.1:{source.server_port}", group_number=1)
    stored = ingestion.store_samples(capture, database)
    ingestion.write_last_capture(capture, str(csv))
    return stored


def test_the_table_has_features_class_origin_and_a_unique_hash(engine: Engine) -> None:
    columns = {column["name"] for column in inspect(engine).get_columns("forest_cover_samples")}
    assert columns == {*COLUMNS, "sample_hash", "group_number", "batch_number", "ingested_at"}
    keys = inspect(engine).get_pk_constraint("forest_cover_samples")
    assert keys["constrained_columns"] == ["sample_hash"]


def test_only_new_samples_are_inserted_and_counted(engine: Engine) -> None:
    assert insert(engine, prepared(SAMPLES[:30])) == 30
    assert insert(engine, prepared(SAMPLES[:30]), batch=2) == 0
    assert insert(engine, prepared(SAMPLES[20:50]), batch=3) == 20
    rows = rows_of(engine)
    assert len(rows) == 50
    # A sample keeps its first capture.
    assert sorted({row["batch_number"] for row in rows}) == [1, 3]
    assert sum(row["batch_number"] == 1 for row in rows) == 30


def test_more_samples_than_one_statement_holds_are_inserted_once(engine: Engine) -> None:
    many = prepared(generate_samples(2500))
    assert insert(engine, many) == 2500
    assert insert(engine, many) == 0


def test_a_sample_comes_back_as_it_went_in(engine: Engine) -> None:
    rows = [[*row] for row in SAMPLES[:3]]
    rows[0][2] = ""  # a missing number
    rows[1][10] = ""  # a missing category
    rows[2][4] = "-146"
    frame = prepared(rows).sort_values("sample_hash", ignore_index=True)
    insert(engine, frame)
    read = read_table(engine)
    pd.testing.assert_frame_equal(normalise(read), frame[list(COLUMNS)], check_dtype=False)
    assert hash_samples(normalise(read)) == list(frame["sample_hash"])
    row = rows_of(engine)[0]
    assert (row["group_number"], row["batch_number"]) == (2, 1)
    # SQLite keeps no zone; the time is UTC in both.
    assert row["ingested_at"].replace(tzinfo=UTC) == WHEN


def test_an_insert_that_fails_leaves_nothing(engine: Engine) -> None:
    frame = prepared(SAMPLES[:2000])
    broken = frame.assign(sample_hash=[*frame["sample_hash"][:-1], None])
    with pytest.raises(Exception, match=r"(?i)null"):
        insert(engine, broken)
    assert rows_of(engine) == []


def test_ingestions_at_once_insert_each_sample_once(database: str) -> None:
    parts = [prepared(SAMPLES[start : start + 400]) for start in (0, 100, 200, 300)]

    def one(part: pd.DataFrame) -> int:
        engine = table.open_database(database)
        try:
            return insert(engine, part)
        finally:
            engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(one, parts))
    assert sum(counts) == 700
    engine = table.open_database(database)
    assert len(rows_of(engine)) == 700
    engine.dispose()


def test_ten_batches_arrive_and_the_end_is_peaceful(
    source: SourceServer, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = tmp_path / "out" / "last_capture.csv"
    for batch in range(1, 11):
        stored = ingest(source, database, csv)
        assert (stored["batch_number"], stored["received"], stored["collected"]) == (batch, 40, 0)
        assert stored["inserted"] == 40
        assert stored["unknown_categories"] == {"wilderness_area": 0, "soil_type": 0}
        capture = pd.read_csv(csv)
        assert list(capture.columns) == list(COLUMNS)
        assert len(capture) == 40
        assert capture["elevation"].dtype == "int64"
    assert "Batch 10: 40 samples received, 40 new" in capsys.readouterr().out
    before = csv.read_bytes()
    end = ingest(source, database, csv)
    assert end == {"collected": True, "batch_number": None, "received": 0, "inserted": 0}
    assert csv.read_bytes() == before
    assert "has been collected" in capsys.readouterr().out
    engine = table.open_database(database)
    read = read_table(engine)
    engine.dispose()
    assert len(read) == 400
    known = {tuple(row) for row in normalise(_frame(SAMPLES)).itertuples(index=False)}
    assert {tuple(row) for row in normalise(read).itertuples(index=False)} <= known


def _frame(rows: list[list[str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(SOURCE_COLUMNS))


def test_doubles_within_an_answer_are_captured_once(source: SourceServer, tmp_path: Path) -> None:
    shouted = [[*row[:10], row[10].upper(), f" {row[11]} ", row[12]] for row in SAMPLES[:100]]
    source.tenths = [[*SAMPLES[:100], *shouted]] * 10
    source.sample_size = 200
    capture = ingestion.fetch_samples(f"http://127.0.0.1:{source.server_port}")
    assert capture is not None
    assert (capture.received, len(capture.samples)) == (200, 100)
    stored = ingestion.store_samples(capture, sqlite_url(tmp_path))
    assert (stored["received"], stored["inserted"]) == (200, 100)


def test_unknown_categories_are_kept_and_counted(
    source: SourceServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = [[*row[:10], "Narnia", "C9999", row[12]] for row in SAMPLES[:3]]
    source.tenths = [[*strange, *SAMPLES[3:10]]] * 10
    capture = ingestion.fetch_samples(f"http://127.0.0.1:{source.server_port}")
    stored = ingestion.store_samples(capture, sqlite_url(tmp_path))
    assert stored["unknown_categories"] == {"wilderness_area": 3, "soil_type": 3}
    assert "6 unknown categories" in capsys.readouterr().out


def test_a_malformed_answer_stores_nothing_of_it(source: SourceServer, tmp_path: Path) -> None:
    database, csv = sqlite_url(tmp_path), tmp_path / "last.csv"
    ingest(source, database, csv)
    before = csv.read_bytes()
    source.tenths = [[*SAMPLES[:39], [*SAMPLES[39][:12], "9"]]] * 10
    with pytest.raises(SourceAnswerError, match="nothing of it was stored"):
        ingest(source, database, csv)
    engine = table.open_database(database)
    assert len(rows_of(engine)) == 40
    engine.dispose()
    assert csv.read_bytes() == before


def test_the_capture_is_replaced_whole(source: SourceServer, tmp_path: Path) -> None:
    csv = tmp_path / "last.csv"
    for _ in range(3):
        ingest(source, sqlite_url(tmp_path), csv)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.csv", "samples.db"]


def test_another_database_is_refused_with_what_is_possible() -> None:
    with pytest.raises(ValueError, match="the database is mysql; samples are kept in SQLite"):
        table.open_database("mysql://host/name")


def test_a_table_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "samples.db"
    path.write_bytes(b"this is no database at all, but something else" * 100)
    with pytest.raises(Exception, match="not a database"):
        table.open_database(sqlite_url(tmp_path))


@pytest.mark.postgres
def test_the_url_names_the_driver_by_itself(postgres_url: str) -> None:
    engine = table.open_database(postgres_url)
    assert engine.url.drivername == "postgresql+psycopg"
    with engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM forest_cover_samples")).scalar()
    assert count == 0
    engine.dispose()


def test_ingestion_imports_neither_tracking_nor_models() -> None:
    code = "import sys; import pipelines.ingestion; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "pandas" in loaded
    assert not loaded & {"tauro", "sklearn", "matplotlib"}
