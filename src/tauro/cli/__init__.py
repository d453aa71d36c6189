"""The command line: a thin second face of the library."""

from tauro.cli._main import main

__all__ = ["main"]
