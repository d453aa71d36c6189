"""What every dataset keeps to: Tauro's own and those that packages add by an entry point.

Subclass :class:`DatasetSuite`, say how a dataset is made and what it holds, and run it with pytest.
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tauro.catalog import Dataset
from tauro.errors import DatasetError, DatasetNotFoundError
from tauro.testing._threads import at_once

_TURNS = 10


class DatasetSuite(ABC):
    """The promises of :class:`tauro.catalog.Dataset`.

    Example:
        >>> class TestMyDataset(DatasetSuite):
        ...     def make(self, folder):
        ...         return MyDataset(DatasetSpec(name="x", format="mine", path="x.mine"), folder)
        ...
        ...     def value(self, number):
        ...         return {"rows": [number] * 10}

    Attributes:
        is_persistent: Whether another object, made the same way, finds what was saved.
        tells_content: Whether a fingerprint is given for what is there.
        owns_loaded: Whether what ``load`` returns belongs to the caller.
        is_whole: Whether a reader beside a writer sees the old data or the new.
        refused: Values that it cannot hold.
    """

    is_persistent: ClassVar[bool] = True
    tells_content: ClassVar[bool] = True
    owns_loaded: ClassVar[bool] = True
    is_whole: ClassVar[bool] = True
    refused: ClassVar[tuple[Any, ...]] = (object(),)

    @abstractmethod
    def make(self, folder: Path) -> Dataset:
        """Return the dataset that lies in a folder; called again, the same one."""

    @abstractmethod
    def value(self, number: int) -> Any:
        """Return data to save that differs for each number."""

    def plain(self, data: Any) -> Any:
        """Return data in a form that ``==`` compares; by default as it is."""
        return data

    def change(self, data: Any) -> None:
        """Change loaded data in place."""
        data.clear()

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Dataset:
        """A dataset that holds nothing yet."""
        return self.make(tmp_path)

    def same(self, loaded: Any, number: int) -> bool:
        """Tell whether what was loaded is what was saved as a number."""
        return bool(self.plain(loaded) == self.plain(self.value(number)))

    # Absence

    def test_nothing_is_there_before_the_first_save(self, dataset: Dataset) -> None:
        assert dataset.exists() is False
        assert dataset.fingerprint() == ""
        with pytest.raises(DatasetNotFoundError):
            dataset.load()

    def test_looking_makes_nothing(self, dataset: Dataset, tmp_path: Path) -> None:
        before = sorted(tmp_path.rglob("*"))
        dataset.exists()
        dataset.fingerprint()
        dataset.describe()
        assert sorted(tmp_path.rglob("*")) == before

    # Data

    def test_what_was_saved_is_loaded(self, dataset: Dataset) -> None:
        dataset.save(self.value(1))
        assert dataset.exists() is True
        assert self.same(dataset.load(), 1)
        assert self.same(dataset.load(), 1), "loading consumes nothing"

    def test_a_save_takes_the_place_of_what_was_there(self, dataset: Dataset) -> None:
        dataset.save(self.value(1))
        dataset.save(self.value(2))
        assert self.same(dataset.load(), 2)

    def test_another_object_finds_it(self, dataset: Dataset, tmp_path: Path) -> None:
        dataset.save(self.value(1))
        other = self.make(tmp_path)
        assert other.exists() is self.is_persistent
        if self.is_persistent:
            assert self.same(other.load(), 1)
            assert other.fingerprint() == dataset.fingerprint()

    def test_what_is_loaded_belongs_to_the_caller(self, dataset: Dataset) -> None:
        if not self.owns_loaded:
            dataset.save(self.value(1))
            assert dataset.load() is dataset.load()
            return
        dataset.save(self.value(1))
        self.change(dataset.load())
        assert self.same(dataset.load(), 1)

    def test_what_cannot_be_held_leaves_what_is_there(self, dataset: Dataset) -> None:
        dataset.save(self.value(1))
        for value in self.refused:
            with pytest.raises(DatasetError):
                dataset.save(value)
            assert self.same(dataset.load(), 1)

    # Looking

    def test_a_fingerprint_tells_other_content(self, dataset: Dataset) -> None:
        dataset.save(self.value(1))
        first = dataset.fingerprint()
        assert bool(first) is self.tells_content
        assert dataset.fingerprint() == first
        dataset.save(self.value(2))
        assert (dataset.fingerprint() != first) is self.tells_content

    def test_a_description_is_plain_json_and_loads_nothing(self, dataset: Dataset) -> None:
        empty = json.loads(json.dumps(dataset.describe()))
        dataset.save(self.value(1))
        full = json.loads(json.dumps(dataset.describe()))
        assert isinstance(empty, dict)
        assert isinstance(full, dict)
        assert "hunter2" not in json.dumps([empty, full])

    # Threads

    def test_saves_at_once_leave_one_of_them(self, dataset: Dataset) -> None:
        values = [self.value(number) for number in range(4)]
        at_once([partial(dataset.save, value) for value in values])
        loaded = dataset.load()
        assert any(self.same(loaded, number) for number in range(4))

    def test_a_reader_beside_a_writer_sees_whole_data(self, dataset: Dataset) -> None:
        if not self.is_whole:
            return
        dataset.save(self.value(0))
        ended = threading.Event()

        def write() -> None:
            try:
                for number in range(1, _TURNS):
                    dataset.save(self.value(number))
            finally:
                ended.set()

        def read() -> None:
            last = False
            while not last:
                last = ended.is_set()  # one look more after the last save
                loaded = dataset.load()
                assert any(self.same(loaded, number) for number in range(_TURNS))

        at_once([write, read, read])
