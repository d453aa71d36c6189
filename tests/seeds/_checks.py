"""How each kind of block is tried. Every function raises where the document is not kept."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import requires
from pathlib import Path
from typing import Any, Final

import yaml
from tests.seeds import _prelude
from tests.seeds._blocks import Block, rewritten
from tests.seeds._plan import Plan

REPOSITORY: Final = Path(__file__).parents[2]


@dataclass(slots=True)
class Session:
    """The working directory and the namespace that the blocks of one document share."""

    root: Path
    names: dict[str, Any] = field(default_factory=dict)
    said: str = ""


def run(block: Block, plan: Plan, session: Session) -> None:
    """Execute Python; ``about`` names a warning or an exception that must come."""
    code = compile(rewritten(block.text, session.root), f"seed {block.name}", "exec")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(code, session.names)
            raised = ""
        except Exception as error:
            raised = plan.about
            if not raised or not _is_a(error, raised):
                raise
    came = {raised, *(each.category.__name__ for each in caught)}
    assert not plan.about or plan.about in came, f"{plan.about} did not come, but {came}"


def _is_a(error: Exception, name: str) -> bool:
    import tauro.errors

    kind = getattr(tauro.errors, name, None)
    return kind is not None and isinstance(error, kind)


def exports(block: Block, plan: Plan, session: Session) -> None:
    """Import every name that is imported, each by itself, and say which are missing."""
    missing = []
    for statement in ast.parse(block.text).body:
        assert isinstance(statement, ast.ImportFrom)
        module = importlib.import_module(statement.module or "")
        missing += [each.name for each in statement.names if not hasattr(module, each.name)]
    assert not missing, f"missing: {missing}"


def installed(block: Block, plan: Plan, session: Session) -> None:
    """Hold ``pip install`` to what Tauro needs: nothing named there may be missing here."""
    needed = " ".join(requires("tauro") or ())
    # Not needed: the standard library logs, and the later integration uses the SDK.
    spared = {"loguru", "databricks-sql-connector"}
    for line in block.text.splitlines():
        for name in line.removeprefix("pip install").split() if "pip install" in line else ():
            assert name in spared or name in needed, name


def file(block: Block, plan: Plan, session: Session) -> None:
    """Write a block to the file that the document names."""
    target = session.root / block.file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(block.text, encoding="utf-8")


def project(block: Block, plan: Plan, session: Session) -> None:
    """Write the YAML files of a block over a small project, and read the project back."""
    from tauro.config import Context

    files = _files_of(block)
    config = session.root / "config"
    for name, text in files.items():
        (session.root / name).write_text(text, encoding="utf-8")
    nodes = yaml.safe_load((config / "nodes.yaml").read_text())
    nodes = nodes.get("nodes", nodes)
    for node in nodes.values():
        node.setdefault("function", "ml.train_xgboost")
    (config / "nodes.yaml").write_text(yaml.safe_dump(nodes))
    (config / "pipelines.yaml").write_text(yaml.safe_dump({"main": {"nodes": list(nodes)}}))
    context = Context(
        **{
            key: str(config / f"{name}.yaml")
            for key, name in {
                "global_settings": "global_settings",
                "pipelines_config": "pipelines",
                "nodes_config": "nodes",
                "input_config": "input",
                "output_config": "output",
            }.items()
        }
    )
    assert set(context.nodes) == set(nodes)
    said = yaml.safe_load(files["config/ml_info.yaml"]) if "config/ml_info.yaml" in files else {}
    expected = said.get("mlops", {}).get("experiment", {}).get("name")
    if expected is not None:
        assert context.mlops.default_experiment_name == expected
        assert context.mlops.backend_type == said["mlops"]["backend"]
    (config / "ml_info.yaml").unlink(missing_ok=True)


def _files_of(block: Block) -> dict[str, str]:
    found: dict[str, str] = {}
    name = "config/nodes.yaml"
    for line in block.text.splitlines(keepends=True):
        heading = re.match(r"#\s+(config/\w+\.yaml)\s*$", line)
        if heading:
            name = heading[1]
        else:
            found[name] = found.get(name, "") + line
    return {name: text for name, text in found.items() if text.strip()}


def modules(block: Block, plan: Plan, session: Session) -> None:
    """Import every module of an architecture drawing by its drawn path."""
    for path in _tree(block.text):
        if path.endswith(".py") and not re.search(r"__init__|/test/|example", path):
            importlib.import_module(path.removesuffix(".py").replace("/", "."))


def layout(block: Block, plan: Plan, session: Session) -> None:
    """Find every file and folder of a drawing on disk; ``{…}`` stands for any name."""
    root = session.root / plan.about
    for path in _tree(block.text):
        pattern = re.sub(r"\{[^}]*\}", "*", path)
        assert list(root.glob(pattern.rstrip("/"))), f"{path} is not in {root}"


def repository(block: Block, plan: Plan, session: Session) -> None:
    """Find the files of a drawing, or one that is named, in this repository."""
    places = [each for each in REPOSITORY.iterdir() if each.is_dir() and each.name[0] != "."]
    for path in [plan.about] if plan.about else _tree(block.text):
        there = any(list(place.rglob(path.rstrip("/"))) for place in places)
        assert there or (REPOSITORY / path).exists(), f"{path} is not in this repository"


def _tree(text: str) -> Iterator[str]:
    """Yield the paths of a drawing with box characters, folders with a slash at the end."""
    above: list[str] = []
    for line in text.splitlines():
        found = re.match(r"(?P<lead>[│ ]*)(?:[├└]── )?(?P<name>[^\s#│]+)", line)
        if found is None or found["name"] in ("...", "."):
            continue
        depth = len(found["lead"]) // 4 + ("── " in line)
        above = [*above[:depth], found["name"]]
        yield "".join(above)


def signature(block: Block, plan: Plan, session: Session) -> None:
    """Hold a method to the parameters, in order and with the defaults, that are printed."""
    text = re.sub(r"#.*", "", block.text).strip()
    [drawn] = ast.parse(f"{text}: ...").body
    assert isinstance(drawn, ast.FunctionDef)
    ours = list(inspect.signature(getattr(_class(plan), drawn.name)).parameters.values())[1:]
    defaults = [None] * (len(drawn.args.args) - len(drawn.args.defaults)) + drawn.args.defaults
    for argument, default, parameter in zip(drawn.args.args, defaults, ours, strict=False):
        assert parameter.name == argument.arg, f"{drawn.name}: {parameter.name}"
        assert parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        if default is not None:
            value = eval(compile(ast.Expression(default), "default", "eval"), session.names)
            assert parameter.default == value, f"{drawn.name}: {argument.arg}"
    assert len(ours) >= len(drawn.args.args)


def protocol(block: Block, plan: Plan, session: Session) -> None:
    """Hold a class to the methods and parameters that are printed."""
    for name, printed in re.findall(r"def (\w+)\(([^)]*)\)", block.text):
        ours = [*inspect.signature(getattr(_class(plan), name)).parameters][1:]
        wanted = [each.strip() for each in printed.split(",")]
        assert ours[: len(wanted)] == wanted, name


def _class(plan: Plan) -> Any:
    module, _, name = plan.about.partition(":")
    return getattr(importlib.import_module(module), name)


def environment(block: Block, plan: Plan, session: Session) -> None:
    """Set each group of variables and make a context of it."""
    from tauro.mlops import MLOpsContext

    for group in re.split(r"\n\s*\n", rewritten(block.text, session.root)):
        variables = dict(re.findall(r"^(?:export )?(\w+)=(\S+)", group, re.MULTILINE))
        if not variables:
            continue
        before = dict(os.environ)
        os.environ.update(variables)
        try:
            config = MLOpsContext().config
        finally:
            os.environ.clear()
            os.environ.update(before)
        assert config.backend_type == variables["TAURO_MLOPS_BACKEND"]
        shown = repr(config)
        assert "dapi" not in shown, "a token is shown"
        for name in ("TAURO_MLOPS_PATH", "TAURO_MLOPS_CATALOG", "TAURO_MLOPS_SCHEMA"):
            assert name not in variables or variables[name] in shown, name


def commands(block: Block, plan: Plan, session: Session) -> None:
    """Run every command in the working directory and keep what the last one said."""
    for line in block.text.splitlines():
        if line.startswith("tauro "):
            done = subprocess.run(
                [sys.executable, "-m", *line.split()],
                capture_output=True,
                text=True,
                cwd=session.root,
                timeout=240,
                check=False,
                encoding="utf-8",
                env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            session.said = done.stdout


def said(block: Block, plan: Plan, session: Session) -> None:
    """Find every line that is printed, in order, in what the last command said."""
    rest = session.said
    for line in block.text.splitlines():
        pattern = _said_pattern(line)
        found = re.search(pattern, rest)
        assert found is not None, f"{line!r} is not in\n{rest}"
        rest = rest[found.end() :]


def _said_pattern(line: str) -> str:
    """Return what a printed line looks like with any figures, dots and mapping in it."""
    parts = []
    for token in re.findall(r"\{\.\.\.\}|\.{4,}|\.\.\.|\d+(?:\.\d+)?|\bseconds\b|.", line):
        if token == "{...}":
            parts.append(r"\{.*\}")
        elif token.startswith("...."):
            parts.append(r"\S+")
        elif token == "...":
            parts.append(r"(?:\.\.\.|…)")
        elif token == "seconds":
            parts.append(r"\w+")
        else:
            parts.append(r"\d+(?:\.\d+)?" if token[0].isdigit() else re.escape(token))
    return "".join(parts)


def own_tests(block: Block, plan: Plan, session: Session) -> None:
    """Find tests of our own for what the document's test files are named after."""
    for name in re.findall(r"test_(\w+)\.py", block.text):
        assert list((REPOSITORY / "tests").rglob(f"*{name}*")), name


