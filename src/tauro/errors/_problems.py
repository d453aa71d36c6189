"""What is wrong in a file of the user's, and where."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

_WIDEST = 120


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A place in a configuration file.

    Attributes:
        file: Absolute path; or, for settings given as a mapping, the name and keys of the value.
        line: From 1; 0 where there is no file.
        column: From 1; 0 where there is no file.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        shown = self.display_file
        return f"{shown}:{self.line}:{self.column}" if self.line else shown

    @property
    def display_file(self) -> str:
        """Return the path, relative where the file lies below the working directory."""
        if not os.path.isabs(self.file):
            return self.file
        relative = os.path.relpath(self.file)
        return self.file if relative.startswith("..") else relative


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One mistake in a configuration, as the user reads it.

    Attributes:
        message: What was got and what was expected.
        location: Where; None where no file is at fault.
        excerpt: The line at fault, secrets masked; empty where there is none.
        width: How many characters of the line the caret underlines.
        suggestions: What to do, most useful first.
    """

    message: str
    location: SourceLocation | None = None
    excerpt: str = ""
    width: int = 1
    suggestions: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = f"{self.location}: {self.message}" if self.location else self.message
        return "\n".join([head, *self._pointer(), *(f"  {hint}" for hint in self.suggestions)])

    def _pointer(self) -> list[str]:
        if not self.excerpt or self.location is None:
            return []
        start = max(0, self.location.column - 1)
        line, left = self.excerpt, 0
        if len(line) > _WIDEST:
            left = max(0, min(start - _WIDEST // 2, len(line) - _WIDEST))
            line = line[left : left + _WIDEST]
        before = re.sub(r"[^\t]", " ", line[: start - left])
        carets = "^" * max(1, min(self.width, len(line) - len(before)))
        return [f"    {line}", f"    {before}{carets}"]

    def to_dict(self) -> dict[str, Any]:
        """Return the problem as plain JSON values."""
        where = self.location
        return {
            "message": self.message,
            "file": where.display_file if where else None,
            "line": where.line if where else None,
            "column": where.column if where else None,
            "excerpt": self.excerpt or None,
            "suggestions": list(self.suggestions),
        }
