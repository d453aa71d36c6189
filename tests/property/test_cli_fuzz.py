"""A project whose files were damaged at random: commands answer or refuse, and never show a
traceback; with ``--json`` both are one document."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tauro.cli import main

FILES = {
    "settings_json.json": json.dumps(
        {
            "base_path": ".",
            "env_config": {
                "base": {
                    "global_settings_path": "settings.yaml",
                    "pipelines_config_path": "pipelines.yaml",
                    "nodes_config_path": "nodes.yaml",
                    "input_config_path": "inputs.yaml",
                    "output_config_path": "outputs.json",
                },
                "dev": {"global_settings_path": "dev.yaml"},
            },
        },
        indent=1,
    ),
    "settings.yaml": (
        "out: ${OUT_FOLDER|out}\ndb_password: hunter2\n"
        "mlops:\n  storage_path: ./store\n  experiment:\n    name: churn\n"
    ),
    "dev.yaml": "out: dev\nmlops: {cache: {enabled: true, max_size: 10}}\n",
    "pipelines.yaml": "main:\n  description: All.\n  nodes: [load, train, report]\n",
    "nodes.yaml": (
        "load:\n  function: fuzzed_steps.load\n  inputs: {raw: raw}\n  outputs: rows\n"
        "  retries: {count: 2, delay: 1s}\n"
        "train:\n  function: fuzzed_steps.train\n  inputs: [rows]\n  hyperparams: {depth: 3}\n"
        "  mlops:\n    auto_log: false\n"
        "report:\n  module: fuzzed_steps\n  function: report\n  dependencies: [train]\n"
        "  tags: [nightly]\n  output: done\n"
    ),
    "inputs.yaml": "raw:\n  path: raw.txt\n  # a comment\n",
    "outputs.json": '{"done": {"path": "${out}/done.json", "schema": [{"name": "a"}]}}\n',
}
STEPS = """
def load(raw): return raw.split()
def train(rows, depth): return {"depth": depth, "rows": len(rows)}
def report(train): return [{"a": train}]
"""
COMMANDS = (
    ["config", "show"],
    ["config", "show", "nodes", "--origin"],
    ["config", "explain", "train"],
    ["pipelines", "list"],
    ["pipelines", "show", "main"],
    ["pipelines", "graph", "main", "--format", "svg"],
    ["pipelines", "history"],
    ["run", "--env", "dev", "--pipeline", "main", "--validate-only"],
    ["run", "--env", "dev", "--pipeline", "main", "--dry-run", "--to-nodes", "train"],
)
SNIPPETS = st.sampled_from(
    (
        *" :-\n\t'\"{}[],&*!|>%@`#?",
        "\n  ",
        "- ",
        ": ",
        "${",
        "${out}",
        "${nope}",
        "${db_password}",
        "$replace: true\n",
        "<<: *x",
        "&x ",
        "null",
        "true",
        "1e999",
        "-0",
        "\u2028",
        "\ufeff",
        "\x07",
        "é",
        "../..",
        "x" * 300,
        "[" * 120,
    )
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, str]:
    """The project's files after up to four edits: cut, inserted, moved, or lost."""
    files = dict(FILES)
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(sorted(files)))
        text = files[name]
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 40)))
        kind = draw(st.sampled_from(["cut", "insert", "replace", "repeat", "swap", "lose"]))
        if kind == "cut":
            files[name] = text[:start] + text[end:]
        elif kind == "insert":
            files[name] = text[:start] + draw(SNIPPETS) + text[start:]
        elif kind == "replace":
            files[name] = text[:start] + draw(SNIPPETS) + text[end:]
        elif kind == "repeat":
            files[name] = text[:end] + text[start:end] + text[end:]
        elif kind == "swap":
            lines = text.splitlines(keepends=True)
            lines.insert(draw(st.integers(0, len(lines))), lines.pop() if lines else "")
            files[name] = "".join(lines)
        elif len(files) > 2:
            del files[name]
    return files


@contextlib.contextmanager
def project(files: dict[str, str]) -> Iterator[Path]:
    """Files in the working directory, forgotten afterwards."""
    path = list(sys.path)
    with tempfile.TemporaryDirectory() as text, contextlib.chdir(text):
        folder = Path(text)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
        (folder / "fuzzed_steps.py").write_text(STEPS)
        (folder / "raw.txt").write_text("a b")
        try:
            yield folder
        finally:
            sys.path[:] = path
            sys.modules.pop("fuzzed_steps", None)


def call(arguments: list[str]) -> tuple[object, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code: object = "the command did not end"
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code
    return code, out.getvalue(), err.getvalue()


def test_the_whole_project_is_good() -> None:
    with project(FILES):
        for command in COMMANDS:
            code, out, err = call(command)
            assert code == 0, (command, err)
            assert "hunter2" not in out + err


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(files=damaged(), command=st.sampled_from(COMMANDS), as_json=st.booleans())
def test_a_damaged_project_is_answered_or_refused(
    files: dict[str, str], command: list[str], as_json: bool
) -> None:
    with project(files) as folder:
        before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
        code, out, err = call([*command, *(["--json"] if as_json else [])])
        after = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    assert code in (0, 1, 2), (code, err)
    assert "Traceback" not in out + err
    if as_json:
        assert json.loads(out)["error"] is True if code else json.loads(out) is not None
    elif code:
        assert err.startswith("Error: ")
    assert [path for path in after if path not in before and "__pycache__" not in str(path)] == []
