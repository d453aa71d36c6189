"""Tables and queries of databases, by SQLAlchemy."""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from typing import Any, Final

from tauro._internal import _optional
from tauro._internal._close import did_you_mean
from tauro._internal._dataset import DatasetSpec
from tauro._internal._fork import tell_after_fork
from tauro._internal._secrets import mask_text
from tauro.catalog._engine import READ_ERRORS, Engine, convert, reading, writing
from tauro.catalog._registry import load_engine
from tauro.catalog._schema import checked
from tauro.errors import DatasetError, DatasetNotFoundError

_LOCKED: Final = 60
"""Seconds that SQLite waits for another writer, unless the URL says otherwise."""


class SqlDataset:
    """A table, read and written, or a query, read only.

    A save is one transaction, where the database lets tables be made in one (MySQL does not).

    Args:
        spec: ``connection`` is SQLAlchemy's URL; ``table`` may be ``schema.table``. Load options
            are the query's parameters (``params``); save options go to pandas' ``to_sql``.
        root: Where the path of an SQLite file starts.
    """

    def __init__(self, spec: DatasetSpec, root: Path) -> None:
        self._spec = spec
        self._sql = _optional.load("sqlalchemy", extra="sql", purpose="The format 'sql'")
        if not spec.connection:
            raise DatasetError(
                f"Dataset {spec.name!r} (sql) has no 'connection'.",
                suggestions=["Write 'connection: ${DATABASE_URL}'."],
            )
        with reading(spec, "its connection", self._errors):
            url = self._sql.make_url(spec.connection)
        if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
            url = url.set(database=str(root / url.database))
        self._url = url
        self._shown = f"{mask_text(url.render_as_string(hide_password=True))}"
        schema, _, table = (spec.table or "").rpartition(".")
        self._schema, self._table = schema or None, table
        self._lock = threading.Lock()
        self._made: Any = None
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        if self._made is not None:
            # Connections of the parent: a child must neither use nor end them.
            self._made.dispose(close=False)

    @property
    def _errors(self) -> tuple[type[Exception], ...]:
        error: type[Exception] = self._sql.exc.SQLAlchemyError
        return (*READ_ERRORS, error)

    @property
    def _is_absent_file(self) -> bool:
        name = self._url.database if self._url.get_backend_name() == "sqlite" else ""
        return bool(name) and name != ":memory:" and not os.path.exists(name)

    def _database(self) -> Any:
        with self._lock:
            if self._made is None:
                try:
                    self._made = self._create()
                except ImportError as error:
                    driver = error.name or self._url.drivername
                    raise _optional.missing(
                        driver, extra=None, purpose=f"The database {self._shown}"
                    ) from error
                weakref.finalize(self, self._made.dispose)
            return self._made

    def _create(self) -> Any:
        if self._url.get_backend_name() != "sqlite":
            return self._sql.create_engine(self._url)
        waits = {} if "timeout" in self._url.query else {"timeout": _LOCKED}
        database = self._sql.create_engine(self._url, connect_args=waits)
        self._begin_for_tables_too(database)
        return database

    def _begin_for_tables_too(self, database: Any) -> None:
        """Make SQLite's driver hold the dropping and making of tables in transactions too."""

        def connected(connection: Any, _record: Any) -> None:
            connection.isolation_level = None

        def begun(connection: Any) -> None:
            # A transaction that reads first and writes then would fail where another one wrote
            # in between; one that is to write waits for its turn.
            writes = connection.get_execution_options().get("tauro_writes")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        self._sql.event.listen(database, "connect", connected)
        self._sql.event.listen(database, "begin", begun)

    def load(self) -> Any:
        """Return the rows of the table or of the query as a frame.

        Raises:
            DatasetNotFoundError: There is no such table.
            SchemaMismatchError: The rows are not of the declared schema.
            DatasetError: The database refuses.
        """
        spec = self._spec
        engine: Engine = load_engine(spec.engine, spec.name)
        if not spec.query and not self.exists():
            self._absent()
        with reading(spec, self._shown, (*engine.errors, *self._errors)):
            frame = self._rows(engine)
        return checked(frame, spec, engine, self._shown)

    def _rows(self, engine: Engine) -> Any:
        options = dict(self._spec.load_options)
        statement = self._statement()
        with self._database().connect() as connection:
            if engine.name == "pandas":
                import pandas as pd

                return pd.read_sql_query(statement, connection, **options)
            result = connection.execute(statement, options.get("params") or {})
            return engine.from_records([dict(row) for row in result.mappings()])

    def _statement(self) -> Any:
        if self._spec.query:
            return self._sql.text(self._spec.query)
        table = self._sql.table(self._table, schema=self._schema)
        return self._sql.select(self._sql.literal_column("*")).select_from(table)

    def _absent(self) -> None:
        tables: list[str] = []
        if not self._is_absent_file:
            inspector = self._sql.inspect(self._database())
            tables = inspector.get_table_names(schema=self._schema)
        raise DatasetNotFoundError(
            f"Dataset {self._spec.name!r} cannot be loaded: there is no table "
            f"{self._spec.table!r} in {self._shown}.",
            suggestions=did_you_mean(self._table, tables)
            or [f"Tables: {', '.join(tables) or 'none'}."],
        )

    def save(self, data: Any) -> None:
        """Write a frame to the table, as the write mode says, in one transaction.

        Raises:
            DatasetError: It is no frame, the dataset is a query, or the database refuses.
        """
        spec = self._spec
        if not spec.table:
            raise DatasetError(
                f"Dataset {spec.name!r} is a query and cannot be saved to.",
                suggestions=["Give it a 'table:' instead of a 'query:'."],
            )
        if spec.write_mode == "ignore" and self.exists():
            return
        engine: Engine = load_engine("pandas", spec.name)
        frame = convert(data, engine, spec)
        modes = {"overwrite": "replace", "append": "append", "error": "fail", "ignore": "fail"}
        options = {"index": False, "schema": self._schema, **spec.save_options}
        with (
            writing(spec, self._shown, (*engine.errors, *self._errors)),
            self._database().execution_options(tauro_writes=True).begin() as connection,
        ):
            frame.to_sql(self._table, connection, if_exists=modes[spec.write_mode], **options)

    def exists(self) -> bool:
        """Tell whether the table is there; for a query, whether the database answers it."""
        if self._is_absent_file:
            return False  # connecting would make it
        with reading(self._spec, self._shown, self._errors):
            if self._spec.query:
                with self._database().connect():
                    return True
            inspector = self._sql.inspect(self._database())
            return bool(inspector.has_table(self._table, schema=self._schema))

    def fingerprint(self) -> str:
        """Return the empty text: a database does not tell cheaply whether rows changed."""
        return ""

    def describe(self) -> dict[str, Any]:
        """Return the database, without its password, and the table or query."""
        return {**self._spec.to_dict(), "connection": self._shown}
