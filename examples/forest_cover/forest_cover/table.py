"""The table ``forest_cover_samples``: one code path for SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime
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
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from forest_cover.paths import in_project
from forest_cover.schema import CATEGORICAL, COLUMNS, FEATURES, NUMERIC, TARGET

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
_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def open_database(location: str) -> Engine:
    """Return an engine for a database URL, or for the path of an SQLite file; make the table.

    A relative path starts at the project.

    Raises:
        ValueError: The database is neither SQLite nor PostgreSQL.
    """
    if "://" in location:
        url = make_url(location)
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
    else:
        path = in_project(location)
        path.parent.mkdir(parents=True, exist_ok=True)
        url = make_url(f"sqlite:///{path}")
    if url.get_backend_name() not in _INSERT:
        raise ValueError(
            f"the database is {url.get_backend_name()}; samples are kept in SQLite (a path) or "
            "PostgreSQL (postgresql://user:password@host/name)"
        )
    engine = create_engine(url)
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
    return plain.to_dict("records")


def read_samples(engine: Engine) -> pd.DataFrame:
    """Return all samples, in an order that depends on them alone."""
    columns = [SAMPLES.c[name] for name in (*FEATURES, TARGET)]
    query = select(SAMPLES.c.sample_hash, *columns).order_by(SAMPLES.c.sample_hash)
    with engine.connect() as connection:
        return pd.read_sql(query, connection)
