"""Environments for peers, each made on first use under ``build/bench`` and kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"


def uv() -> str:
    """Return the uv to use: the one on the path, or the one that the Makefile installed."""
    found = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    if not Path(found).exists():
        sys.exit("uv is not here; `make setup` installs it")
    return found


def peer_python(name: str, requirements: Sequence[str]) -> str | None:
    """Return the interpreter of an environment with a peer, None where it does not install."""
    folder = BUILD / name
    python, done = folder / "bin" / "python", folder / "done.json"
    wanted = json.dumps(sorted(requirements))
    if done.exists() and done.read_text() == wanted:
        return str(python)
    print(f"making the environment of {name} …", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    install = [uv(), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
    for command in (
        [uv(), "venv", "--quiet", "--python", "3.11", str(folder)],
        [*install, *requirements],
    ):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            print(f"{name} does not install: {result.stderr.strip()[-300:]}", file=sys.stderr)
            return None
    done.write_text(wanted)
    return str(python)


def plain_environment() -> dict[str, str]:
    """Return the variables a measured process gets: modules are compiled once, as if installed.

    Where PYTHONDONTWRITEBYTECODE is set, every process would compile all it imports again. Peers
    that report their use are told not to.
    """
    dropped = ("PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "DO_NOT_TRACK": "1", "KEDRO_DISABLE_TELEMETRY": "1"}


def measure(python: str, script: Path, *arguments: object, timeout: float = 900) -> dict[str, Any]:
    """Run a worker script in an environment; return the JSON of its last line.

    Where it fails, or takes longer than ``timeout`` seconds, return ``{"error": why}``.
    """
    command = [python, str(script), *map(str, arguments)]
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=plain_environment(),
        )
    except subprocess.TimeoutExpired:
        return {"error": f"took longer than {timeout:.0f} s"}
    if result.returncode:
        return {"error": result.stderr.strip().splitlines()[-1] if result.stderr else "failed"}
    found: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    return found


def machine() -> str:
    """Return one line about the machine that a figure was taken on."""
    import platform

    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under heads, columns aligned."""
    cells = [list(heads), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    for number, row in enumerate(cells):
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
        if number == 0:
            print("  ".join("-" * width for width in widths))
