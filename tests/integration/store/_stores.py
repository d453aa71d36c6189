"""A real store with one of everything."""

from __future__ import annotations

from pathlib import Path

from tauro.mlops import MLOpsContext


def fill(root: Path, *, prefix: str = "", runs: int = 3) -> dict[str, str]:
    """Make a store with runs, parts and segments, a model with versions and changes, and an audit.

    Returns:
        ``experiment``, ``first`` (a run whose points are in a part), ``last`` (in a segment).
    """
    work = root.parent / f"{root.name}-inputs"
    (work / "folder").mkdir(parents=True)
    (work / "folder" / "inner.txt").write_text("inner")
    (work / "model.bin").write_bytes(b"weights of a model")
    ids = []
    for number in range(runs):
        with MLOpsContext(storage_path=str(root)) as context:
            tracker = context.experiment_tracker
            experiment = tracker.create_experiment(f"{prefix}demo", tags={"team": "a"})
            with tracker.start_run(experiment, f"{prefix}r{number}", {"n": number}) as run:
                for step in range(20):
                    run.log_metric("loss", 1.0 / (1 + step + number), step=step)
                run.log_text(f"text {number}", "notes/a.txt")
                run.log_artifact(work / "folder")
            ids.append(run.run_id)
            if number < runs - 1:
                tracker.compact()
    with MLOpsContext(storage_path=str(root)) as context:
        registry = context.model_registry
        for _ in range(2):
            registry.register_model(f"{prefix}fraud", work / "model.bin", experiment_run_id=ids[0])
        registry.promote_model(f"{prefix}fraud", 1, "Production")
        registry.promote_model(f"{prefix}fraud", 2, "Production")
        registry.set_alias(f"{prefix}fraud", "champion", 2)
    return {"experiment": experiment.experiment_id, "first": ids[0], "last": ids[-1]}


def problems(root: Path) -> list[tuple[str, str]]:
    """Return what a fresh process finds wrong with a store."""
    from tauro.mlops import verify_store

    with MLOpsContext(storage_path=str(root)) as context:
        return [(found.path, found.problem) for found in verify_store(context)]
