"""Where a dataset's data lies: one file, several, a folder, or a folder of versions."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tauro._internal import _clock, _optional
from tauro._internal._close import did_you_mean
from tauro._internal._dataset import DatasetSpec
from tauro._internal._secrets import mask_text
from tauro.catalog._local import LocalFiles
from tauro.catalog._protocol import Files
from tauro.errors import DatasetError, DatasetNotFoundError

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_MAGIC = re.compile(r"[*?\[]")
_VERSION: Final = "%Y-%m-%dT%H.%M.%S.%fZ"


class Place:
    """The path of a dataset, absolute, and what is there.

    Args:
        spec: The dataset; it must have a path.
        root: The folder at which a relative path starts.
    """

    def __init__(self, spec: DatasetSpec, root: Path) -> None:
        if not spec.path:
            raise DatasetError(
                f"Dataset {spec.name!r} has the format {spec.format!r} and no path.",
                suggestions=["Add 'path:' to it."],
            )
        self.spec = spec
        path = spec.path.removeprefix("file://")
        self.files: Files
        self.path: str
        if _SCHEME.match(path):
            remote = _optional.load(
                "tauro.catalog._remote:RemoteFiles", purpose=f"The path {mask_text(path)}"
            )
            self.files, self.path = remote.open(path, spec)
        else:
            self.files = LocalFiles()
            self.path = os.path.normpath(os.path.join(root, os.path.expanduser(path)))
        self.is_pattern = bool(_MAGIC.search(path)) and not self.files.exists(self.path)

    @property
    def shown(self) -> str:
        """The path for messages: relative where it is near, without passwords."""
        if self.files.is_remote:
            return mask_text(self.spec.path or self.path)
        relative = os.path.relpath(self.path)
        return self.path if relative.startswith("..") else relative

    def sources(self, suffixes: tuple[str, ...] = ()) -> list[str]:
        """Return the files to read, in order.

        Args:
            suffixes: Which files of a folder count; all where it is empty.

        Raises:
            DatasetNotFoundError: Nothing is there.
        """
        if self.spec.versioned:
            return [self._version_file(self._chosen_version())]
        if self.is_pattern:
            found: list[str] = self.files.glob(self.path)
            return found or self._absent(f"no file matches {self.shown}")
        if self.files.is_folder(self.path):
            inside: list[str] = self.files.walk(self.path)
            fitting = [p for p in inside if p.lower().endswith(suffixes)] if suffixes else inside
            wanted = f" ending in {' or '.join(suffixes)}" if suffixes else ""
            return fitting or self._absent(f"the folder {self.shown} has no file{wanted}")
        if not self.files.exists(self.path):
            return self._absent(f"{self.shown} is not there")
        return [self.path]

    def is_folder(self) -> bool:
        """Tell whether the data is a folder of files."""
        return not self.spec.versioned and bool(self.files.is_folder(self.path))

    def exists(self) -> bool:
        """Tell whether there is something to read."""
        if self.spec.versioned:
            found = self.versions()
            return bool(found) if self.spec.version is None else self.spec.version in found
        if self.is_pattern:
            return bool(self.files.glob(self.path))
        if self.files.is_folder(self.path):
            return bool(self.files.walk(self.path))
        return bool(self.files.exists(self.path))

    def versions(self) -> list[str]:
        """Return the complete versions, oldest first."""
        names = self.files.children(self.path)
        return [name for name in names if self.files.exists(self._version_file(name))]

    def target(self) -> str:
        """Return the path to write: that of a new version where the dataset is versioned.

        Raises:
            DatasetError: The path is a pattern.
        """
        if self.is_pattern:
            raise DatasetError(
                f"Dataset {self.spec.name!r} cannot be saved: its path {self.shown} is a pattern.",
                suggestions=["A pattern is for reading; give the output a path of its own."],
            )
        if not self.spec.versioned:
            return self.path
        moment = _clock.now_ns()
        while True:
            stamp = datetime.fromtimestamp(moment // 1_000_000_000, UTC)
            stamp = stamp.replace(microsecond=moment % 1_000_000_000 // 1000)
            name = stamp.strftime(_VERSION)
            if not self.files.exists(self._version_file(name)):
                return self._version_file(name)
            moment += 1000

    def appending(self) -> AbstractContextManager[None]:
        """Let nobody else add to this data meanwhile: it is read, added to, and replaced."""
        if self.spec.write_mode != "append" or self.spec.versioned or self.is_pattern:
            return nullcontext()
        return self.files.appending(self.path)

    @contextmanager
    def replaced(self, *, exclusive: bool = False) -> Iterator[str]:
        """Give a name to write to, which takes the place of the target when all went well.

        Raises:
            DatasetError: ``exclusive``, and data is there already.
        """
        target = self.target()
        try:
            with self.files.staged(target, exclusive=exclusive or self.spec.versioned) as name:
                yield name
        except FileExistsError as error:
            raise self.taken() from error

    def taken(self) -> DatasetError:
        """Return the error of write mode ``error`` where data is there."""
        return DatasetError(
            f"Dataset {self.spec.name!r} is there already ({self.shown}) and its write mode is "
            "'error'.",
            suggestions=["Remove it, or set 'write_mode: overwrite', 'append' or 'ignore'."],
        )

    def fingerprint(self, suffixes: tuple[str, ...] = ()) -> str:
        """Return a text that changes with the content; empty where nothing is there."""
        if not self.exists():
            return ""
        files = self.sources(suffixes)
        if len(files) == 1 and not self.is_pattern and not self.is_folder():
            return str(self.files.fingerprint(files[0]))
        digest = hashlib.blake2b(digest_size=16)
        base = self.path if self.is_folder() else os.path.dirname(self.path)
        for path in files:
            digest.update(os.path.relpath(path, base).encode())
            digest.update(self.files.fingerprint(path).encode())
        return f"files:{digest.hexdigest()}"

    def describe(self) -> dict[str, Any]:
        """Return path, presence, size, time and versions."""
        facts: dict[str, Any] = {"path": self.shown, "exists": self.exists()}
        if self.spec.versioned:
            facts["versions"] = self.versions()
        if facts["exists"]:
            status = [self.files.status(path) for path in self.sources()]
            facts["files"] = len(status)
            facts["bytes"] = sum(size for size, _ in status)
            facts["modified"] = datetime.fromtimestamp(max(t for _, t in status), UTC).isoformat()
        return facts

    def _version_file(self, version: str) -> str:
        return os.path.join(self.path, version, os.path.basename(self.path))

    def _chosen_version(self) -> str:
        versions = self.versions()
        wanted = self.spec.version
        if wanted is None:
            if versions:
                return versions[-1]
            self._absent(f"{self.shown} has no version yet")
        elif wanted not in versions:
            hints = did_you_mean(wanted, versions) or [
                f"Versions: {', '.join(versions) or 'none'}."
            ]
            raise DatasetNotFoundError(
                f"Dataset {self.spec.name!r} has no version {wanted!r} at {self.shown}.",
                suggestions=hints,
            )
        return str(wanted)

    def _absent(self, what: str) -> list[str]:
        raise DatasetNotFoundError(
            f"Dataset {self.spec.name!r} cannot be loaded: {what}.",
            context={"dataset": self.spec.name, "path": self.shown},
            suggestions=self.files.near(self.path)
            or ["Run the node that makes it, or correct 'path:'."],
        )
