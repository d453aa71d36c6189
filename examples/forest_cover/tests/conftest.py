"""Puts the project on the import path, as `tauro` does for its pipelines."""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))
