"""The two JSON shapes that travel everywhere."""

from __future__ import annotations

from typing import Any, TypeVar, cast

Obj = dict[str, Any]
"""A JSON object as Stripe sends it."""

Params = dict[str, Any]
"""Validated request parameters: ints and bools are typed, empty strings mean "unset this"."""


_Json = TypeVar("_Json")


def clone(value: _Json) -> _Json:
    """A deep copy of JSON data (several times faster than copy.deepcopy)."""
    copied: Any = _copy(value)
    return cast("_Json", copied)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value
