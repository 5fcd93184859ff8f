"""Nudges."""


def listen() -> None:
    """Replaced when billing lands."""
