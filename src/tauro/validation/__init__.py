"""What names, values and paths must be; every message says what was got and what to do."""

from tauro.validation._metrics import validate_metric_step, validate_metric_value
from tauro.validation._names import (
    validate_experiment_name,
    validate_metric_key,
    validate_model_name,
    validate_parameter_key,
    validate_run_name,
    validate_tag_key,
)
from tauro.validation._parameters import validate_parameter, validate_tag
from tauro.validation._paths import PathValidator

__all__ = [
    "PathValidator",
    "validate_experiment_name",
    "validate_metric_key",
    "validate_metric_step",
    "validate_metric_value",
    "validate_model_name",
    "validate_parameter",
    "validate_parameter_key",
    "validate_run_name",
    "validate_tag",
    "validate_tag_key",
]
