"""A process that is killed, or whose disk fails, at every step: rolled forward or absent."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.registry._worker import CONTEXT, Fault, one, open_registry

from tauro.errors import ModelExistsError, ModelNotFoundError
from tauro.registry import ModelRegistry

Check = Callable[[Path, Path, Path, bool], None]


def prepared(tmp_path: Path) -> tuple[Path, Path]:
    """Return a store with two versions, the first in Production, and a folder to register."""
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "a.bin").write_bytes(b"a" * 1000)
    (source / "deep" / "b.bin").write_bytes(b"b" * 1000)
    store = tmp_path / "store"
    registry = open_registry(store)
    for _ in range(2):
        registry.register_model("fraud", source)
    registry.promote_model("fraud", 1, "Production")
    registry.close()
    return store, source


def check_whole(registry: ModelRegistry, source: Path, out: Path) -> None:
    """Check that every version there is can be downloaded and has the right content."""
    for row in registry.list_models():
        for version in registry.list_model_versions(row["name"]):
            folder = out / f"{row['name']}-{version['version']}"
            registry.download_artifact(row["name"], version["version"], folder)
            assert (folder / "deep" / "b.bin").read_bytes() == (
                source / "deep" / "b.bin"
            ).read_bytes()
    registry.repair()
    assert registry.verify() == []


def break_everywhere(
    tmp_path: Path,
    verb: str,
    argument: str,
    fault: Fault,
    every: int,
    check: Check,
    torture_report: Callable[..., None],
) -> None:
    """Break each ``every``-th call to the disk of a verb, and check what a fresh registry sees."""
    store, source = prepared(tmp_path)
    reached = []
    for step in range(1, 400, every):
        broken, report = tmp_path / f"broken-{step}", tmp_path / f"report-{step}"
        shutil.copytree(store, broken)
        process = CONTEXT.Process(
            target=one, args=(broken, verb, argument or str(source), report, fault, step)
        )
        process.start()
        process.join()
        operation, _, outcome = report.read_text().partition(" ")
        if operation == "nothing":
            assert outcome == "returned"
            break
        assert process.exitcode == (-signal.SIGKILL if fault == "die" else 0)
        reached.append(operation)
        check(broken, source, tmp_path / f"out-{step}", outcome == "returned")
        shutil.rmtree(broken)
        torture_report(kills=fault == "die", faults=fault == "fail")
    else:
        pytest.fail("the verb never came to its end")
    assert len(reached) >= 3, reached


def check_registered(store: Path, source: Path, out: Path, was_acknowledged: bool) -> None:
    registry = open_registry(store)
    versions = [row["version"] for row in registry.list_model_versions("fraud")]
    assert versions in ([1, 2], [1, 2, 3])
    if was_acknowledged:
        assert versions == [1, 2, 3]
    check_whole(registry, source, out)
    assert registry.register_model("fraud", source).version == len(versions) + 1
    registry.gc(unfinished_older_than_days=0)
    assert not list((store / "model_registry/staging").iterdir())


def check_promoted(store: Path, source: Path, out: Path, was_acknowledged: bool) -> None:
    registry = open_registry(store)
    stages = [row["stage"] for row in registry.list_model_versions("fraud")]
    assert stages in (["Production", "None"], ["Archived", "Production"])
    if was_acknowledged:
        assert stages == ["Archived", "Production"]
    check_whole(registry, source, out)
    assert registry.rollback_model("fraud", to_version=1).version == 1


def check_renamed(store: Path, source: Path, out: Path, was_acknowledged: bool) -> None:
    registry = open_registry(store)
    try:
        found = registry.get_model_version("risk")
    except ModelNotFoundError:
        assert not was_acknowledged
        name = "fraud"
    else:
        name = "risk"
        assert found.version == 2
        with pytest.raises(ModelExistsError):
            registry.register_model("fraud", source)
    assert [row["name"] for row in registry.list_models()] == [name]
    assert registry.get_model_by_stage(name, "Production").version == 1
    assert registry.register_model(name, source).version == 3
    check_whole(registry, source, out)


CASES = [
    ("register", "", check_registered, 11),
    ("promote", "2", check_promoted, 8),
    ("rename", "risk", check_renamed, 17),
]


@pytest.mark.parametrize("fault", ["die", "fail"])
@pytest.mark.parametrize(("verb", "argument", "check", "every"), CASES, ids=[c[0] for c in CASES])
def test_some_steps(
    tmp_path: Path,
    verb: str,
    argument: str,
    check: Check,
    every: int,
    fault: Fault,
    torture_report: Callable[..., None],
) -> None:
    break_everywhere(tmp_path, verb, argument, fault, every, check, torture_report)


@pytest.mark.torture
@pytest.mark.parametrize("fault", ["die", "fail"])
@pytest.mark.parametrize(("verb", "argument", "check", "every"), CASES, ids=[c[0] for c in CASES])
def test_every_step(
    tmp_path: Path,
    verb: str,
    argument: str,
    check: Check,
    every: int,
    fault: Fault,
    torture_report: Callable[..., None],
) -> None:
    del every
    break_everywhere(tmp_path, verb, argument, fault, 1, check, torture_report)
