"""What is captured of a run's environment: once a process, cheaply, without ever failing it."""

from __future__ import annotations

import functools
import getpass
import logging
import os
import platform
import socket
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from tauro._internal._git import read_commit
from tauro._internal._secrets import mask_arguments

_log = logging.getLogger(__name__)
_PACKAGES = (
    "tauro",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "xgboost",
    "lightgbm",
    "catboost",
    "torch",
    "tensorflow",
    "keras",
    "onnxruntime",
    "polars",
    "pyspark",
)


@functools.lru_cache(maxsize=1)
def user_name() -> str:
    """Return who runs this process, "" where the system does not say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


@functools.lru_cache(maxsize=1)
def _captured(pid: int) -> dict[str, Any]:
    del pid  # the key: a forked child captures anew
    found: dict[str, Any] = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "command": mask_arguments(sys.argv),
        "working_directory": _working_directory(),
        "packages": _imported_packages(),
    }
    commit = read_commit(Path(found["working_directory"] or "/"))
    if commit is not None:
        found["git"] = commit
    plain: dict[str, Any] = _storable(found)
    return plain


def storable(text: str) -> str:
    """Return a text that UTF-8 can hold: undecodable bytes of file names are written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {key: _storable(each) for key, each in value.items()}
    return value


def capture_environment() -> dict[str, Any]:
    """Return host, command line, versions and git commit; the same mapping's copy each time."""
    return dict(_captured(os.getpid()))


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


def _imported_packages() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
