"""The operating system's errors as ours."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from tauro.errors import MLOpsError


class Translated:
    """Raises what ``translate`` makes of an ``OSError`` that leaves the ``with`` block.

    Errors that are ours already pass; some are ``OSError`` too. It is a class, and not a generator,
    because that costs a third, and a run of half a millisecond passes here twenty times.
    """

    __slots__ = ("_translate",)

    def __init__(self, translate: Callable[[OSError], Exception]) -> None:
        self._translate = translate

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, OSError) and not isinstance(error, MLOpsError):
            raise self._translate(error) from error
