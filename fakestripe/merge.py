"""How Stripe merges what a request sends into an object."""

from __future__ import annotations

from fakestripe.call import Call
from fakestripe.errors import invalid
from fakestripe.types import Obj

MAX_METADATA_KEYS = 50
ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def merge_metadata(obj: Obj, sent: Obj | str | None) -> None:
    """Set keys, drop the ones sent empty, clear all on an empty string. At most 50 keys."""
    if sent is None:
        return
    if sent == "":
        obj["metadata"] = {}
        return
    merged = {**(obj.get("metadata") or {}), **(sent if isinstance(sent, dict) else {})}
    obj["metadata"] = {key: value for key, value in merged.items() if value != ""}
    if len(obj["metadata"]) > MAX_METADATA_KEYS:
        raise invalid(f"You can have up to {MAX_METADATA_KEYS} metadata keys.", param="metadata")


def assign(call: Call, obj: Obj, *names: str) -> None:
    """Copy the given parameters over; an empty value becomes null."""
    for name in names:
        if name in call.params:
            obj[name] = call.get(name)


def address(sent: Obj | None) -> Obj | None:
    """An address with all its fields."""
    if not sent:
        return None
    return {name: sent.get(name) or None for name in ADDRESS}


def empty_address() -> Obj:
    """The address of somebody who gave none."""
    return dict.fromkeys(ADDRESS)
