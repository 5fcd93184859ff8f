"""Lists as Stripe pages them, and ``created`` filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fakestripe.call import Call
from fakestripe.errors import invalid, missing_object
from fakestripe.types import Obj

COMPARE: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda value, limit: value > limit,
    "gte": lambda value, limit: value >= limit,
    "lt": lambda value, limit: value < limit,
    "lte": lambda value, limit: value <= limit,
}


def page(call: Call, objects: Iterable[Obj], url: str) -> Obj:
    """One page of ``objects`` (newest first) by limit, starting_after and ending_before."""
    limit = call.get("limit", 10)
    if not 1 <= limit <= 100:
        raise invalid(f"Invalid limit: {limit}. It must be between 1 and 100.", param="limit")
    after, before = call.get("starting_after"), call.get("ending_before")
    if after and before:
        raise invalid("You cannot use both `starting_after` and `ending_before`.", param="starting_after")
    if before:
        data, has_more = _previous(objects, before, limit)
    else:
        data, has_more = _next(objects, after, limit)
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def _next(objects: Iterable[Obj], after: str | None, limit: int) -> tuple[list[Obj], bool]:
    rest = iter(objects)
    if after and not any(obj["id"] == after for obj in rest):
        raise missing_object("object", after, "starting_after")
    data: list[Obj] = []
    for obj in rest:
        if len(data) == limit:
            return data, True
        data.append(obj)
    return data, False


def _previous(objects: Iterable[Obj], before: str, limit: int) -> tuple[list[Obj], bool]:
    data: list[Obj] = []
    for obj in objects:
        if obj["id"] == before:
            return data[-limit:], len(data) > limit
        data.append(obj)
    raise missing_object("object", before, "ending_before")


def full(objects: list[Obj], url: str) -> Obj:
    """A list inside an object (refunds of a charge, reversals of a transfer)."""
    return {
        "object": "list",
        "data": objects[:10],
        "has_more": len(objects) > 10,
        "total_count": len(objects),
        "url": url,
    }


def filtered(call: Call, kind: str, *fields: str) -> Iterable[Obj]:
    """The rows of a kind whose ``fields`` equal the parameters given, within ``created``."""
    wanted = {name: call.get(name) for name in fields if call.get(name) is not None}
    created = call.get("created")

    def fits(obj: Obj) -> bool:
        same = all(obj.get(name) == value for name, value in wanted.items())
        return same and (created is None or created_fits(obj["created"], created))

    return call.tx.search(kind, fits)


def created_fits(value: int, wanted: Any) -> bool:
    """Whether a time lies in a ``created`` filter: a number, or gt/gte/lt/lte."""
    if isinstance(wanted, dict):
        return all(COMPARE[name](value, limit) for name, limit in wanted.items())
    return bool(value == wanted)
