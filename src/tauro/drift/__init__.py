"""Drift: whether data, a model's metrics, or a stream changed, at a promised false-alarm rate."""

from typing import TYPE_CHECKING, Final

from tauro._internal._optional import lazy_attributes

if TYPE_CHECKING:
    from tauro.drift._adwin import ADWIN as ADWIN
    from tauro.drift._concept import create_stream_detector as create_stream_detector
    from tauro.drift._decide import DEFAULT_EFFECTS as DEFAULT_EFFECTS
    from tauro.drift._detector import DriftDetector as DriftDetector
    from tauro.drift._detector import create_drift_detector as create_drift_detector
    from tauro.drift._error_streams import DDM as DDM
    from tauro.drift._error_streams import EDDM as EDDM
    from tauro.drift._error_streams import HDDMA as HDDMA
    from tauro.drift._error_streams import HDDMW as HDDMW
    from tauro.drift._models import Check as Check
    from tauro.drift._models import ConceptDriftReport as ConceptDriftReport
    from tauro.drift._models import DataDriftReport as DataDriftReport
    from tauro.drift._models import DriftReport as DriftReport
    from tauro.drift._models import FeatureDrift as FeatureDrift
    from tauro.drift._models import ModelDriftReport as ModelDriftReport
    from tauro.drift._models import MultivariateDrift as MultivariateDrift
    from tauro.drift._node import DriftWarning as DriftWarning
    from tauro.drift._node import drift_gate as drift_gate
    from tauro.drift._profile import PROFILE_FILE as PROFILE_FILE
    from tauro.drift._profile import ReferenceProfile as ReferenceProfile
    from tauro.drift._profile_store import ProfileStore as ProfileStore
    from tauro.drift._registry import register_test as register_test
    from tauro.drift._samples import CategoricalSample as CategoricalSample
    from tauro.drift._samples import NumericSample as NumericSample
    from tauro.drift._samples import TestOutcome as TestOutcome
    from tauro.drift._stream import StreamDetector as StreamDetector
    from tauro.drift._value_streams import KSWIN as KSWIN
    from tauro.drift._value_streams import PageHinkley as PageHinkley

_NAMES: Final = {
    "ADWIN": "tauro.drift._adwin:ADWIN",
    "CategoricalSample": "tauro.drift._samples:CategoricalSample",
    "Check": "tauro.drift._models:Check",
    "ConceptDriftReport": "tauro.drift._models:ConceptDriftReport",
    "DDM": "tauro.drift._error_streams:DDM",
    "DEFAULT_EFFECTS": "tauro.drift._decide:DEFAULT_EFFECTS",
    "DataDriftReport": "tauro.drift._models:DataDriftReport",
    "DriftDetector": "tauro.drift._detector:DriftDetector",
    "DriftReport": "tauro.drift._models:DriftReport",
    "DriftWarning": "tauro.drift._node:DriftWarning",
    "EDDM": "tauro.drift._error_streams:EDDM",
    "FeatureDrift": "tauro.drift._models:FeatureDrift",
    "HDDMA": "tauro.drift._error_streams:HDDMA",
    "HDDMW": "tauro.drift._error_streams:HDDMW",
    "KSWIN": "tauro.drift._value_streams:KSWIN",
    "ModelDriftReport": "tauro.drift._models:ModelDriftReport",
    "MultivariateDrift": "tauro.drift._models:MultivariateDrift",
    "NumericSample": "tauro.drift._samples:NumericSample",
    "PROFILE_FILE": "tauro.drift._profile:PROFILE_FILE",
    "PageHinkley": "tauro.drift._value_streams:PageHinkley",
    "ProfileStore": "tauro.drift._profile_store:ProfileStore",
    "ReferenceProfile": "tauro.drift._profile:ReferenceProfile",
    "StreamDetector": "tauro.drift._stream:StreamDetector",
    "TestOutcome": "tauro.drift._samples:TestOutcome",
    "create_drift_detector": "tauro.drift._detector:create_drift_detector",
    "create_stream_detector": "tauro.drift._concept:create_stream_detector",
    "drift_gate": "tauro.drift._node:drift_gate",
    "register_test": "tauro.drift._registry:register_test",
}
__all__ = sorted(_NAMES)  # noqa: PLE0605 - one list of the names, the table

__getattr__, __dir__ = lazy_attributes(__name__, _NAMES, globals())
