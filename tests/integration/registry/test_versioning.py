"""Version labels over the registry, and in a table of SQLite and of a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tauro.errors import (
    ModelNotFoundError,
    ModelVersionConflictError,
    StorageError,
    ValidationError,
)
from tauro.mlops._versioning import DatabaseConnection, ModelVersioning, create_model_versioning
from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend, set_storage_provider
from tauro.types import StrPath


@pytest.fixture(autouse=True)
def _store(tmp_path: Path) -> Iterator[None]:
    backend = LocalStorageBackend(tmp_path / "store")
    set_storage_provider(lambda: backend)
    yield
    set_storage_provider(None)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.joblib").write_bytes(b"weights")
    return tmp_path / "model.joblib"


def keep(versioning: ModelVersioning, model: Path, label: str = "1.0.0") -> str:
    return versioning.version_model(
        model_id="ticket_classifier",
        version=label,
        model_path=model,
        metadata={"training_date": "2024-01-15", "accuracy": 0.95},
    )


def test_a_label_is_a_version_of_the_registry(model: Path) -> None:
    versioning = ModelVersioning(DatabaseConnection(...), tenant_id="tenant_123")
    assert keep(versioning, model) == "ticket_classifier:1.0.0"
    found = versioning.get_version("ticket_classifier", "1.0.0")
    assert found["registry_version"] == 1
    assert found["metadata"] == {"training_date": "2024-01-15", "accuracy": 0.95}
    assert "tenants/tenant_123" in found["artifact_uri"]
    version = versioning.registry.get_model_version("ticket_classifier")
    assert version.metrics == {"accuracy": 0.95}


def test_the_same_label_is_the_same_version_or_a_conflict(model: Path) -> None:
    versioning = create_model_versioning(tenant_id="a")
    assert keep(versioning, model) == keep(versioning, model)
    with pytest.raises(ModelVersionConflictError, match="other metadata"):
        versioning.version_model("ticket_classifier", "1.0.0", model, {"accuracy": 0.5})
    model.write_bytes(b"other")
    with pytest.raises(ModelVersionConflictError, match="other content"):
        keep(versioning, model)
    assert keep(versioning, model, "1.1.0") == "ticket_classifier:1.1.0"
    assert [row["version"] for row in versioning.list_versions("ticket_classifier")] == [
        "1.0.0",
        "1.1.0",
    ]


def test_tenants_do_not_see_each_other(model: Path) -> None:
    keep(ModelVersioning(tenant_id="a"), model)
    with pytest.raises(ModelNotFoundError):
        ModelVersioning(tenant_id="b").get_version("ticket_classifier", "1.0.0")


def test_lineage_names_parents_and_dependencies(model: Path) -> None:
    versioning = ModelVersioning()
    keep(versioning, model)
    versioning.version_model(
        "ticket_classifier",
        "2.0.0",
        model,
        dependencies=["scikit-learn==1.5"],
        parents=[("ticket_classifier", 1)],
        run_id="run-1",
    )
    lineage = versioning.get_lineage("ticket_classifier", version="2.0.0")
    assert lineage["parents"] == [{"model_id": "ticket_classifier", "version": 1}]
    assert lineage["dependencies"] == ["scikit-learn==1.5"]
    assert lineage["run"] == "run-1"
    assert lineage["graph"]["nodes"][0]["label"] == "ticket_classifier v2"


def test_an_unknown_label_has_a_close_match(model: Path) -> None:
    versioning = ModelVersioning()
    keep(versioning, model, "1.10.0")
    with pytest.raises(ModelNotFoundError, match=r"Did you mean '1\.10\.0'"):
        versioning.get_version("ticket_classifier", "1.1.0")


@pytest.mark.parametrize("label", ["a b", "../1", "x" * 200, 1, ...])
def test_what_is_no_label_is_refused(model: Path, label: object) -> None:
    with pytest.raises(ValidationError, match="version label"):
        ModelVersioning().version_model("m", label, model)  # type: ignore[arg-type]


def check_table(db: DatabaseConnection, model: Path) -> None:
    """Keep versions from several threads; each is one row."""
    versioning = ModelVersioning(db, tenant_id="tenant_123")
    errors: list[Exception] = []

    def work() -> None:
        try:
            keep(versioning, model)
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    keep(versioning, model, "1.1.0")
    rows = db.rows("ticket_classifier", "tenant_123")
    assert [(row["version"], row["registry_version"]) for row in rows] == [
        ("1.0.0", 1),
        ("1.1.0", 2),
    ]
    assert rows[0]["version_id"] == "ticket_classifier:1.0.0"
    assert '"accuracy": 0.95' in rows[0]["metadata"]
    made = rows[0]["created_at"].replace(tzinfo=rows[0]["created_at"].tzinfo or UTC)
    assert abs((datetime.now(UTC) - made).total_seconds()) < 3600
    assert db.rows("ticket_classifier", "other") == []
    db.close()
    assert len(db.rows(tenant_id="tenant_123")) == 2
    db.close()


def check_race(place: StrPath, model: Path) -> None:
    """Keep versions through connections of which none knows the others, on an empty database."""
    writers = 8
    barrier, errors = threading.Barrier(writers), list[Exception]()

    def work(number: int) -> None:
        db = DatabaseConnection(place)
        try:
            barrier.wait(240)
            keep(ModelVersioning(db), model, f"1.{number}.0")
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
            errors.append(error)
        finally:
            db.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    db = DatabaseConnection(place)
    kept = {row["version"]: row["registry_version"] for row in db.rows("ticket_classifier")}
    db.close()
    assert sorted(kept) == [f"1.{number}.0" for number in range(writers)]
    assert sorted(kept.values()) == list(range(1, writers + 1))


def test_connections_that_race_for_an_empty_sqlite(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    check_race(tmp_path / "versions.db", model)


def test_stores_that_share_a_database_do_not_share_a_label(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    stores = [ModelRegistry(LocalStorageBackend(tmp_path / name)) for name in ("here", "there")]
    db = DatabaseConnection(tmp_path / "versions.db")
    first, second = (ModelVersioning(db, registry=registry) for registry in stores)
    keep(first, model)
    keep(second, model)  # the same content is the same version
    model.write_bytes(b"other")
    keep(first, model, "1.1.0")
    model.write_bytes(b"another")
    with pytest.raises(ModelVersionConflictError, match=r"versions\.db has the version '1\.1\.0'"):
        keep(second, model, "1.1.0")
    assert [row["version"] for row in db.rows()] == ["1.0.0", "1.1.0"]
    db.close()


def test_a_table_in_sqlite(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    check_table(DatabaseConnection(tmp_path / "versions.db"), model)


def test_nothing_connects_before_it_is_used(tmp_path: Path) -> None:
    db = DatabaseConnection("postgresql://ann:hunter2@127.0.0.1:1/nowhere")
    assert "hunter2" not in repr(db)
    assert "127.0.0.1:1/nowhere" in repr(db)
    DatabaseConnection(tmp_path / "versions.db")
    assert not (tmp_path / "versions.db").exists()
    with pytest.raises(ValidationError, match="named by a URL or a path"):
        DatabaseConnection(3)  # type: ignore[arg-type]


def test_a_database_that_does_not_answer_leaves_the_version_in_the_registry(model: Path) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    db = DatabaseConnection("postgresql://ann:hunter2@127.0.0.1:1/nowhere?connect_timeout=2")
    versioning = ModelVersioning(db)
    with pytest.raises(StorageError) as caught:
        keep(versioning, model)
    assert "hunter2" not in str(caught.value)
    assert versioning.get_version("ticket_classifier", "1.0.0")["registry_version"] == 1


def program_of_postgres(name: str) -> str | None:
    """Return the path of a server's program; Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(found[-1]) if found else None)


