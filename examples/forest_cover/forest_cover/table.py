"""The table ``forest_cover_samples``: one code path for SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    create_engine,
    inspect,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from forest_cover.schema import CATEGORICAL, COLUMNS, NUMERIC, TARGET

SAMPLES = Table(
    "forest_cover_samples",
    MetaData(),
    # The hash of the 13 normalised values: what makes a sample one sample.
    Column("sample_hash", String(64), primary_key=True),
    *(Column(name, Integer) for name in NUMERIC),
    *(Column(name, Text) for name in CATEGORICAL),
    Column(TARGET, SmallInteger, nullable=False),
    Column("group_number", SmallInteger, nullable=False),
    Column("batch_number", SmallInteger, nullable=False),
    Column("ingested_at", DateTime(timezone=True), nullable=False),
)

# Both say INSERT … ON CONFLICT DO NOTHING … RETURNING; only the import differs.
_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def open_database(url: str) -> Engine:
    """Return an engine for a database; the file and the table are made when they are missing.

    Args:
        url: ``sqlite:///path/to/file.db`` or ``postgresql://user:password@host/name``.

    Raises:
        ValueError: The database is neither SQLite nor PostgreSQL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() not in _INSERT:
        raise ValueError(
            f"the database is {parsed.get_backend_name()}; samples are kept in SQLite "
            "(sqlite:///path/to/file.db) or PostgreSQL (postgresql://user:password@host/name)"
        )
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed)
    _create_table(engine)
    return engine


def _create_table(engine: Engine) -> None:
    try:
        SAMPLES.create(engine, checkfirst=True)
    except DBAPIError:
        # Another process may have made it between the check and the creation.
        if not inspect(engine).has_table(SAMPLES.name):
            raise


def insert_samples(
    engine: Engine,
    samples: pd.DataFrame,
    *,
    group_number: int,
    batch_number: int,
    ingested_at: datetime,
) -> int:
    """Insert samples whose hash is not there yet, all or none; return how many were new.

    A sample that is there keeps the group, the batch and the time of its first capture.

    Args:
        engine: As :func:`open_database` returned it.
        samples: The 13 columns, normalised, and ``sample_hash``.
        group_number: The group the samples were given to.
        batch_number: The batch they are of.
        ingested_at: When they came, with a time zone.
    """
    origin = {
        "group_number": group_number,
        "batch_number": batch_number,
        "ingested_at": ingested_at,
    }
    rows = [{**row, **origin} for row in _rows(samples)]
    if not rows:
        return 0
    statement = (
        _INSERT[engine.dialect.name](SAMPLES)
        .on_conflict_do_nothing(index_elements=[SAMPLES.c.sample_hash])
        .returning(SAMPLES.c.sample_hash)
    )
    with engine.begin() as connection:
        return len(connection.execute(statement, rows).all())


def _rows(samples: pd.DataFrame) -> list[dict[str, Any]]:
    integers = samples.astype(dict.fromkeys((*NUMERIC, TARGET), "Int64")).astype(object)
    plain = integers[["sample_hash", *COLUMNS]].where(integers.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]
