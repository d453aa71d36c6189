"""The projects of the unit tests, for whole processes."""

from tests.unit.project.conftest import project

__all__ = ["project"]
