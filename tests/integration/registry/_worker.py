"""What the processes of these tests do."""

from __future__ import annotations

import errno
import itertools
import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet  # noqa: F401 - what the registry imports on use, once for all processes

from tauro._internal import _fs
from tauro.errors import ModelNotFoundError, StageConflictError, StorageError
from tauro.events import Observers
from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend
from tauro.types import Durability

Fault = Literal["none", "die", "fail"]

# Processes start in some ten milliseconds from a server that has imported everything.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


def open_registry(store: Path, durability: Durability = "process") -> ModelRegistry:
    """Return a registry that nobody looks at."""
    return ModelRegistry(LocalStorageBackend(store), observers=Observers(), durability=durability)


def run_all(target: Callable[..., None], calls: list[tuple[Any, ...]]) -> None:
    """Run a function in one process a call, at the same time."""
    processes = [CONTEXT.Process(target=target, args=call) for call in calls]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)


def register(store: Path, folder: Path, who: str, count: int) -> None:
    """Register files whose content says who made them, and write down the numbers."""
    registry = open_registry(store)
    path, made = folder / f"model-{who}.bin", []
    for number in range(count):
        path.write_text(f"{who}:{number}")
        version = registry.register_model("fraud", path, tags={"made": f"{who}:{number}"})
        made.append(f"{version.version} {who}:{number}")
    (folder / f"made-{who}.txt").write_text("\n".join(made))


def register_own(store: Path, source: Path, who: str, count: int) -> None:
    """Register versions of a model that nobody else registers, and publish the index."""
    registry = open_registry(store)
    for _ in range(count):
        registry.register_model(f"model-{who}", source, metrics={f"m{who}": 1.0})
    registry.close()


def race(store: Path, who: str, count: int) -> None:
    """Promote, alias, delete and restore versions at random."""
    registry, dice = open_registry(store), random.Random(who)
    for _ in range(count):
        version = dice.randint(1, 4)
        try:
            match dice.randint(0, 4):
                case 0 | 1:
                    registry.promote_model("fraud", version, dice.choice(["Production", "Staging"]))
                case 2:
                    registry.set_alias("fraud", dice.choice("ab"), version)
                case 3:
                    registry.delete_model_version("fraud", version)
                case _:
                    registry.restore_model_version("fraud", version)
        except (StageConflictError, ModelNotFoundError):
            continue


def one(store: Path, verb: str, argument: str, report: Path, fault: Fault, at: int) -> None:
    """Call one verb, in the durability with the most steps; its ``at``-th call to the disk fails.

    The report says which call that was, and whether the verb returned.
    """
    registry = open_registry(store, "disk")
    counter = itertools.count(1)
    said: list[str] = []

    def hook(operation: str, path: str) -> None:
        if next(counter) != at:
            return
        said.append(operation)
        report.write_text(f"{operation} ")
        if fault == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    _fs.set_fault_hook(hook if fault != "none" else None)
    try:
        if verb == "register":
            registry.register_model("fraud", argument, metrics={"auc": 0.9})
        elif verb == "promote":
            registry.promote_model("fraud", int(argument), "Production")
        else:
            registry.rename_model("fraud", argument)
    except (StorageError, OSError) as error:
        outcome = f"failed {error}"
    else:
        outcome = "returned"
    finally:
        _fs.set_fault_hook(None)
    report.write_text(f"{said[0] if said else 'nothing'} {outcome}")
    os._exit(0)
