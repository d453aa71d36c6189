"""What becomes of each block: how it is tried, and what it still waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DATABRICKS: Final = "a later issue: Databricks Unity Catalog"
MLFLOW: Final = "a later issue: the MLflow mirror"
SPARK: Final = "a later issue: Spark"
LIFECYCLE: Final = "a later issue: deployment and monitoring"
PLATFORM: Final = "a later issue: the forest-cover platform (Airflow, MinIO, compose)"


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a block.

    Attributes:
        how: Name of the function of ``_checks`` that tries it.
        about: What that function needs to know: a class, a folder, a command.
        waits_for: The issue still to come, where the block cannot work before it.
        error: What the error says until then, a regular expression.
    """

    how: str = "run"
    about: str = ""
    waits_for: str = ""
    error: str = ""


_TRACKER: Final = Plan("signature", "tauro.core.mlops.experiment_tracking:ExperimentTracker")
_REGISTRY: Final = Plan("signature", "tauro.core.mlops.model_registry:ModelRegistry")

PLANS: Final[dict[str, dict[int, Plan]]] = {
    "000": {
        1: Plan("installed"),
        2: Plan(),
        3: Plan(),
        4: Plan("run", "DeprecationWarning"),
        5: Plan(),
        6: Plan(),
        7: Plan("project"),
        8: Plan("project"),
        9: Plan("modules"),
        10: Plan("protocol", "tauro.core.mlops.storage:StorageBackend"),
        11: Plan("layout", "mlops_data"),
        12: Plan("layout", "mlops_data"),
        13: Plan("environment"),
        14: Plan(),
        **dict.fromkeys(range(15, 19), _REGISTRY),
        **dict.fromkeys(range(19, 28), _TRACKER),
        28: Plan(),
        29: Plan("project"),
        30: Plan("project"),
        31: Plan("project"),
        32: Plan(waits_for=SPARK, error="spark"),
        33: Plan("example"),
    },
    "001": {
        1: Plan("installed"),
        **dict.fromkeys(range(2, 11), Plan()),
        11: Plan("run", "MLOpsException"),
        12: Plan(),
        13: Plan("modules"),
        14: Plan("environment"),
        15: Plan("project"),
        16: Plan("layout", "mlops_data"),
        17: Plan("layout", "mlops_data"),
        18: Plan("own_tests"),
        19: Plan("exports", waits_for=DATABRICKS, error="missing: .'DatabricksStorageBackend'.$"),
        20: Plan("project"),
        21: Plan(),
        22: Plan(),
    },
    "002": {
        1: Plan("file"),
        2: Plan("file"),
        3: Plan("environment"),
        **dict.fromkeys(range(4, 8), Plan("file")),
        8: Plan("commands"),
        9: Plan("said"),
        10: Plan("facade", "MLflowHelper", waits_for=MLFLOW, error="MLflowHelper"),
        **dict.fromkeys(range(11, 15), Plan()),
    },
    "003": {
        1: Plan("repository", waits_for=PLATFORM, error="dags"),
        2: Plan("repository", ".env.example", waits_for=PLATFORM, error=".env.example"),
        3: Plan("repository", "docker-compose.yml", waits_for=PLATFORM, error="docker-compose"),
        4: Plan("predict"),
    },
    "004": {
        1: Plan(),
        2: Plan(),
        3: Plan(),
        4: Plan(waits_for=LIFECYCLE, error="cannot import name 'ModelDeployment'"),
        5: Plan(waits_for=LIFECYCLE, error="cannot import name 'ModelMonitoring'"),
        6: Plan(),
        7: Plan("hierarchy"),
        8: Plan(waits_for=LIFECYCLE, error="name 'deployment' is not defined"),
        9: Plan(waits_for=LIFECYCLE, error="cannot import name 'create_"),
        10: Plan(),
        11: Plan(),
    },
}
