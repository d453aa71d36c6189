"""Measurements beside the peers: each module is a program that prints a table."""
