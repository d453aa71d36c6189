"""A package that is really installed offers a detector and tests: its metadata are on the path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

CODE = '''
from tauro.drift import DriftDetector, TestOutcome

def span(old, new, rng):
    """Compare the ranges of two samples."""
    change = abs((new.values[-1] - new.values[0]) - (old.values[-1] - old.values[0]))
    return TestOutcome(change, 0.0 if change > 5 else 1.0, change, "own")

def labels(old, new, rng):
    """Compare the sets of categories."""
    apart = len(set(old.counts) ^ set(new.counts))
    return TestOutcome(apart, 0.0 if apart else 1.0, apart, "own")

class Strict(DriftDetector):
    """A detector of its own, with a check of its own."""

    def detect_custom_drift(self, data1, data2):
        return {"drift_detected": len(data1) != len(data2)}
'''
ENTRY_POINTS = """
[tauro.drift.detectors]
strict = strict_drift:Strict
[tauro.drift.numeric_tests]
span = strict_drift:span
[tauro.drift.categorical_tests]
labels = strict_drift:labels
"""
SCRIPT = """
import json
from tauro.drift import create_drift_detector
made = create_drift_detector(
    "t", detector="strict", numeric_test="span", categorical_test="labels"
)
old, new = {"x": [1, 2, 3], "w": ["a", "b", "a"]}, {"x": [1, 2, 30], "w": ["a", "b", "c"]}
report = made.detect_data_drift(old, new)
print(json.dumps([
    type(made).__name__, made.detect_custom_drift([1], [1, 2]), report.drifted_features,
    sorted(check.test for feature in report.features.values() for check in feature.checks),
]))
"""


def test_an_installed_package_offers_a_detector_and_tests(tmp_path: Path) -> None:
    (tmp_path / "strict_drift.py").write_text(CODE)
    metadata = tmp_path / "strict_drift-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: strict-drift\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    name, custom, drifted, tests = json.loads(done.stdout)
    assert name == "Strict"
    assert custom == {"drift_detected": True}
    assert sorted(drifted) == ["w", "x"]
    assert tests == ["labels", "new_categories", "span"]
