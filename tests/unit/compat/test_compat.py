"""Older import paths reach the same objects."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

import tauro.compat
from tauro.compat import ALWAYS, ON_REQUEST


def _python(code: str, *options: str, cwd: Path | None = None) -> str:
    """Run code in a fresh interpreter, warnings as errors, and return what it printed."""
    arguments = [sys.executable, "-W", "error", *options]
    if not options:
        arguments += ["-c", textwrap.dedent(code)]
    done = subprocess.run(
        arguments,
        capture_output=True,
        text=True,
        timeout=240,
        cwd=cwd,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("older", "name", "home"),
    [
        ("tauro.core.mlops", "ExperimentTracker", "tauro.tracking"),
        ("tauro.core.mlops.config", "MLOpsContext", "tauro.mlops"),
        ("tauro.core.mlops.config", "StorageBackendFactory", "tauro.mlops"),
        ("tauro.core.mlops.storage", "LocalStorageBackend", "tauro.storage"),
        ("tauro.core.mlops.model_registry", "ModelStage", "tauro.registry"),
        ("tauro.core.mlops.experiment_tracking", "RunStatus", "tauro.tracking"),
        ("tauro.core.mlops.protocols", "LockProtocol", "tauro.concurrency"),
        ("tauro.core.mlops.events", "EventEmitter", "tauro.events"),
        ("tauro.core.mlops.cache", "LRUCache", "tauro.cache"),
        ("tauro.core.mlops.cache", "CachedStorage", "tauro.storage"),
        ("tauro.core.mlops.base", "BaseMLOpsComponent", "tauro.mlops"),
        ("tauro.core.mlops.health", "HealthMonitor", "tauro.health"),
        ("tauro.core.mlops.exceptions", "MLOpsException", "tauro.errors"),
        ("tauro.core.mlops.concurrency", "FileLock", "tauro.concurrency"),
        ("tauro.core.mlops.resilience", "CircuitBreaker", "tauro.resilience"),
        ("tauro.core.mlops.validators", "PathValidator", "tauro.validation"),
        ("tauro.core.config", "Context", "tauro"),
        ("tauro.core.exec", "PipelineExecutor", "tauro"),
        ("tauro.core.exec.executor", "BaseExecutor", "tauro.project"),
        ("tauro.cli.config", "AppConfigManager", "tauro.config"),
    ],
)
def test_older_paths_that_are_always_there(older: str, name: str, home: str) -> None:
    assert getattr(import_module(older), name) is getattr(import_module(home), name)


def test_they_need_nothing_but_their_import() -> None:
    _python("import tauro.core.mlops.events")
    _python("import tauro.cli.config")


ENABLED = """
import importlib
import tauro.compat
tauro.compat.enable()
tauro.compat.enable()
from engine.mlops import EventEmitter, ModelRegistry, init_mlops
from engine.mlops.locking import FileLock
from engine.mlops.transaction import SafeTransaction
from engine.mlops.factory import StorageBackendFactory
from src.core.machine_learning.mlops import ExperimentTracker
from src.core.machine_learning.mlops.exceptions import DeploymentError, ExperimentError
import engine.mlops.events
import engine.mlops.events as events
import tauro.concurrency, tauro.errors, tauro.events, tauro.mlops, tauro.tracking
assert EventEmitter is events.EventEmitter is engine.mlops.events.EventEmitter
assert EventEmitter is tauro.events.EventEmitter
assert FileLock is tauro.concurrency.FileLock
assert ExperimentTracker is tauro.tracking.ExperimentTracker
assert ExperimentError is tauro.errors.ExperimentError
for name in tauro.compat.ON_REQUEST:
    module = importlib.import_module(name)
    assert module.__name__ == name and module.__spec__.name == name, name
    assert importlib.reload(module) is module
