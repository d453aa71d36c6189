"""The contract of the model registry, over whatever store holds it.

Subclass :class:`ModelRegistrySuite`, give ``make_storage``, and run it with pytest.
"""

from __future__ import annotations

from tauro.testing._registry_changes import ChangingSuite
from tauro.testing._registry_reading import ReadingSuite
from tauro.testing._registry_upkeep import UpkeepSuite
from tauro.testing._registry_versions import RegisteringSuite


class ModelRegistrySuite(RegisteringSuite, ChangingSuite, ReadingSuite, UpkeepSuite):
    """What users may rely on, whichever backend or wrapper holds the registry."""
