"""Events: https://docs.stripe.com/api/events"""

from __future__ import annotations

from fakestripe.call import Call, endpoint
from fakestripe.errors import invalid
from fakestripe.expand import view
from fakestripe.lists import filtered, page
from fakestripe.types import Obj


@endpoint("GET /v1/events/{id}")
def retrieve(call: Call) -> Obj:
    return call.tx.read("event", call.ids[0])


@endpoint("GET /v1/events", "created", "type", "types", "delivery_success")
def list_(call: Call) -> Obj:
    wanted, types = call.get("type"), call.get("types")
    if wanted and types:
        raise invalid("You may only specify one of these parameters: type, types.", param="types")
    patterns = types or ([wanted] if wanted else None)
    delivered = call.get("delivery_success")
    events = (
        event
        for event in filtered(call, "event")
        if (patterns is None or any(fits(pattern, event["type"]) for pattern in patterns))
        and (delivered is None or delivered == (pending(call, event["id"]) == 0))
    )
    return page(call, events, "/v1/events")


def fits(pattern: str, type_: str) -> bool:
    """Whether an event type is meant by ``*``, ``charge.*`` or its own name."""
    return pattern in ("*", type_) or (pattern.endswith(".*") and type_.startswith(pattern[:-1]))


def pending(call: Call, event_id: str) -> int:
    """How many endpoints haven't taken an event yet."""
    row = call.tx.row("event", event_id)
    deliveries = (call.tx.find(delivery) for delivery in row.private.get("deliveries", []))
    return sum(1 for delivery in deliveries if delivery is not None and delivery.obj["status"] == "pending")


@view("event")
def _pending_webhooks(call: Call, event: Obj) -> None:
    row = call.tx.find(event["id"])
    if row is not None and row.account == call.account:
        event["pending_webhooks"] = pending(call, event["id"])
