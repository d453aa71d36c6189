"""Catalogues of one folder against a dictionary, with crashes, losses and restarts.

Two look after every step, a third one now and then: what was folded away meanwhile it never read.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.tracking.catalogue.support import Store, make_run, seconds

from tauro.tracking._catalogue._entry import Entry, EntryKind, encode_entry
from tauro.tracking._models import ExperimentRecord, RunRecord, encode

VALUES = st.sampled_from([0.0, 0.25, 0.5, 1.0])
PARAMETERS = st.dictionaries(st.sampled_from("pqr"), st.sampled_from([1, "1", True, "x"]))


class CatalogueMachine(RuleBasedStateMachine):
    """Runs in a dictionary, and the same runs in a store that two processes use."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.stores = [Store(self.folder), Store(self.folder)]
        self.lazy = Store(self.folder)
        self.removed: list[RunRecord] = []
        self.runs: dict[str, RunRecord] = {}
        self.experiments: dict[str, ExperimentRecord] = {}
        self.count = 0

    def teardown(self) -> None:
        for store in (*self.stores, self.lazy):
            store.catalogue.close()
        shutil.rmtree(self.folder)

    def _pick(self, number: int) -> RunRecord:
        return self.runs[sorted(self.runs)[number % len(self.runs)]]

    def _experiments(self) -> list[ExperimentRecord]:
        return [self.experiments[each] for each in sorted(self.experiments)]

    @rule(who=st.integers(0, 1), value=VALUES, parameters=PARAMETERS)
    def create(self, who: int, value: float, parameters: dict[str, object]) -> None:
        self.count += 1
        run = make_run(
            f"exp{self.count % 2}",
            f"run{self.count:03}",
            start_time=seconds(value),
            metrics={"m": value},
            parameters=parameters,
        )
        self.stores[who].put(run)
        self.runs[run.run_id] = run

    @precondition(lambda self: self.runs)
    @rule(who=st.integers(0, 1), number=st.integers(0, 50), value=VALUES)
    def change(self, who: int, number: int, value: float) -> None:
        run = self._pick(number)
        self.runs[run.run_id] = self.stores[who].change(run, metrics={"m": value})

    @precondition(lambda self: self.runs)
    @rule(who=st.integers(0, 1), number=st.integers(0, 50))
    def remove(self, who: int, number: int) -> None:
        run = self._pick(number)
        self.stores[who].remove(run)
        self.removed.append(self.runs.pop(run.run_id))

    @precondition(lambda self: self.removed)
    @rule(who=st.integers(0, 1), number=st.integers(0, 50))
    def bring_back(self, who: int, number: int) -> None:
        """Take a removed run from a copy, as an import does: with a revision after all others."""
        self.count += 1
        run = self.removed.pop(number % len(self.removed))
        back = msgspec.structs.replace(run, rev=1000 * self.count)
        self.stores[who].put(back)
        self.runs[back.run_id] = back

    @rule(who=st.integers(0, 1), number=st.integers(0, 2), deleted=st.booleans())
    def put_experiment(self, who: int, number: int, *, deleted: bool) -> None:
        """Create an experiment, delete it, or bring it back; one that was removed is new."""
        self.count += 1
        experiment_id = f"exp{number}"
        record = ExperimentRecord(
            experiment_id=experiment_id,
            name=experiment_id,
            created_at=seconds(number),
            rev=self.count,
            lifecycle="deleted" if deleted else "active",
        )
        self.stores[who].put_experiment(record)
        self.experiments[experiment_id] = record

    @precondition(lambda self: self.experiments)
    @rule(who=st.integers(0, 1), number=st.integers(0, 50))
    def remove_experiment(self, who: int, number: int) -> None:
        """Remove an experiment with all its runs."""
        record = self._experiments()[number % len(self.experiments)]
        for run in [each for each in self.runs.values() if each.experiment_id == record.name]:
            self.stores[who].remove(run)
            self.removed.append(self.runs.pop(run.run_id))
        self.stores[who].remove_experiment(record)
        del self.experiments[record.experiment_id]

    @rule(who=st.integers(0, 1))
    def publish(self, who: int) -> None:
        assert self.stores[who].catalogue.publish()

    @rule(who=st.integers(0, 1))
    def restart(self, who: int) -> None:
        self.stores[who].catalogue.close()
        self.stores[who] = Store(self.folder)

    @rule(who=st.integers(0, 1))
    def die(self, who: int) -> None:
        """End without publishing, as a killed process does."""
        self.stores[who].catalogue._writer.close()
        self.stores[who] = Store(self.folder)

    @precondition(lambda self: self.runs)
    @rule(number=st.integers(0, 50), created=st.booleans())
    def crash_before_the_document(self, number: int, created: bool) -> None:
        self.count += 1
        run = self._pick(number)
        run = msgspec.structs.replace(run, rev=run.rev + 1, metrics={"m": -1.0})
        if created:
            run = make_run("exp0", f"ghost{self.count:03}")
        entry = Entry(EntryKind.RUN, 0, run.rev, run.experiment_id, run.run_id, encode(run))
        journal = self.folder / "_tauro" / "journal" / f"dead{self.count}.journal"
        journal.parent.mkdir(parents=True, exist_ok=True)
        journal.write_bytes(encode_entry(entry))

    @rule(what=st.sampled_from(["state", "journals", "indices", "_tauro"]))
    def lose(self, what: str) -> None:
        journal = self.folder / "_tauro" / "journal"
        if what in ("journals", "_tauro"):
            # To be done while nobody uses the store: who has not looked for long cannot notice it.
            self.lazy.catalogue.close()
            self.lazy = Store(self.folder)
        match what:
            case "state":
                (journal / "state.json").unlink(missing_ok=True)
            case "journals":
                # The state goes with them: a journal nobody looked at yet leaves no other trace.
                shutil.rmtree(journal, ignore_errors=True)
            case "indices":
                for path in self.folder.rglob("index.parquet"):
                    path.unlink()
            case _:
                shutil.rmtree(self.folder / "_tauro", ignore_errors=True)

    def agrees(self, store: Store) -> None:
        hidden = {key for key, each in self.experiments.items() if each.lifecycle == "deleted"}
        expected = [self.runs[run_id] for run_id in sorted(self.runs)]
        shown = [run for run in expected if run.experiment_id not in hidden]
        high = [run.run_id for run in shown if float(run.metrics["m"]) >= 0.5]
        catalogue = store.catalogue
        assert catalogue.query(order_by=["run_id"], limit=None).records == shown
        page = catalogue.query(order_by=["run_id"], limit=None, include_deleted=True)
        assert page.records == expected
        assert catalogue.experiments(include_deleted=True) == self._experiments()
        assert store.ids(filter="metrics.m >= 0.5", order_by=["run_id"], limit=2) == high

    @rule()
    def the_lazy_one_agrees(self) -> None:
        self.agrees(self.lazy)

    @invariant()
    def both_agree_with_the_dictionary(self) -> None:
        for store in self.stores:
            self.agrees(store)

    @invariant()
    def a_new_process_agrees_too(self) -> None:
        self.agrees(Store(self.folder))


CatalogueMachine.TestCase.settings = settings(
    deadline=None, max_examples=10, stateful_step_count=15
)
TestCatalogue = CatalogueMachine.TestCase
