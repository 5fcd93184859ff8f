"""The two JSON shapes that travel everywhere."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]
"""A JSON object as Stripe sends it."""

Params = dict[str, Any]
"""Validated request parameters: ints and bools are typed, empty strings mean "unset this"."""


def clone(value: Any) -> Any:
    """A deep copy of JSON data (several times faster than copy.deepcopy)."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value
