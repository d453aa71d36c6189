"""Helpers that every layer may use and no user should import."""
