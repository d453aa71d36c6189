"""What the caller of ``load_model`` permits."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tauro.errors import UntrustedModelError


def dotted(value: type | str) -> str:
    """Return the dotted name of a class; a text is one already."""
    return value if isinstance(value, str) else f"{value.__module__}.{value.__qualname__}"


@dataclass(frozen=True, slots=True)
class Trust:
    """Permission to run code, and the types that loading may make.

    Attributes:
        allow_pickle: Whether code in the files may run, as unpickling does.
        types: Dotted names that are trusted beyond the flavor's own list.
    """

    allow_pickle: bool = False
    types: frozenset[str] = frozenset()

    @classmethod
    def of(cls, allow_pickle: bool, trusted: Iterable[type | str]) -> Trust:
        """Return the permission of ``load_model``'s arguments."""
        names = [trusted] if isinstance(trusted, str) else trusted
        return cls(allow_pickle, frozenset(dotted(name) for name in names))

    def require_pickle(self, what: str) -> None:
        """Return if code may run.

        Args:
            what: The file and why it runs code: ``model.pkl is a pickle``.

        Raises:
            UntrustedModelError: Permission was not given; nothing was opened.
        """
        if not self.allow_pickle:
            raise UntrustedModelError(
                f"{what}: loading it runs whatever code it holds, and that was not permitted.",
                suggestions=[
                    "If you know who made it, pass allow_pickle=True (--allow-pickle).",
                    "Safer: register the object (model=…), which picks a format of data only.",
                ],
            )

    def require_types(self, found: Collection[str], what: str) -> None:
        """Return if every type is trusted.

        Raises:
            UntrustedModelError: Some are not; the message names them.
        """
        missing = sorted(set(found) - self.types)
        if missing and not self.allow_pickle:
            listed = ", ".join(repr(name) for name in missing)
            raise UntrustedModelError(
                f"{what} holds {'types that are' if len(missing) > 1 else 'a type that is'} "
                f"not trusted: {', '.join(missing)}.",
                context={"untrusted": missing},
                suggestions=[f"If you know them, pass trusted=[{listed}]."],
            )
