"""The functions that the configuration names."""
