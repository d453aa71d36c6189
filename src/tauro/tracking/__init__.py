"""Experiments, runs and their metrics."""
