"""Generators of the documentation; `make docs` runs them. They are no part of the wheel."""
