"""A store of runs without a tracker: documents put in place as the tracker does it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from tauro._internal import _fs
from tauro._internal._ids import new_id
from tauro.tracking._catalogue import RunCatalogue
from tauro.tracking._models import (
    ExperimentRecord,
    RunRecord,
    RunStatus,
    decode_run,
    encode,
)

DAY = datetime(2026, 1, 1, tzinfo=UTC)


def make_run(experiment_id: str = "exp", run_id: str | None = None, **fields: Any) -> RunRecord:
    """Return a run; the later of two starts later."""
    run_id = run_id or new_id()
    defaults: dict[str, Any] = {
        "name": f"run {run_id}",
        "status": RunStatus.RUNNING,
        "start_time": DAY,
    }
    return RunRecord(run_id=run_id, experiment_id=experiment_id, **{**defaults, **fields})


def seconds(number: float) -> datetime:
    """Return a time so many seconds into the day."""
    return DAY + timedelta(seconds=number)


class Store:
    """The documents of a folder, and a catalogue of them."""

    def __init__(self, root: Path, catalogue: RunCatalogue | None = None) -> None:
        self.root = root
        self.catalogue = catalogue or RunCatalogue(root)

    def run_path(self, run: RunRecord) -> Path:
        folder = self.root / "experiment_tracking" / "runs" / run.experiment_id
        return folder / f"{run.run_id}.json"

    def index_path(self, experiment_id: str = "exp") -> Path:
        return self.root / "experiment_tracking" / "runs" / experiment_id / "index.parquet"

    @property
    def journal(self) -> Path:
        return self.root / "_tauro" / "journal"

    def journals(self) -> list[Path]:
        return sorted(self.journal.glob("*.journal"))

    def put(self, *runs: RunRecord) -> None:
        """Record runs and put their documents in place."""
        for run in runs:
            data = encode(run)
            with self.catalogue.record(run, data):
                _fs.replace_file(str(self.run_path(run)), msgspec.json.format(data, indent=2))

    def put_ahead(self, *runs: RunRecord) -> None:
        """Record runs whose documents are to follow."""
        for run in runs:
            self.catalogue.record_ahead(run, encode(run))

    def change_ahead(self, run: RunRecord, **fields: Any) -> RunRecord:
        """Change a run ahead of its document and return it as it is then."""
        changed = msgspec.structs.replace(run, rev=run.rev + 1, **fields)
        self.put_ahead(changed)
        return changed

    def follow(self, experiment_id: str, run_id: str, ahead: Callable[[], bytes | None]) -> None:
        """Put in place what is ahead of a document, as the tracker does it."""
        document = ahead()
        path = self.root / "experiment_tracking" / "runs" / experiment_id / f"{run_id}.json"
        if document is None:
            return
        if not path.exists() or decode_run(path.read_bytes()).rev < decode_run(document).rev:
            _fs.replace_file(str(path), msgspec.json.format(document, indent=2))

    def publishing(self) -> Store:
        """Return the same folder as a process sees it that puts documents in place."""
        store = Store(self.root)
        store.catalogue = RunCatalogue(self.root, put_ahead=store.follow)
        return store

    def change(self, run: RunRecord, **fields: Any) -> RunRecord:
        """Change a run's document and return it as it is then."""
        changed = msgspec.structs.replace(run, rev=run.rev + 1, **fields)
        self.put(changed)
        return changed

    def put_experiment(self, experiment: ExperimentRecord) -> None:
        """Record an experiment and put its document in place."""
        data = encode(experiment)
        folder = self.root / "experiment_tracking" / "experiments"
        with self.catalogue.record_experiment(experiment, data):
            _fs.replace_file(str(folder / f"{experiment.experiment_id}.json"), data)

    def remove_experiment(self, experiment: ExperimentRecord) -> None:
        """Remove an experiment for good."""
        folder = self.root / "experiment_tracking" / "experiments"
        with self.catalogue.forget(experiment):
            (folder / f"{experiment.experiment_id}.json").unlink()

    def remove(self, run: RunRecord) -> None:
        """Remove a run for good."""
        with self.catalogue.forget(run):
            self.run_path(run).unlink()

    def read(self, run: RunRecord) -> RunRecord:
        """Return a run as its document says."""
        return decode_run(self.run_path(run).read_bytes())

    def fresh(self) -> Store:
        """Return the same folder as a process that starts now sees it."""
        return Store(self.root)

    def ids(self, **query: Any) -> list[str]:
        """Return the ids that a query finds, over all its pages."""
        found: list[str] = []
        token = None
        while True:
            page = self.catalogue.query(**query, page_token=token)
            found += [record.run_id for record in page.records]
            assert page.next_page_token != token or token is None, "the page is the one before"
            token = page.next_page_token
            if token is None:
                return found