def facade(block: Block, plan: Plan, session: Session) -> None:
    """Find a name in the facade."""
    import tauro.mlops

    assert plan.about in tauro.mlops.__all__, plan.about


def example(block: Block, plan: Plan, session: Session) -> None:
    """Run the example that the document runs, from its own folder or a user's."""
    for name in re.findall(r"python (\S+)", block.text):
        command = [sys.executable, str(REPOSITORY / "examples" / name)]
        done = subprocess.run(
            command, cwd=session.root, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout, f"{name} says nothing"


def predict(block: Block, plan: Plan, session: Session) -> None:
    """Send the printed request to a server of a small model of the same columns."""
    from tests.seeds import _serving

    printed = re.search(r"-d '(.*)'", block.text, re.DOTALL)
    assert printed is not None
    _serving.predict(printed[1], session.root)


def hierarchy(block: Block, plan: Plan, session: Session) -> None:
    """Hold the exceptions to the drawn tree."""
    import tauro.errors

    root, *leaves = re.findall(r"\w+", block.text)
    for leaf in leaves:
        assert issubclass(getattr(tauro.errors, leaf), getattr(tauro.errors, root)), leaf


def attempt(block: Block, plan: Plan, session: Session) -> None:
    """Try a block as its plan says."""
    _prelude.before(block.seed, block.number, session.names)
    _HOW[plan.how](block, plan, session)
    _prelude.after(block.seed, block.number, session.names)


_HOW: Final = {
    each.__name__: each
    for each in (
        run,
        exports,
        installed,
        file,
        project,
        modules,
        layout,
        repository,
        signature,
        protocol,
        environment,
        commands,
        said,
        own_tests,
        facade,
        example,
        predict,
        hierarchy,
    )
}
