"""Where the catalogue's files are, below the root of a store."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

INDEX_NAME: Final = "index.parquet"
JOURNAL_SUFFIX: Final = ".journal"
DOCUMENT_SUFFIX: Final = ".json"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one store.

    Attributes:
        root: The folder of the store, or of a tenant in it.
    """

    root: str

    @property
    def experiments(self) -> str:
        """The folder of the experiments' documents."""
        return os.path.join(self.root, "experiment_tracking", "experiments")

    @property
    def runs(self) -> str:
        """The folder that holds a folder of runs' documents for each experiment."""
        return os.path.join(self.root, "experiment_tracking", "runs")

    @property
    def journal(self) -> str:
        """The folder of the journals."""
        return os.path.join(self.root, "_tauro", "journal")

    @property
    def state(self) -> str:
        """The file that says what the published views cover."""
        return os.path.join(self.journal, "state.json")

    @property
    def publish_lock(self) -> str:
        """The lock of the one process that publishes."""
        return os.path.join(self.root, "_tauro", "locks", "catalogue.lock")

    @property
    def experiments_index(self) -> str:
        """The view of all experiments."""
        return os.path.join(self.experiments, INDEX_NAME)

    def runs_of(self, experiment_id: str) -> str:
        """Return the folder of an experiment's runs."""
        return os.path.join(self.runs, experiment_id)

    def runs_index(self, experiment_id: str) -> str:
        """Return the view of an experiment's runs."""
        return os.path.join(self.runs, experiment_id, INDEX_NAME)

    def told(self, writer_id: str, run_id: str) -> str:
        """Return the path of what tells a process that others took over or removed its run."""
        return os.path.join(self.root, "_tauro", "told", writer_id, run_id)

    def journal_file(self, name: str) -> str:
        """Return the path of a journal."""
        return os.path.join(self.journal, name)
