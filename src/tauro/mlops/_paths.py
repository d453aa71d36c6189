"""Where things lie in the folder of a store."""

from __future__ import annotations

import os
from pathlib import Path

from tauro._internal._paths import resolve_key
from tauro.registry._artifacts import ARTIFACTS
from tauro.registry._ledger import METADATA
from tauro.registry._names import check_model_name, folder_of
from tauro.storage import check_tenant
from tauro.tracking._artifacts import artifact_folder
from tauro.tracking._keys import experiment_key, run_key
from tauro.types import StrPath


class PathManager:
    """Names the files of a store, for tools that open them; it neither reads nor makes any.

    Args:
        root: The store's folder.
        tenant_id: See only this tenant's part.
    """

    def __init__(self, root: StrPath = "./mlops_data", *, tenant_id: str | None = None) -> None:
        folder = Path(os.path.realpath(root))
        self.root = folder / "tenants" / check_tenant(tenant_id) if tenant_id else folder

    def resolve(self, key: StrPath) -> Path:
        """Return the file of a key.

        Raises:
            PathNotAllowedError: It is no key, or leads out of the store.
        """
        return resolve_key(self.root, key)

    def experiment(self, experiment_id: str) -> Path:
        """Return an experiment's JSON document."""
        return self.resolve(experiment_key(experiment_id))

    def run(self, experiment_id: str, run_id: str) -> Path:
        """Return a run's JSON document."""
        return self.resolve(run_key(experiment_id, run_id))

    def run_artifacts(self, run_id: str) -> Path:
        """Return the folder of a run's artifacts."""
        return self.resolve(artifact_folder(run_id))

    def model_metadata(self, name: str, version: int) -> Path:
        """Return the JSON document of a model's version."""
        return self.resolve(f"{METADATA}/{folder_of(check_model_name(name))}/v{version}.json")

    def model_artifacts(self, name: str, version: int) -> Path:
        """Return the folder of the files of a model's version."""
        return self.resolve(f"{ARTIFACTS}/{folder_of(check_model_name(name))}/v{version}")