namespace = {}
exec("from engine.mlops.events import *", namespace)
assert namespace["EventType"] is tauro.events.EventType
print("done")
"""


def test_those_on_request_come_with_enable() -> None:
    assert _python(ENABLED) == "done\n"


def test_without_enable_they_are_not_there() -> None:
    _python(
        """
        import tauro, tauro.cli, tauro.core
        for name in ("engine", "engine.mlops", "src.core.machine_learning"):
            try:
                __import__(name)
            except ModuleNotFoundError as error:
                assert error.name == name.partition(".")[0], error
            else:
                raise AssertionError(name)
        """,
        cwd=Path("/"),
    )


def test_no_code_runs_a_second_time() -> None:
    """After every older path was used, each source file stands behind one module only."""
    out = _python(
        """
        import collections, importlib, sys
        import tauro.compat
        tauro.compat.enable()
        for name in [*tauro.compat.ALWAYS, *tauro.compat.ON_REQUEST]:
            module = importlib.import_module(name)
            for public in dir(module):
                getattr(module, public, None)
        files = collections.Counter(
            module.__file__
            for name, module in list(sys.modules.items())
            if getattr(module, "__file__", None) and "tauro" in module.__file__
        )
        print([file for file, count in files.items() if count > 1])
        print(sum(type(finder).__module__ == "tauro.compat" for finder in sys.meta_path))
        """
    )
    assert out == "[]\n1\n"


USERS_PACKAGE = {
    "src/__init__.py": "WHOSE = 'mine'\n",
    "src/features.py": "VALUE = 3\n",
    "src/core/__init__.py": "",
    "src/core/mine.py": "VALUE = 4\n",
}


def _lay_out(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


USING_BOTH = """
import src.features
import src.core.mine
from src.core.machine_learning.mlops import ExperimentTracker
assert src.features.VALUE == 3 and src.core.mine.VALUE == 4
print(ExperimentTracker.__module__.startswith("tauro"))
"""


@pytest.mark.parametrize("regular", [True, False], ids=["package", "namespace"])
def test_a_users_own_src_keeps_working(tmp_path: Path, regular: bool) -> None:
    files = {
        name: text
        for name, text in USERS_PACKAGE.items()
        if regular or not name.endswith("__init__.py")
    }
    _lay_out(tmp_path, {**files, "script.py": USING_BOTH})
    assert _python("", "-m", "tauro.compat", str(tmp_path / "script.py")) == "True\n"


def test_a_users_own_src_may_come_later(tmp_path: Path) -> None:
    _lay_out(tmp_path / "later", USERS_PACKAGE)
    code = f"""
    import sys, tauro.compat
    tauro.compat.enable()
    import src.core.machine_learning.mlops
    sys.path.insert(0, {str(tmp_path / "later")!r})
    import src.features, src.core.mine
    assert (src.features.VALUE, src.core.mine.VALUE) == (3, 4)
    """
    _python(code, cwd=Path("/"))


def test_a_users_own_engine_goes_first(tmp_path: Path) -> None:
    _lay_out(
        tmp_path,
        {
            "engine/__init__.py": "",
            "engine/mlops.py": "WHOSE = 'mine'\n",
            "script.py": "import engine.mlops\nprint(engine.mlops.WHOSE)\n",
        },
    )
    assert _python("", "-m", "tauro.compat", str(tmp_path / "script.py")) == "mine\n"


def test_a_script_gets_its_arguments_and_its_folder(tmp_path: Path) -> None:
    _lay_out(
        tmp_path,
        {
            "script.py": (
                "import sys, neighbour\n"
                "from engine.mlops import EventType\n"
                "print(__name__, sys.argv[1:], neighbour.VALUE, EventType.RUN_STARTED)\n"
                "import tauro.compat\n"
                "print(tauro.compat.__dict__ is sys.modules['tauro.compat'].__dict__)\n"
            ),
            "neighbour.py": "VALUE = 5\n",
        },
    )
    out = _python("", "-m", "tauro.compat", str(tmp_path / "script.py"), "--epochs", "3")
    assert out == "__main__ ['--epochs', '3'] 5 run.started\nTrue\n"


def test_a_module_is_run_too(tmp_path: Path) -> None:
    _lay_out(
        tmp_path,
        {"job/__init__.py": "", "job/__main__.py": "import sys, engine.mlops\nprint(sys.argv[1:])"},
    )
    assert _python("", "-m", "tauro.compat", "-m", "job", "a", cwd=tmp_path) == "['a']\n"


@pytest.mark.parametrize("arguments", [[], ["-m"], ["--help"]])
def test_without_a_script_it_says_how_it_is_used(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match=r"usage: python -m tauro\.compat"):
        tauro.compat.main(arguments)


def test_a_name_that_is_not_there_is_an_error_that_says_where_names_live() -> None:
    events = import_module("tauro.core.mlops.events")
    with pytest.raises(AttributeError, match=r"'tauro.core.mlops.events'.*tauro.events"):
        events.Nothing  # noqa: B018
    with pytest.raises(ImportError, match="Nothing"):
        exec("from tauro.core.mlops.events import Nothing")
    with pytest.raises(ModuleNotFoundError, match="nothing"):
        import_module("tauro.core.mlops.nothing")


def test_an_older_module_lists_its_names() -> None:
    import tauro.concurrency

    older = import_module("tauro.core.mlops.concurrency")
    assert set(tauro.concurrency.__all__) <= set(dir(older))
    assert older.__all__ == tauro.concurrency.__all__


GENERATION_ONE = """
tauro.cli.config tauro.core.config tauro.core.mlops tauro.core.exec tauro.core.exec.executor
tauro.core.exec.mlops_auto_config
"""
SUBMODULES = """
base cache concurrency config events exceptions experiment_tracking health mlflow model_registry
protocols resilience storage validators
"""
REPLACED = "locking transaction factory mlflow_adapter mlflow_decorators mlflow_utils"
LIFECYCLE = """
src.core.machine_learning.mlops src.core.machine_learning.mlops.mlops_pipeline
src.core.machine_learning.mlops.exceptions src.core.machine_learning.mlops.functions
src.core.postgresql_database.connection
"""


def test_the_table_is_what_the_documents_name() -> None:
    below = {f"tauro.core.mlops.{name}" for name in SUBMODULES.split()}
    assert {*GENERATION_ONE.split(), *below} == set(ALWAYS)
    below = {f"engine.mlops.{name}" for name in f"{SUBMODULES} {REPLACED}".split()}
    assert {"engine.mlops", *below, *LIFECYCLE.split()} <= set(ON_REQUEST)


LISTED = """
import importlib
import tauro.compat
from tauro.compat import ALWAYS, ON_REQUEST

