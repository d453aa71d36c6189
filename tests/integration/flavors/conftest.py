"""What the tests of the frameworks share."""

from __future__ import annotations

import os

# Keras takes its backend from here, once, at its first import.
os.environ.setdefault("KERAS_BACKEND", "torch")
