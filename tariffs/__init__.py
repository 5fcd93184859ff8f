"""Tariffs, their immutable versions and where each applies."""
