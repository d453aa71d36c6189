"""Model formats: save, load, predict and signatures, one file a framework."""

from tauro.flavors._columns import ColumnSpec, SchemaProblem
from tauro.flavors._environment import ModelEnvironmentWarning
from tauro.flavors._infer import infer_signature
from tauro.flavors._load import LoadedModel, load_model, read_spec
from tauro.flavors._models import Environment, ModelSpec
from tauro.flavors._protocol import Flavor, Predictor, Saved, SaveOptions
from tauro.flavors._registry import flavor_of, get_flavor, register_flavor
from tauro.flavors._save import save_model
from tauro.flavors._signature import ModelSignature

__all__ = [
    "ColumnSpec",
    "Environment",
    "Flavor",
    "LoadedModel",
    "ModelEnvironmentWarning",
    "ModelSignature",
    "ModelSpec",
    "Predictor",
    "SaveOptions",
    "Saved",
    "SchemaProblem",
    "flavor_of",
    "get_flavor",
    "infer_signature",
    "load_model",
    "read_spec",
    "register_flavor",
    "save_model",
]
