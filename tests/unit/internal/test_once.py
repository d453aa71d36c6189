"""Parts made when they are first asked for."""

from __future__ import annotations

import threading

from tauro._internal._once import made_once


class Whole:
    def __init__(self) -> None:
        self._making = threading.RLock()
        self.meanwhile = threading.Barrier(2)
        self.made = 0

    @made_once
    def part(self) -> object:
        self.made += 1
        if self.made == 1:
            self.meanwhile.wait(60)
        return object()


def test_a_part_is_made_once_though_another_thread_asks_meanwhile() -> None:
    """Both get the same; from Python 3.12 on ``cached_property`` would make two."""
    whole, found = Whole(), list[object]()

    def ask() -> None:
        whole.meanwhile.wait(60)
        found.append(whole.part)

    second = threading.Thread(target=ask)
    second.start()
    first = whole.part
    second.join()
    assert found == [first]
    assert whole.made == 1


def test_of_the_class_it_is_itself() -> None:
    """As any property is."""
    assert isinstance(Whole.part, made_once)
