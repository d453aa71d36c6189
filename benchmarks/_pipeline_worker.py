"""A thousand trivial nodes in one system: the last line is JSON with seconds, import left out.

python _pipeline_worker.py SYSTEM COUNT SHAPE FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def upstream(number: int, shape: str) -> int | None:
    """Return the node that a node waits for: a chain, or all at the first one."""
    if number == 0:
        return None
    return number - 1 if shape == "chain" else 0


def write_tauro_project(folder: Path, count: int, shape: str) -> None:
    functions = ["def start(): return 0", "def step(x): return x + 1"]
    (folder / "steps.py").write_text("\n".join(functions) + "\n")
    lines = ["n0:", "  function: steps.start"]
    for number in range(1, count):
        lines += [f"n{number}:", "  function: steps.step"]
        lines += ["  inputs:", f"    x: n{upstream(number, shape)}"]
    (folder / "nodes.yaml").write_text("\n".join(lines) + "\n")
    names = "\n".join(f"    - n{number}" for number in range(count))
    (folder / "pipelines.yaml").write_text(f"main:\n  nodes:\n{names}\n")
    for name in ("settings", "input", "output"):
        (folder / f"{name}.yaml").write_text("{}\n")
    base = {
        "global_settings_path": "settings.yaml",
        "pipelines_config_path": "pipelines.yaml",
        "nodes_config_path": "nodes.yaml",
        "input_config_path": "input.yaml",
        "output_config_path": "output.yaml",
    }
    (folder / "settings_json.json").write_text(json.dumps({"env_config": {"base": base}}))


def write_kedro_project(folder: Path, version: str) -> None:
    """Write the smallest project that ``kedro run`` runs: one node, nothing in the catalog."""
    package = folder / "src" / "one"
    for made in (package, folder / "conf" / "base", folder / "conf" / "local"):
        made.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        '[tool.kedro]\npackage_name = "one"\nproject_name = "one"\nsource_dir = "src"\n'
        f'kedro_init_version = "{version}"\n'
    )
    (folder / "conf" / "base" / "catalog.yml").write_text("{}\n")
    (package / "__init__.py").touch()
    (package / "settings.py").touch()
    (package / "pipeline_registry.py").write_text(
        "from kedro.pipeline import node, pipeline\n"
        "def start():\n    return 0\n"
        "def register_pipelines():\n"
        '    return {"__default__": pipeline([node(start, None, "d0", name="n0")])}\n'
    )


def run_tauro(count: int, shape: str, folder: Path) -> dict[str, Any]:
    """Read the YAML files, plan, run and record; a hook and a listener are installed."""
    from tauro.events import EventType, HookType, get_event_emitter, get_hooks_manager
    from tauro.project import open_project

    first = folder / "first"
    first.mkdir()
    write_tauro_project(first, 1, shape)
    open_project(first).run_pipeline("main")  # what loads on first use counts as import
    seen: list[object] = []
    get_hooks_manager().register(HookType.PRE_NODE_RUN, lambda data: None)
    get_event_emitter().subscribe(EventType.NODE_COMPLETED, seen.append)
    write_tauro_project(folder, count, shape)
    sys.path.remove(str(first))
    del sys.modules["steps"]
    began = time.perf_counter()
    executor = open_project(folder)
    loaded = time.perf_counter()
    result = executor.run_pipeline("main")
    ended = time.perf_counter()
    last = result.outputs[f"n{count - 1}"]
    assert len(seen) == len(result.nodes) == count
    record = executor.history().get_run(result.run_id)
    assert len(record.nodes) == count
    return {"configuration": loaded - began, "run": ended - loaded, "last": last}


def run_kedro(count: int, shape: str, folder: Path) -> dict[str, Any]:
    """Build nodes in Python and run them on memory datasets: no files, no record."""
    del folder
    import logging

    logging.disable(logging.CRITICAL)
    from kedro.io import DataCatalog
    from kedro.pipeline import node, pipeline
    from kedro.runner import SequentialRunner

    def step(x: int) -> int:
        return x + 1

    SequentialRunner().run(pipeline([node(lambda: 0, None, "d", name="n")]), DataCatalog())
    began = time.perf_counter()
    nodes = [node(lambda: 0, None, "d0", name="n0")]
    for number in range(1, count):
        source = f"d{upstream(number, shape)}"
        nodes.append(node(step, source, f"d{number}", name=f"n{number}"))
    built = pipeline(nodes)
    loaded = time.perf_counter()
    outputs = SequentialRunner().run(built, DataCatalog())
    ended = time.perf_counter()
    last: Any = outputs[f"d{count - 1}"]
    return {
        "configuration": loaded - began,
        "run": ended - loaded,
        "last": last.load() if hasattr(last, "load") else last,
    }


SYSTEMS = {"tauro": run_tauro, "kedro": run_kedro}


def main() -> None:
    system, count, shape, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    measured = SYSTEMS[system](count, shape, folder)
    expected = count - 1 if shape == "chain" else 1
    measured["correct"] = measured.pop("last") == expected
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
