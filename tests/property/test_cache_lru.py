"""The cache against a model of it; keys against each other."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tauro.cache import CacheKeyBuilder, Fill, LRUCache

SIZE = 3
keys = st.sampled_from("abcde")
ttls = st.none() | st.sampled_from([1.0, 2.0, 5.0])


class LRUMachine(RuleBasedStateMachine):
    """The model: what was set, in the order of use, with the moment it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.cache = LRUCache(SIZE, default_ttl=4.0, clock=lambda: self.now)
        self.model: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self.fills: list[tuple[str, Fill, bool]] = []

    def _put(self, key: str, value: int, ttl: float) -> None:
        self.model[key] = (value, self.now + ttl)
        self.model.move_to_end(key)
        if len(self.model) > SIZE:
            self.model.popitem(last=False)

    def _live(self, key: str) -> bool:
        if key in self.model and self.model[key][1] <= self.now:
            del self.model[key]
        return key in self.model

    def _void(self, key: str | None) -> None:
        self.fills = [
            (name, fill, valid and key is not None and name != key)
            for name, fill, valid in self.fills
        ]

    @rule(key=keys, value=st.integers(), ttl=ttls)
    def set(self, key: str, value: int, ttl: float | None) -> None:
        self.cache.set(key, value, ttl)
        self._put(key, value, ttl or 4.0)
        self._void(key)

    @rule(key=keys)
    def get(self, key: str) -> None:
        expected = self.model[key][0] if self._live(key) else None
        assert self.cache.get(key) == expected
        if expected is not None:
            self.model.move_to_end(key)

    @rule(key=keys)
    def delete(self, key: str) -> None:
        assert self.cache.delete(key) == self._live(key)
        self.model.pop(key, None)
        self._void(key)

    @rule()
    def clear(self) -> None:
        self.cache.clear()
        self.model.clear()
        self._void(None)

    @rule(key=keys)
    def begin_fill(self, key: str) -> None:
        self.fills.append((key, self.cache.filling(key), True))

    @rule(value=st.integers(), ttl=ttls)
    def end_fill(self, value: int, ttl: float | None) -> None:
        if self.fills:
            key, fill, valid = self.fills.pop(0)
            # Another key that shares a number may void a fill too; never the other way round.
            kept = fill.store(value, ttl)
            assert valid or not kept
            if kept:
                self._put(key, value, min(ttl or 4.0, 4.0))

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def is_bounded_and_holds_the_same(self) -> None:
        assert len(self.cache) <= SIZE
        live = [key for key in list(self.model) if self.model[key][1] > self.now]
        assert [key for key in self.cache.keys() if key in live] == live  # noqa: SIM118


TestLRU = LRUMachine.TestCase

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def _typed(value: Any) -> Any:
    """Return a form in which 1, 1.0 and True differ, as they do for Python's repr."""
    if isinstance(value, dict):
        return ("dict", frozenset((key, _typed(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return ("list", tuple(_typed(item) for item in value))
    return repr(value)


@given(st.lists(values, max_size=3), st.lists(values, max_size=3))
def test_keys_are_equal_only_for_equal_values(one: list[Any], other: list[Any]) -> None:
    build = CacheKeyBuilder("k").build
    assert (build(*one) == build(*other)) == (_typed(one) == _typed(other))


@given(st.lists(st.text(alphabet="a:=~%# ", max_size=4), max_size=4))
def test_parts_of_special_characters_do_not_run_together(parts: list[str]) -> None:
    build = CacheKeyBuilder("k").build
    joined = "".join(parts)
    assert (build(*parts) == build(joined)) == (parts == [joined])
