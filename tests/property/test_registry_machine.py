"""The registry beside a model of it in plain dictionaries, through two registries on one store."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tauro.errors import ModelExistsError, ModelNotFoundError, StageConflictError
from tauro.events import Observers
from tauro.registry import ModelRegistry, ModelStage
from tauro.storage import MemoryStorageBackend

Names = MultipleResults[str] | str
STAGES = st.sampled_from(list(ModelStage))
NAMES = st.sampled_from(["fraud", "churn", "a.", "größe"])
ALIASES = st.sampled_from(["champion", "challenger"])
WHO = st.integers(0, 1)
NUMBER = st.integers(1, 6)


@dataclass
class Twin:
    """What a model should be."""

    contents: list[bytes] = field(default_factory=list)
    stages: dict[int, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    tags: dict[int, dict[str, str]] = field(default_factory=dict)
    past: list[int] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    purged: set[int] = field(default_factory=set)
    deleted: bool = False

    @property
    def live(self) -> list[int]:
        numbers = range(1, len(self.contents) + 1)
        return [n for n in numbers if n not in self.gone and n not in self.purged]

    @property
    def production(self) -> int | None:
        return next((n for n, stage in self.stages.items() if stage == "Production"), None)

    def in_use(self, number: int) -> bool:
        staged = self.stages.get(number) in ("Production", "Staging")
        return staged or number in self.aliases.values()

    def move(self, number: int, stage: str, *, back: bool = False) -> None:
        if self.stages.get(number, "None") == stage:
            return
        if stage == "Production":
            if self.production is not None:
                self.stages[self.production] = "Archived"
            if back and number in self.past:
                while self.past[-1] != number:
                    self.past.pop()
            elif not self.past or self.past[-1] != number:
                self.past.append(number)
        self.stages[number] = stage


class RegistryMachine(RuleBasedStateMachine):
    """Every verb, on either of two registries, against the twin."""

    models: Bundle[str] = Bundle("models")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.storage = MemoryStorageBackend()
        self.registries = [self.open() for _ in range(2)]
        self.twins: dict[str, Twin] = {}
        self.moved: dict[str, str] = {}
        self.counter = 0

    def open(self) -> ModelRegistry:
        return ModelRegistry(self.storage, observers=Observers())

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def usable(self, name: str) -> Twin | None:
        twin = self.twins.get(name)
        return None if twin is None or twin.deleted else twin

    @rule(target=models, who=WHO, name=NAMES)
    def register(self, who: int, name: str) -> Names:
        self.counter += 1
        content = str(self.counter).encode()
        (self.folder / "model.bin").write_bytes(content)
        twin = self.twins.get(name)
        try:
            version = self.registries[who].register_model(name, self.folder / "model.bin")
        except ModelExistsError:
            assert name in self.moved or (twin is not None and twin.deleted)
            return multiple()
        assert name not in self.moved
        twin = self.twins.setdefault(name, Twin())
        assert not twin.deleted
        twin.contents.append(content)
        assert version.version == len(twin.contents)
        return name

    @rule(who=WHO, name=models, number=NUMBER, stage=STAGES)
    def promote(self, who: int, name: str, number: int, stage: ModelStage) -> None:
        twin = self.usable(name)
        try:
            version = self.registries[who].promote_model(name, number, stage)
        except ModelNotFoundError:
            assert twin is None or number not in twin.live
            return
        assert twin is not None
        twin.move(number, stage.value)
        assert version.stage is stage

    @rule(who=WHO, name=models)
    def roll_back(self, who: int, name: str) -> None:
        twin = self.usable(name)
        found = None
        if twin is not None:
            found = next(
                (n for n in reversed(twin.past) if n != twin.production and n in twin.live), None
            )
        try:
            version = self.registries[who].rollback_model(name)
        except ModelNotFoundError:
            assert twin is None
        except StageConflictError:
            assert found is None
        else:
            assert twin is not None
            assert found is not None
            assert version.version == found
            twin.move(found, "Production", back=True)

    @rule(who=WHO, name=models, alias=ALIASES, number=NUMBER)
    def set_alias(self, who: int, name: str, alias: str, number: int) -> None:
        twin = self.usable(name)
        try:
            self.registries[who].set_alias(name, alias, number)
        except ModelNotFoundError:
            assert twin is None or number not in twin.live
        else:
            assert twin is not None
            twin.aliases[alias] = number

    @rule(who=WHO, name=models, alias=ALIASES)
    def delete_alias(self, who: int, name: str, alias: str) -> None:
        twin = self.usable(name)
        try:
            self.registries[who].delete_alias(name, alias)
        except ModelNotFoundError:
            assert twin is None or alias not in twin.aliases
        else:
            assert twin is not None
            del twin.aliases[alias]

    @rule(who=WHO, name=models, number=NUMBER, value=st.text(max_size=3))
    def tag(self, who: int, name: str, number: int, value: str) -> None:
        twin = self.usable(name)
        try:
            self.registries[who].set_tags(name, {"k": value}, number)
        except ModelNotFoundError:
            assert twin is None or number not in twin.live
        else:
            assert twin is not None
            twin.tags.setdefault(number, {})["k"] = value

    @rule(who=WHO, name=models, number=NUMBER)
    def delete_version(self, who: int, name: str, number: int) -> None:
        twin = self.usable(name)
        try:
            self.registries[who].delete_model_version(name, number)
        except ModelNotFoundError:
            assert twin is None or number not in twin.live
        except StageConflictError:
            assert twin is not None
            assert twin.in_use(number)
        else:
            assert twin is not None
            assert not twin.in_use(number)
            twin.gone.add(number)

    @rule(who=WHO, name=models, number=NUMBER)
    def restore_version(self, who: int, name: str, number: int) -> None:
        twin = self.usable(name)
        try:
            self.registries[who].restore_model_version(name, number)
        except ModelNotFoundError:
            assert twin is None or number > len(twin.contents) or number in twin.purged
        else:
            assert twin is not None
            twin.gone.discard(number)

    @rule(who=WHO, name=models)
    def delete_model(self, who: int, name: str) -> None:
        twin = self.usable(name)
        try:
            self.registries[who].delete_model(name, force=True)
        except ModelNotFoundError:
            assert twin is None
        else:
            assert twin is not None
            twin.deleted = True

    @rule(who=WHO, name=models)
    def restore_model(self, who: int, name: str) -> None:
        try:
            self.registries[who].restore_model(name)
        except ModelNotFoundError:
            assert name in self.moved
        else:
            self.twins[name].deleted = False

    @rule(target=models, who=WHO, name=consumes(models), new=st.sampled_from(["x", "y", "fraud"]))
    def rename(self, who: int, name: str, new: str) -> Names:
        twin = self.usable(name)
        try:
            self.registries[who].rename_model(name, new)
        except ModelNotFoundError:
            assert twin is None
            return name
        except ModelExistsError:
            assert new in self.twins or new in self.moved
            return name
        assert twin is not None
        if new != name:
            self.twins[new] = self.twins.pop(name)
            self.moved[name] = new
        return multiple(name, new)

    @precondition(lambda self: self.counter > 3)
    @rule(who=WHO)
    def collect(self, who: int) -> None:
        self.registries[who].gc(older_than_days=0, unfinished_older_than_days=0)
        for twin in self.twins.values():
            everything = range(1, len(twin.contents) + 1)
            twin.purged |= set(everything) if twin.deleted else twin.gone

    @invariant()
    def both_see_what_should_be(self) -> None:
        for registry in self.registries:
            listed = {row["name"]: row for row in registry.list_models()}
            expected = {name: t for name, t in self.twins.items() if not t.deleted and t.live}
            assert set(listed) == set(expected)
            for name, twin in expected.items():
                assert listed[name]["version"] == twin.live[-1]
                assert listed[name]["production_version"] == twin.production
                assert listed[name]["model_aliases"] == twin.aliases
                rows = {row["version"]: row for row in registry.list_model_versions(name)}
                assert list(rows) == twin.live
                for number, row in rows.items():
                    assert row["stage"] == twin.stages.get(number, "None")
                    assert row["tags"] == twin.tags.get(number, {})
            for old, new in self.moved.items():
                message = ""
                try:
                    registry.get_model_version(old)
                except ModelNotFoundError as error:
                    message = error.message
                assert f"renamed to {new!r}" in message

    @rule(who=WHO)
    def publish(self, who: int) -> None:
        self.registries[who].close()

    @invariant()
    def who_comes_new_lists_the_same(self) -> None:
        """From an index that is as old as it happens to be, and from the documents."""
        fresh, opened = self.open(), self.registries[0]
        assert fresh.list_models() == opened.list_models()
        assert [str(v) for v in fresh.search_models()] == [str(v) for v in opened.search_models()]

    @precondition(lambda self: self.counter and self.counter % 5 == 0)
    @invariant()
    def every_file_is_what_was_registered(self) -> None:
        registry = self.registries[0]
        assert registry.verify() == []
        for name, twin in self.twins.items():
            for number in [] if twin.deleted else twin.live:
                out = self.folder / "out"
                registry.download_artifact(name, number, out)
                assert (out / "model.bin").read_bytes() == twin.contents[number - 1]
                shutil.rmtree(out)


def test_the_registry_is_its_twin() -> None:
    run_state_machine_as_test(
        RegistryMachine,
        settings=settings(max_examples=12, stateful_step_count=25, deadline=None),
    )


@pytest.mark.torture
def test_the_registry_is_its_twin_for_long() -> None:
    run_state_machine_as_test(
        RegistryMachine,
        settings=settings(max_examples=200, stateful_step_count=50, deadline=None),
    )
