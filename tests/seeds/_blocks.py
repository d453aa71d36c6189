"""The blocks of the documents: fences of Markdown, code-blocks of reStructuredText."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SEEDS: Final = Path(__file__).parents[2].parent / "shared" / "seeds"

_FENCE = re.compile(r"(?P<indent>\s*)```(?P<language>\w*)\s*$")
_DIRECTIVE = re.compile(r"(?P<indent>\s*)\.\. code-block:: (?P<language>\w+)\s*$")
_FILE = re.compile(r"``?(?P<file>[\w./-]+\.(?:json|ya?ml|py))``?\)?:?\s*$")
_PLACES = re.compile(r"(?<![\w./])/(path/to|local/path|data)\b")


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a document that is not prose.

    Attributes:
        seed: The document's number, ``"000"``.
        number: Its place among the document's blocks, from 1.
        language: What the document says it is; "" where it does not.
        line: Where it begins.
        text: Its content.
        file: The file that the line above it names; "" where it names none.
    """

    seed: str
    number: int
    language: str
    line: int
    text: str
    file: str = ""

    @property
    def name(self) -> str:
        """How tests call it."""
        return f"{self.seed}-{self.number:02d}"


def documents() -> dict[str, Path]:
    """Return the documents by number; none where the folder is absent."""
    return {path.name[:3]: path for path in sorted(SEEDS.glob("[0-9][0-9][0-9]-*"))}


def read_blocks(path: Path) -> list[Block]:
    """Return the blocks of a document in order."""
    seed, lines = path.name[:3], path.read_text(encoding="utf-8").splitlines()
    found = _directives(lines) if path.suffix == ".rst" else _fences(lines)
    return [
        Block(seed, number, language, line, text, _file_above(lines, line))
        for number, (language, line, text) in enumerate(found, 1)
    ]


def _fences(lines: list[str]) -> Iterator[tuple[str, int, str]]:
    opened: tuple[str, int] | None = None
    for number, line in enumerate(lines, 1):
        match = _FENCE.match(line)
        if match is None:
            continue
        if opened is None:
            opened = (match["language"], number)
        else:
            language, start = opened
            yield language, start, textwrap.dedent("\n".join(lines[start : number - 1])) + "\n"
            opened = None


def _directives(lines: list[str]) -> Iterator[tuple[str, int, str]]:
    for number, line in enumerate(lines, 1):
        match = _DIRECTIVE.match(line)
        if match is None:
            continue
        body = []
        for following in lines[number:]:
            if following.strip() and not following.startswith(match["indent"] + " "):
                break
            body.append(following)
        yield match["language"], number, textwrap.dedent("\n".join(body)).strip("\n") + "\n"


def _file_above(lines: list[str], line: int) -> str:
    above = next((text for text in reversed(lines[: line - 1]) if text.strip()), "")
    match = _FILE.search(above)
    return match["file"] if match else ""


def rewritten(text: str, root: Path) -> str:
    """Return a text with the places that it only stands in for moved below ``root``."""
    return _PLACES.sub(lambda match: f"{root.as_posix()}/{match[1]}", text)