tauro.compat.enable()
strangers = {"ExperimentTracker", "FileLock", "DriftDetector"}
for older in [*ALWAYS, *ON_REQUEST]:
    module = importlib.import_module(older)
    for name in module.__all__:
        getattr(module, name)
    for name in strangers - set(dir(module)):
        assert not hasattr(module, name), (older, name)
"""


def test_each_older_module_has_every_name_it_lists_and_no_other(tmp_path: Path) -> None:
    """A module that had four names does not answer for all that its new home holds."""
    command = [sys.executable, "-W", "error", "-c", LISTED]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_script_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tauro.compat", "missing.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "python -m tauro.compat: there is no file 'missing.py'\n"


SPAWNING = """
import multiprocessing
import tauro.compat

tauro.compat.enable()
from engine.mlops.cache import LRUCache


def is_ours(name):
    import tauro.cache
    return getattr(tauro.cache, name) is LRUCache


if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(is_ours, ["LRUCache"]))
"""


def test_a_script_that_spawns_enables_them_itself(tmp_path: Path) -> None:
    script = tmp_path / "spawning.py"
    script.write_text(SPAWNING)
    for command in ([str(script)], ["-m", "tauro.compat", str(script)]):
        done = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, timeout=240, check=False
        )
        assert done.stdout == "[True]\n", done.stderr
