"""The documentation does not rot: its Python blocks run, in order, one namespace a page."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tauro.testing

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)#\s]+)[^)]*\)")


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(found["info"].strip(), found["body"]) for found in FENCE.finditer(page.read_text())]


def program(page: Path) -> str:
    """Return the page's Python blocks that run, one after another."""
    bodies = []
    for info, body in blocks(page):
        kind, _, rest = info.partition(" ")
        if kind == "python" and not rest.startswith("norun"):
            bodies.append(body)
        elif kind == "python":
            assert len(rest.partition(":")[2].strip()) > 10, "say why the block does not run"
    return "\n".join(bodies)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if program(page)],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_python_blocks_run(page: Path, tmp_path: Path) -> None:
    """A block that cannot run says why: ```` ```python norun: reason ````.

    Each page has a process of its own, as its reader has: what it registers ends with it.
    """
    script = tmp_path / page.with_suffix(".py").name
    script.write_text(program(page))
    ran = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the repository."""
    text = FENCE.sub("", page.read_text())
    for found in LINK.finditer(text):
        target = found["target"]
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_suites_are_written_as_the_page_on_extending_says() -> None:
    """Each row names a suite and the methods that whoever uses it writes."""
    text = (ROOT / "docs" / "extending.md").read_text()
    named = set[str]()
    rows = [line.strip("| ").split("|") for line in text.splitlines() if line.startswith("|")]
    for _, _, suites, methods in rows:
        written = CALL.findall(methods)
        for suite in re.findall(r"`(\w+Suite)`", suites):
            named.add(suite)
            kind = getattr(tauro.testing, suite)
            found = [call for call in written if _parameters(kind, call[0]) == call[1]]
            assert found, f"{suite} is not written as {methods}"
    public = {name for name in tauro.testing.__all__ if name.endswith("Suite")}
    assert public - named == {"AuditSinkSuite"}, "the base of PersistentAuditSinkSuite"


CALL = re.compile(r"`(\w+)\(([^)]*)\)`")


def _parameters(kind: type, method: str) -> str | None:
    if not hasattr(kind, method):
        return None
    names = list(inspect.signature(getattr(kind, method)).parameters)
    return ", ".join(names[1:])
