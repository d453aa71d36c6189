"""What a dataset must do, for Tauro's own and for third parties'."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from tauro._internal._dataset import DatasetSpec


class Dataset(Protocol):
    """Data under a name: loaded, saved, and looked at without loading.

    Threads: a dataset may be used from several threads; two saves at once leave one of the two.
    Atomicity: a save that fails or dies leaves what was there before; a reader sees the old data
    or the new, never a mix.
    Absence: ``load`` raises :class:`~tauro.errors.DatasetNotFoundError`; ``exists`` is false and
    ``fingerprint`` is empty.
    Ownership: what ``load`` returns belongs to the caller, except of a memory dataset, which
    returns the object that was saved.
    """

    def load(self) -> Any:
        """Return the data.

        Raises:
            DatasetNotFoundError: There is none.
            DatasetError: It cannot be read.
            SchemaMismatchError: It is not of the declared schema.
        """

    def save(self, data: Any) -> None:
        """Put data in place of what is there, or as the write mode says.

        Raises:
            DatasetError: It cannot be written, or is not of a kind that the format takes.
        """

    def exists(self) -> bool:
        """Tell whether there is data to load."""

    def fingerprint(self) -> str:
        """Return a text that changes with the content; empty where it cannot be known cheaply."""

    def describe(self) -> dict[str, Any]:
        """Return what can be told without loading, as plain JSON values, secrets masked."""


class Files(Protocol):
    """Where files lie: this machine's disk, or a remote store. Paths are whole."""

    is_remote: bool

    def exists(self, path: str) -> bool:
        """Tell whether a file or folder is there."""

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there."""

    def glob(self, pattern: str) -> list[str]:
        """Return the files that a pattern matches, sorted; ``**`` goes down any depth."""

    def walk(self, folder: str) -> list[str]:
        """Return every finished file below a folder, sorted; hidden ones are left out."""

    def children(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted, hidden ones left out; none where it is absent."""

    def read_bytes(self, path: str) -> bytes:
        """Return a file's bytes."""

    def source(self, path: str) -> Any:
        """Return what a reader of frames is given: a path of this machine, or an open file."""

    def staged(self, path: str, *, exclusive: bool = False) -> AbstractContextManager[str]:
        """Give a name of this machine to write to; on leaving, its content replaces ``path``.

        Raises:
            FileExistsError: ``exclusive`` and something is there already.
        """

    def appending(self, path: str) -> AbstractContextManager[None]:
        """Let nobody else add to ``path`` until it is left, where that can be had."""

    def fingerprint(self, path: str) -> str:
        """Return a text that changes with a file's content."""

    def status(self, path: str) -> tuple[int, float]:
        """Return a file's size and the time of its last change."""

    def near(self, path: str) -> list[str]:
        """Return hints on where a file that is not there might be."""


DatasetFactory: TypeAlias = Callable[[DatasetSpec, Path], Dataset]
"""Makes a dataset of a specification and the folder at which relative paths start.

An entry point in the group ``tauro.datasets`` names one; its name is the ``format:`` it serves.
"""
