"""What can be written in a file is in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tauro._internal._dataset import COLUMN_TYPES, ENGINES, SUFFIXES, WRITE_MODES
from tauro.config import SETTING_KEYS
from tauro.config._datasets import read_dataset
from tauro.config._descriptor import ALIASES, PATH_KEYS
from tauro.config._nodes import read_node, read_pipeline
from tauro.config._section import Section
from tauro.config._source import Entry, Map, Mark, Problems, SourceFile

TEXT = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")


def known_keys(monkeypatch: pytest.MonkeyPatch, kind: str) -> set[str]:
    """Return the keys that a reader asks for."""
    asked: dict[str, set[str]] = {}
    original = Section.node_of

    def watched(self: Section, key: str) -> object:
        asked.setdefault(self.what.partition(" ")[0], set()).add(key)
        return original(self, key)

    monkeypatch.setattr(Section, "node_of", watched)
    mark = Mark(SourceFile("x"))
    node = Map(mark)
    readers = {"node": read_node, "pipeline": read_pipeline, "dataset": read_dataset}
    readers[kind]("a", node, Entry("a", mark, node), Problems())
    return asked[kind]


@pytest.mark.parametrize("kind", ["node", "pipeline", "dataset"])
def test_every_key_of_a_record(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    missing = {key for key in known_keys(monkeypatch, kind) if f"`{key}`" not in TEXT}
    assert not missing


@pytest.mark.parametrize(
    "names", [SETTING_KEYS, PATH_KEYS, SUFFIXES, ENGINES, WRITE_MODES, ALIASES]
)
def test_every_name_in_code_marks(names: tuple[str, ...]) -> None:
    assert not [name for name in names if f"`{name}`" not in TEXT and f'"{name}"' not in TEXT]


def test_every_type_of_a_column() -> None:
    assert not [name for name in COLUMN_TYPES if name not in TEXT]
