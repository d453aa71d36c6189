"""Close matches: the one place that makes "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable


def close_matches(name: str, candidates: Iterable[str], *, limit: int = 3) -> list[str]:
    """Return the candidates most like ``name``, best first, compared without case."""
    import difflib  # only on the way to an error

    by_folded: dict[str, str] = {}
    for candidate in candidates:
        by_folded.setdefault(candidate.casefold(), candidate)
    found = difflib.get_close_matches(name.casefold(), by_folded, n=limit, cutoff=0.6)
    return [by_folded[folded] for folded in found]


def did_you_mean(name: str, candidates: Iterable[str]) -> list[str]:
    """Return one hint for an error's suggestions, or none when nothing is close."""
    found = close_matches(name, candidates)
    return [f"Did you mean {' or '.join(repr(match) for match in found)}?"] if found else []
