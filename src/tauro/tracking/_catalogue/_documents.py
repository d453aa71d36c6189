"""The documents that the catalogue is a view of, as far as it needs to read them."""

from __future__ import annotations

import os
from typing import Protocol

from tauro._internal import _fs
from tauro.tracking._catalogue._layout import DOCUMENT_SUFFIX, Layout


class DocumentSource(Protocol):
    """Where the documents of runs and experiments are read.

    A document that is not there is None or absent from a list, never an error. Reads see every
    write that has returned before they start.
    """

    def run(self, experiment_id: str, run_id: str) -> bytes | None:
        """Return a run's document."""

    def experiment(self, experiment_id: str) -> bytes | None:
        """Return an experiment's document."""

    def run_ids(self, experiment_id: str) -> list[str]:
        """Return the ids of the runs of an experiment that have a document, in no order."""

    def experiment_ids(self) -> list[str]:
        """Return the ids of the experiments that have a document or runs."""


class LocalDocuments:
    """Documents in the folders of a local store."""

    def __init__(self, root: str) -> None:
        self._layout = Layout(root)
        self._runs = self._layout.runs

    def run(self, experiment_id: str, run_id: str) -> bytes | None:
        """Return a run's document."""
        return _read(f"{self._runs}{os.sep}{experiment_id}{os.sep}{run_id}{DOCUMENT_SUFFIX}")

    def experiment(self, experiment_id: str) -> bytes | None:
        """Return an experiment's document."""
        return _read(os.path.join(self._layout.experiments, experiment_id + DOCUMENT_SUFFIX))

    def run_ids(self, experiment_id: str) -> list[str]:
        """Return the ids of the runs of an experiment that have a document, in no order."""
        return _documents_in(self._layout.runs_of(experiment_id))

    def experiment_ids(self) -> list[str]:
        """Return the ids of the experiments that have a document or runs."""
        folders = [entry.name for entry in _fs.list_dir(self._layout.runs) if entry.is_dir()]
        return sorted({*folders, *_documents_in(self._layout.experiments)})


def _read(path: str) -> bytes | None:
    try:
        return _fs.read_bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _documents_in(folder: str) -> list[str]:
    return [
        name[: -len(DOCUMENT_SUFFIX)]
        for name in _fs.list_names(folder)
        if name.endswith(DOCUMENT_SUFFIX) and not _fs.is_temporary(name)
    ]
