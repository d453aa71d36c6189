"""The layer below pipelines in one file: experiments, runs, comparison, models, stages, lineage.

python examples/example.py          keeps everything in ./mlops_data
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

from tauro.mlops import ExperimentTracker, MLOpsContext, ModelRegistry, Run


def train(tracker: ExperimentTracker, rate: float) -> Run:
    """Record a run: what it was given, how its loss fell, and what came of it."""
    with tracker.start_run(name=f"rate-{rate}", parameters={"rate": rate}) as run:
        for epoch in range(20):
            run.log_metric("loss", math.exp(-rate * epoch), step=epoch)
        run.log_metric("auc", 0.95 - abs(rate - 0.3))
        run.set_tag("team", "growth")
        run.log_text(f"rate = {rate}\n", "notes.txt")
    return run


def register(registry: ModelRegistry, run: Run) -> int:
    """Register the run's weights as the next version; return its number."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "weights.txt")
        weights.write_text(f"{run.parameters['rate']}\n")
        version = registry.register_model(
            "churn",
            weights,
            metrics={"auc": run.metrics["auc"]},
            experiment_run_id=run.run_id,
        )
    return version.version


def main() -> None:
    with MLOpsContext(storage_path="./mlops_data") as context:
        tracker, registry = context.experiment_tracker, context.model_registry
        tracker.create_experiment("churn", "Which rate keeps customers.")
        runs = [train(tracker, rate) for rate in (0.1, 0.3, 0.9)]

        table = tracker.compare_runs([run.run_id for run in runs])
        print(table[["name", "metrics.auc", "params.rate"]].to_string(index=False))
        best = tracker.query_runs(filter="metrics.auc > 0.8", order_by=["metrics.auc DESC"]).runs[0]
        print(f"\nThe best run is {best.name}.")

        number = register(registry, tracker.get_run(best.run_id))
        registry.promote_model("churn", number, "Production", reason="the best of three")
        registry.set_alias("churn", "champion", number)
        served = registry.get_model_by_stage("churn", "Production")
        print(f"{served} came from {served.experiment_run_id}.")
        for change in registry.history("churn", number):
            print(f"  {change['at']:%H:%M:%S} {change['action']} by {change['by']}")


if __name__ == "__main__":
    main()
