"""Stripe's form encoding: ``a[b][0][c]=x`` to nested dicts and lists."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from fakestripe.errors import invalid
from fakestripe.types import Obj

KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
SEGMENT = re.compile(r"\[([^\[\]]*)\]")
MAX_DEPTH = 12


def decode(text: str) -> Obj:
    """Decode a query string or form body. Leaves stay strings; ``x[]=`` and ``x[0]=`` become lists."""
    tree: Obj = {}
    for key, value in parse_qsl(text, keep_blank_values=True, max_num_fields=2000):
        _insert(tree, _segments(key), value)
    return {key: _lists(value) for key, value in tree.items()}


def _segments(key: str) -> list[str]:
    match = KEY.match(key)
    if match is None:
        raise invalid(f"Invalid request: the parameter name '{key}' has unbalanced brackets.", param=key)
    path = [match[1], *SEGMENT.findall(match[2])]
    if len(path) > MAX_DEPTH:
        raise invalid(f"Invalid request: '{key}' is nested too deeply.", param=key)
    return path


def _insert(tree: Obj, path: list[str], value: str) -> None:
    node = tree
    for name, following in zip(path, [*path[1:], None], strict=True):
        if name == "":
            name = str(len(node))
        if following is None:
            node[name] = value
            return
        child = node.setdefault(name, {})
        if not isinstance(child, dict):
            raise invalid(f"Invalid hash: '{path[0]}' is given both as a value and as a hash.", param=path[0])
        node = child


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    items = {key: _lists(item) for key, item in value.items()}
    if items and all(key.isdigit() for key in items):
        return [items[key] for key in sorted(items, key=int)]
    return items
