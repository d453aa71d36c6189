"""Versions under labels such as ``1.0.0``: in the registry and, where asked for, in a table."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Final

from tauro._internal._optional import load
from tauro._internal._secrets import mask_text
from tauro.errors import ModelVersionConflictError, RunNotFoundError, StorageError, ValidationError
from tauro.registry import ModelRegistry, ModelVersion
from tauro.storage import StorageBackend, get_active_storage
from tauro.tracking import ExperimentTracker
from tauro.types import StrPath

if TYPE_CHECKING:
    from sqlalchemy import Engine, Table

TABLE: Final = "ml_model_versions"
_DRIVERS: Final = {
    "postgres://": "postgresql+psycopg://",
    "postgresql://": "postgresql+psycopg://",
    "mysql://": "mysql+pymysql://",
}


class DatabaseConnection:
    """A database in which versions are kept too. It connects on first use.

    Args:
        url_or_path: A SQLAlchemy URL, or the path of an SQLite file. Without it (or with ``...``)
            there is no database, and versions are kept in the active store alone.
    """

    def __init__(self, url_or_path: StrPath | EllipsisType | None = None) -> None:
        if url_or_path is not None and not isinstance(url_or_path, str | Path | EllipsisType):
            raise ValidationError(
                f"A database is named by a URL or a path, got {url_or_path!r} "
                f"({type(url_or_path).__name__}).",
                suggestions=["For example 'sqlite:///versions.db' or 'postgresql://host/db'."],
            )
        self._url = None if isinstance(url_or_path, EllipsisType) else url_or_path
        self._guard = threading.Lock()
        self._is_ready = False

    def __repr__(self) -> str:
        return f"DatabaseConnection({self.shown!r})"

    @property
    def shown(self) -> str:
        """Where it is, without its password; "" for the active store."""
        if self._url is None:
            return ""
        url = self._full_url()
        head, mark, rest = url.partition("://")
        account, at, place = rest.rpartition("@")
        return mask_text(f"{head}{mark}{account.partition(':')[0]}:***@{place}" if at else url)

    @property
    def is_table(self) -> bool:
        """Whether there is a database."""
        return self._url is not None

    def save(self, row: Mapping[str, Any]) -> None:
        """Keep a version, unless it is kept already.

        Raises:
            ModelVersionConflictError: The table has this label with other content, of another
                store that shares the database.
            StorageError: The database cannot be reached or written.
            MissingExtraError: SQLAlchemy or the driver is not installed.
        """
        sqlalchemy = load("sqlalchemy", extra="sql", purpose="keeping versions in a database")
        key = {name: row[name] for name in ("tenant_id", "model_id", "version")}
        where = sqlalchemy.and_(*(self._table.c[name] == value for name, value in key.items()))
        try:
            self._prepare()
            try:
                with self._engine.begin() as connection:
                    connection.execute(sqlalchemy.insert(self._table).values(**row))
            except sqlalchemy.exc.IntegrityError:
                with self._engine.connect() as connection:
                    query = sqlalchemy.select(self._table.c.content_digest).where(where)
                    kept = connection.execute(query).scalar_one()
                if kept != row["content_digest"]:
                    raise self._conflict(row) from None
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise self._failure(error) from error

    def rows(self, model_id: str | None = None, tenant_id: str = "") -> list[dict[str, Any]]:
        """Return what the table holds of a tenant, oldest first.

        Raises:
            StorageError: The database cannot be reached.
        """
        sqlalchemy = load("sqlalchemy", extra="sql", purpose="reading versions from a database")
        query = sqlalchemy.select(self._table).where(self._table.c.tenant_id == tenant_id)
        if model_id is not None:
            query = query.where(self._table.c.model_id == model_id)
        try:
            self._prepare()
            with self._engine.connect() as connection:
                ordered = query.order_by(self._table.c.model_id, self._table.c.registry_version)
                return [dict(row) for row in connection.execute(ordered).mappings()]
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        if "_engine" in self.__dict__:
            self.__dict__.pop("_engine").dispose()

    def _prepare(self) -> None:
        sqlalchemy = load("sqlalchemy", extra="sql", purpose="connecting to a database")
        with self._guard:
            if self._is_ready:
                return
            try:
                self._table.create(self._engine, checkfirst=True)
            except sqlalchemy.exc.DBAPIError:
                # Of connections that find no table at once, the first one makes it.
                if not sqlalchemy.inspect(self._engine).has_table(TABLE):
                    raise
            self._is_ready = True

    def _conflict(self, row: Mapping[str, Any]) -> ModelVersionConflictError:
        return ModelVersionConflictError(
            f"The database {self.shown} has the version {row['version']!r} of {row['model_id']!r} "
            "already, with other content.",
            context={"model_id": row["model_id"], "version": row["version"]},
            suggestions=["It is another store's. Give this content a new version label."],
        )

    def _full_url(self) -> str:
        url = str(self._url)
        for short, full in _DRIVERS.items():
            if url.startswith(short):
                return full + url[len(short) :]
        return url if "://" in url else f"sqlite:///{url}"

    def _failure(self, error: Exception) -> StorageError:
        first = str(getattr(error, "orig", None) or error).splitlines()[0]
        return StorageError(
            f"The database {self.shown} does not answer: {first}.",
            context={"database": self.shown},
            suggestions=["The version is in the registry; repeat the call to add it to the table."],
        )

    @functools.cached_property
    def _engine(self) -> Engine:
        sqlalchemy = load("sqlalchemy", extra="sql", purpose="connecting to a database")
        url = self._full_url()
        try:
            # SQLite's writers take turns; five seconds, the default, are little on a busy disk.
            waits = {"timeout": 60} if url.startswith("sqlite:") else {}
            engine: Engine = sqlalchemy.create_engine(url, pool_pre_ping=True, connect_args=waits)
        except (sqlalchemy.exc.ArgumentError, ModuleNotFoundError) as error:
            raise ValidationError(
                f"{self.shown!r} names no database that can be reached: {error}.",
                suggestions=["For example 'sqlite:///versions.db' or 'postgresql://host/db'."],
            ) from error
        return engine

    @functools.cached_property
    def _table(self) -> Table:
        sql = load("sqlalchemy", extra="sql", purpose="keeping versions in a database")
        table: Table = sql.Table(
            TABLE,
            sql.MetaData(),
            sql.Column("tenant_id", sql.String(128), primary_key=True),
            sql.Column("model_id", sql.String(255), primary_key=True),
            sql.Column("version", sql.String(128), primary_key=True),
            sql.Column("version_id", sql.String(512), nullable=False),
            sql.Column("registry_version", sql.Integer, nullable=False),
            sql.Column("artifact_uri", sql.Text, nullable=False),
            sql.Column("content_digest", sql.String(128), nullable=False),
            sql.Column("metadata", sql.Text, nullable=False),
            sql.Column("created_by", sql.String(255), nullable=False),
            sql.Column("created_at", sql.DateTime(timezone=True), nullable=False),
        )
        return table


class ModelVersioning:
    """Versions of models under labels of the user's.

    Args:
        db: Where versions are kept besides the registry; nowhere else by default.
        tenant_id: The tenant whose models these are.
        registry: The registry; by default that of the active store.
    """

    def __init__(
        self,
        db: DatabaseConnection | None = None,
        tenant_id: str | None = None,
        *,
        registry: ModelRegistry | None = None,
    ) -> None:
        self.db = db if db is not None else DatabaseConnection()
        self.tenant_id = tenant_id
        self._registry = registry

    @functools.cached_property
    def registry(self) -> ModelRegistry:
        """The registry that holds the versions."""
        if self._registry is not None:
            return self._registry
        storage = get_active_storage(tenant_id=self.tenant_id)
        return ModelRegistry(storage, run_facts=functools.partial(_run_facts, storage))

    def version_model(
        self,
        model_id: str,
        version: str,
        model_path: StrPath,
        metadata: Mapping[str, Any] | None = None,
        *,
        dependencies: Iterable[str] | None = None,
        parents: Iterable[Any] = (),
        run_id: str | None = None,
    ) -> str:
        """Keep a model's file or folder under a label; return the version's id.

        The same label with the same content and metadata is the same version.

        Args:
            model_id: The model's name.
            version: The label, such as ``1.0.0``.
            model_path: The file or folder; it is copied and never opened.
            metadata: JSON values; numbers among them can be compared as metrics.
            dependencies: Requirements.
            parents: Versions it was made from.
            run_id: The run that made it; the active one by default.

        Raises:
            ModelVersionConflictError: The label exists with other content or metadata.
            ValidationError: The label or a value is not acceptable.
            FileNotFoundError: There is nothing at ``model_path``.
        """
        given = dict(metadata or {})
        numbers = {
            key: value
            for key, value in given.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        found = self.registry.register_model(
            model_id,
            model_path,
            hyperparameters=given,
            metrics=numbers,
            dependencies=dependencies,
            parents=parents,
            experiment_run_id=run_id,
            label=version,
        )
        if given and found.hyperparameters != given and _plain(given) != found.hyperparameters:
            raise ModelVersionConflictError(
                f"{model_id} has the version {version!r} already, with other metadata.",
                context={"model_id": model_id, "version": version},
                suggestions=["Give the new metadata a new version label."],
            )
        if self.db.is_table:
            self.db.save(self._row(found))
        return _id_of(found)

    def get_version(self, model_id: str, version: str | int | None = None) -> dict[str, Any]:
        """Return a version by its label or its number in the registry, the latest without.

        Raises:
            ModelNotFoundError: There is none.
        """
        return self._describe(self._find(model_id, version))

    def list_versions(self, model_id: str) -> list[dict[str, Any]]:
        """Return the versions of a model, oldest first.

        Raises:
            ModelNotFoundError: There is no such model.
        """
        found = self.registry.search_models(self.registry.get_model_version(model_id).name)
        return [self._describe(version) for version in found]

    def get_lineage(self, model_id: str, version: str | int | None = None) -> dict[str, Any]:
        """Return what a version comes from: run, parent versions, data, code, dependencies.

        Raises:
            ModelNotFoundError: There is no such version.
        """
        found = self._find(model_id, version)
        lineage = self.registry.lineage(found.name, found.version)
        by_kind: dict[str, list[dict[str, Any]]] = {"run": [], "dataset": [], "code": []}
        for node in lineage.nodes:
            if node.kind in by_kind:
                by_kind[node.kind].append({"id": node.id, "label": node.label, **node.facts})
        return {
            **self._describe(found),
            "run": found.experiment_run_id,
            "runs": by_kind["run"],
            "data": by_kind["dataset"],
            "code": by_kind["code"],
            "parents": [{"model_id": p.name, "version": p.version} for p in found.parents],
            "dependencies": list(found.dependencies),
            "graph": lineage.to_dict(),
        }

    def _find(self, model_id: str, version: str | int | None) -> ModelVersion:
        if isinstance(version, str):
            return self.registry.get_model_by_label(model_id, version)
        return self.registry.get_model_version(model_id, version)

    def _describe(self, found: ModelVersion) -> dict[str, Any]:
        return {
            "version_id": _id_of(found),
            "model_id": found.name,
            "version": found.label or str(found.version),
            "registry_version": found.version,
            "tenant_id": self.tenant_id,
            "stage": found.stage.value,
            "metadata": found.hyperparameters,
            "artifact_uri": found.artifact_uri,
            "created_at": found.created_at,
            "created_by": found.created_by,
        }

    def _row(self, found: ModelVersion) -> dict[str, Any]:
        described = self._describe(found)
        described.pop("stage")
        return {
            **described,
            "tenant_id": self.tenant_id or "",
            "content_digest": found.metadata.digest,
            "metadata": json.dumps(found.hyperparameters, sort_keys=True),
        }


def create_model_versioning(
    db: DatabaseConnection | None = None, tenant_id: str | None = None
) -> ModelVersioning:
    """Return a :class:`ModelVersioning`."""
    return ModelVersioning(db, tenant_id)


def _id_of(found: ModelVersion) -> str:
    return f"{found.name}:{found.label or found.version}"


def _plain(values: dict[str, Any]) -> Any:
    """Return values as they come back from JSON."""
    return json.loads(json.dumps(values, default=str))


def _run_facts(storage: StorageBackend, run_id: str) -> Mapping[str, Any] | None:
    tracker = ExperimentTracker(storage)
    try:
        return tracker.get_run(run_id).to_dict()
    except RunNotFoundError:
        return None
    finally:
        tracker.close()
