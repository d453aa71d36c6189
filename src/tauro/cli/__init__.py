"""The command line: a thin second face of the library."""

import tauro.compat  # noqa: F401 - finds the older path tauro.cli.config
from tauro.cli._main import main

__all__ = ["main"]
