"""``expand[]``: ids in an answer replaced by the objects they name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakestripe.call import Call
from fakestripe.errors import invalid
from fakestripe.schema.responses import expandable
from fakestripe.types import Obj, clone

MAX_DEPTH = 4
INCLUDABLE: dict[tuple[str, str], Callable[[Call, Obj], Any]] = {}
VIEWS: dict[str, Callable[[Call, Obj], None]] = {}


def includable(kind: str, name: str) -> Callable[[Callable[[Call, Obj], Any]], Callable[[Call, Obj], Any]]:
    """Register a field that is only there when asked for (the line items of a Checkout session)."""

    def register(build: Callable[[Call, Obj], Any]) -> Callable[[Call, Obj], Any]:
        INCLUDABLE[kind, name] = build
        return build

    return register


def view(kind: str) -> Callable[[Callable[[Call, Obj], None]], Callable[[Call, Obj], None]]:
    """Register what the clock changes in an object without anybody writing it (a transaction's status)."""

    def register(change: Callable[[Call, Obj], None]) -> Callable[[Call, Obj], None]:
        VIEWS[kind] = change
        return change

    return register


def present(call: Call, answer: Obj) -> Obj:
    """A copy of a handler's answer, as it leaves the house: views applied, ``expand`` carried out."""
    shown: Obj = clone(answer)
    _look(call, shown)
    for path in call.get("expand") or []:
        parts = path.split(".")
        if len(parts) - (parts[0] == "data") > MAX_DEPTH:
            raise invalid(
                f"You cannot expand more than {MAX_DEPTH} levels of a property. Property: {path}",
                param="expand",
            )
        _expand(call, shown, parts, path)
    return shown


def _look(call: Call, value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _look(call, item)
    elif isinstance(value, dict):
        change = VIEWS.get(value.get("object", ""))
        if change is not None:
            change(call, value)
        if value.get("object") != "event":
            for item in value.values():
                if isinstance(item, dict | list):
                    _look(call, item)


def _expand(call: Call, node: Obj, parts: list[str], path: str) -> None:
    name, rest = parts[0], parts[1:]
    if node.get("object") == "list" and name == "data":
        for item in node["data"]:
            _expand(call, item, rest, path)
        return
    build = INCLUDABLE.get((node.get("object", ""), name))
    if build is not None and name not in node:
        node[name] = clone(build(call, node))
    scalar = not isinstance(node.get(name), str | dict | list)
    if name not in node or (scalar and "object" in node and not expandable(node["object"], name)):
        raise _refused(path)
    node[name] = _opened(call, node[name], path)
    if rest:
        _follow(call, node[name], rest, path)


def _opened(call: Call, value: Any, path: str) -> Any:
    if isinstance(value, list):
        return [_opened(call, item, path) for item in value]
    if not isinstance(value, str):
        return value
    found = call.tx.find(value)
    if found is None or found.kind.startswith("_"):
        raise _refused(path)
    shown = clone(found.obj)
    _look(call, shown)
    return shown


def _follow(call: Call, value: Any, rest: list[str], path: str) -> None:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            _expand(call, item, rest, path)
        elif item is not None:
            raise _refused(path)


def _refused(path: str) -> Exception:
    return invalid(f"This property cannot be expanded ({path}).", param="expand")
