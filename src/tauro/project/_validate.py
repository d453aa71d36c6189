"""What can be looked at before a run, beyond what the plan itself checks."""

from __future__ import annotations

from tauro.catalog import Catalog
from tauro.errors import DatasetError, MissingExtraError, PlanningError
from tauro.pipeline import Plan, SourceKind, raise_together


def check_sources(plan: Plan, catalog: Catalog) -> None:
    """Look whether the data is there that the nodes of a plan read and none of them makes.

    Raises:
        PlanningError: Some is not; every one of them is named with its readers.
    """
    made = {output for node in plan.nodes for output in node.outputs}
    readers: dict[str, list[str]] = {}
    for name, binding in plan.bindings.items():
        for item in binding.bound:
            if item.kind is SourceKind.DATASET and item.key not in made:
                readers.setdefault(item.key, []).append(name)
    mistakes: list[PlanningError] = []
    for dataset, names in readers.items():
        mistake = _look(catalog, dataset, names)
        if mistake is not None:
            mistakes.append(mistake)
    raise_together(mistakes)


def _look(catalog: Catalog, dataset: str, readers: list[str]) -> PlanningError | None:
    spec = catalog.get_spec(dataset)
    where = getattr(spec, "location", "")
    named = f"Dataset {dataset!r}{f' ({where})' if where else ''}, read by {', '.join(readers)},"
    try:
        there = catalog.exists(dataset)
    except (DatasetError, MissingExtraError, OSError) as error:
        message = getattr(error, "message", str(error))
        hints = getattr(error, "suggestions", ())
        return PlanningError(f"{named} cannot be looked at: {message}", suggestions=hints)
    if there:
        return None
    place = f" at {spec.path}" if spec.path else ""
    return PlanningError(
        f"{named} has no data{place}.",
        suggestions=["Put the data there, or correct its path in the input configuration."],
    )
