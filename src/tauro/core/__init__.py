"""The older path of ``tauro.mlops`` and ``tauro.config``; see :mod:`tauro.compat`."""

import tauro.compat  # noqa: F401 - its finder makes the modules below this one