@pytest.fixture
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real server on a socket in a folder of its own."""
    initdb, server = program_of_postgres("initdb"), program_of_postgres("postgres")
    if initdb is None or server is None:
        if os.environ.get("TAURO_REQUIRE_POSTGRES") == "1":
            pytest.fail("PostgreSQL is not installed, and TAURO_REQUIRE_POSTGRES=1 asks for it")
        pytest.skip("PostgreSQL is not installed")
    folder = Path("/tmp") / f"tauro-pg-{os.getpid()}-{tmp_path_factory.mktemp('pg').name}"
    folder.mkdir()
    # The server refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"
    subprocess.run(
        [initdb, "-D", str(data), "-U", "tauro", "-A", "trust", "--no-sync"],
        check=True,
        capture_output=True,
        user=user,
        cwd=folder,
    )
    process = subprocess.Popen(
        [server, "-D", str(data), "-k", str(folder), "-c", "listen_addresses=", "-F"],
        stderr=subprocess.PIPE,
        text=True,
        user=user,
        cwd=folder,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "ready to accept connections" in line:
                break
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        yield f"postgresql://tauro@/postgres?host={folder}"
        process.send_signal(signal.SIGINT)  # ends without waiting for connections that are open
        process.wait(240)
        drain.join()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        shutil.rmtree(folder)


@pytest.mark.postgres
def test_a_table_in_postgresql(model: Path, postgres: str) -> None:
    check_table(DatabaseConnection(postgres), model)


@pytest.mark.postgres
def test_connections_that_race_for_an_empty_postgresql(model: Path, postgres: str) -> None:
    check_race(postgres, model)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:p/w@host/db", "postgresql+psycopg://me:***@host/db"),
        ("postgresql://host/db?user=me&password=pw", "postgresql+psycopg://host/db?user=me&password=***"),
        ("versions.db", "sqlite:///versions.db"),
    ],
)  # fmt: skip
def test_a_database_shows_no_password(url: str, shown: str) -> None:
    """Wherever in the URL it stands."""
    assert DatabaseConnection(url).shown == shown
