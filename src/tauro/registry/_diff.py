"""What two versions differ in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tauro.registry._version import ModelVersion

_FIELDS: Final = (
    "stage",
    "framework",
    "artifact_type",
    "description",
    "experiment_run_id",
    "label",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two versions differ in.

    Attributes:
        what: ``metrics``, ``hyperparameters``, ``tags``, ``inputs``, ``outputs``, ``packages``,
            ``dependencies``, ``files``, or ``version`` for a field of the version itself.
        key: Which of them.
        before: In the first version, None where it is not there.
        after: In the second.
    """

    what: str
    key: str
    before: Any
    after: Any

    def __str__(self) -> str:
        change = ""
        both = (self.before, self.after)
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in both):
            change = f" ({self.after - self.before:+.6g})"
        return f"{self.what} {self.key}: {_shown(self.before)} -> {_shown(self.after)}{change}"


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """What two versions differ in; falsy when in nothing."""

    first: ModelVersion
    second: ModelVersion
    differences: tuple[Difference, ...]

    def __bool__(self) -> bool:
        return bool(self.differences)

    def to_dict(self) -> dict[str, Any]:
        """Return the differences by kind and key, as ``[before, after]``."""
        found: dict[str, dict[str, list[Any]]] = {}
        for one in self.differences:
            found.setdefault(one.what, {})[one.key] = [one.before, one.after]
        return {
            "first": {"name": self.first.name, "version": self.first.version},
            "second": {"name": self.second.name, "version": self.second.version},
            "differences": found,
        }

    def __str__(self) -> str:
        head = f"{self.first} -> {self.second}"
        return "\n".join([head, *(f"  {one}" for one in self.differences or ["no difference"])])


def diff_versions(first: ModelVersion, second: ModelVersion) -> VersionDiff:
    """Return what two versions differ in."""
    sides = [_flat(first), _flat(second)]
    keys = list(dict.fromkeys([*sides[0], *sides[1]]))
    found = [
        Difference(what, key, sides[0].get((what, key)), sides[1].get((what, key)))
        for what, key in keys
        if not _same(sides[0].get((what, key)), sides[1].get((what, key)))
    ]
    return VersionDiff(first, second, tuple(found))


def _flat(version: ModelVersion) -> dict[tuple[str, str], Any]:
    flat: dict[tuple[str, str], Any] = {}
    for name in _FIELDS:
        flat["version", name] = getattr(version, name)
    parts: dict[str, dict[str, Any]] = {
        "metrics": version.metrics,
        "hyperparameters": version.hyperparameters,
        "tags": version.tags,
        "dependencies": dict.fromkeys(version.dependencies, True),
        "files": {file.path: file.sha256 for file in version.files},
    }
    signature = version.signature
    if signature is not None:
        for side, columns in (("inputs", signature.inputs), ("outputs", signature.outputs)):
            parts[side] = {c.name: f"{c.type}{'?' if c.nullable else ''}" for c in columns}
    spec = version.metadata.model
    if spec is not None:
        parts["packages"] = {"python": spec.environment.python, **spec.environment.packages}
    for what, values in parts.items():
        for key, value in values.items():
            flat[what, key] = value
    return flat


def _same(first: Any, second: Any) -> bool:
    return bool(first == second or (first != first and second != second))  # noqa: PLR0124 - NaN


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "-"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else text[:37] + "…"
