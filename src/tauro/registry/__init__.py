"""Models, versions, stages, aliases and lineage."""

from tauro.registry._models import ArtifactFile, ModelMetadata, ModelStage
from tauro.registry._registry import ModelRegistry
from tauro.registry._version import ModelVersion

__all__ = ["ArtifactFile", "ModelMetadata", "ModelRegistry", "ModelStage", "ModelVersion"]
