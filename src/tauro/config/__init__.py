"""Files of an environment to frozen objects that know their file and line."""

from tauro._internal._dataset import ColumnSpec
from tauro._internal._secrets import mask_secrets
from tauro.config._context import Context, ContextLoader
from tauro.config._descriptor import AppConfigManager, EnvironmentPaths
from tauro.config._mlops import LEVELS, SETTING_KEYS
from tauro.config._mlops_models import (
    CacheSettings,
    HealthSettings,
    MLflowSettings,
    MLOpsSettings,
    Origin,
    RegistrySettings,
    TrackingSettings,
)
from tauro.config._records import DatasetConfig, NodeConfig, PipelineConfig, Settings
from tauro.config._show import (
    SettingExplanation,
    explain_settings,
    setting_origins,
    settings_lines,
    shown_settings,
)
from tauro.errors import ConfigError, ConfigProblem, SourceLocation

__all__ = [
    "LEVELS",
    "SETTING_KEYS",
    "AppConfigManager",
    "CacheSettings",
    "ColumnSpec",
    "ConfigError",
    "ConfigProblem",
    "Context",
    "ContextLoader",
    "DatasetConfig",
    "EnvironmentPaths",
    "HealthSettings",
    "MLOpsSettings",
    "MLflowSettings",
    "NodeConfig",
    "Origin",
    "PipelineConfig",
    "RegistrySettings",
    "SettingExplanation",
    "Settings",
    "SourceLocation",
    "TrackingSettings",
    "explain_settings",
    "mask_secrets",
    "setting_origins",
    "settings_lines",
    "shown_settings",
]
