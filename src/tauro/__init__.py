"""Tauro: the life of a model in one library."""
