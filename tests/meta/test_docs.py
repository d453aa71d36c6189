"""The documentation does not rot: its Python blocks run, in order, one namespace a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)#\s]+)[^)]*\)")


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(found["info"].strip(), found["body"]) for found in FENCE.finditer(page.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that cannot run says why: ```` ```python norun: reason ````."""
    from tauro.mlops import set_mlops_context

    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "docs"}
    try:
        for info, body in blocks(page):
            kind, _, rest = info.partition(" ")
            if kind != "python":
                continue
            if rest.startswith("norun"):
                assert len(rest.partition(":")[2].strip()) > 10, "say why the block does not run"
                continue
            code = compile(body, f"{page.name}: {body.splitlines()[0]}", "exec")
            exec(code, namespace)
    finally:
        set_mlops_context(None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the repository."""
    text = FENCE.sub("", page.read_text())
    for found in LINK.finditer(text):
        target = found["target"]
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
