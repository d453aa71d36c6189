"""Puts the project on the import path, as `tauro` does for its pipelines; a real PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]

if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))


def _postgres_binaries() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(folders, key=lambda path: int(path.parts[-3].split(".")[0]))
    return newest[-1].parent if newest else None


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[str]:
    """The folder of the socket of a new PostgreSQL server, which listens on no port."""
    binaries = _postgres_binaries()
    if binaries is None:
        absent = "PostgreSQL's initdb is neither on PATH nor in /usr/lib/postgresql"
        (pytest.fail if os.environ.get("TAURO_REQUIRE_POSTGRES") == "1" else pytest.skip)(absent)
    # The server refuses to run as root; pytest's own folders are closed to other users.
    user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="forest-postgres-"))

    def run(command: str, *arguments: str) -> None:
        account = pwd.getpwnam(user)
        rights = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        subprocess.run(
            [str(binaries / command), "-D", str(folder / "data"), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            **(rights if os.getuid() == 0 else {}),
        )

    options = f"-c listen_addresses='' -c fsync=off -k {folder}"
    try:
        if os.getuid() == 0:
            shutil.chown(folder, user)
        run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        run("pg_ctl", "start", "-w", "-t", "240", "-l", str(folder / "log"), "-o", options)
        yield str(folder)
    finally:
        if (folder / "data/postmaster.pid").exists():
            run("pg_ctl", "stop", "-w", "-t", "240", "-m", "immediate")
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The address of an empty database."""
    from sqlalchemy import create_engine, text

    admin = create_engine(
        f"postgresql+psycopg://postgres@/postgres?host={postgres_server}",
        isolation_level="AUTOCOMMIT",
    )
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS samples WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE samples"))
    admin.dispose()
    return f"postgresql://postgres@/samples?host={postgres_server}"
