"""Webhook endpoints: https://docs.stripe.com/api/webhook_endpoints

Only loopback addresses are accepted: this server never talks to another machine.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fakestripe.addresses import is_loopback, web_address
from fakestripe.call import Call, endpoint
from fakestripe.errors import invalid
from fakestripe.ids import new_id, token
from fakestripe.lists import filtered, page
from fakestripe.merge import assign, merge_metadata
from fakestripe.types import Obj

MAX_ENDPOINTS = 16


def _url(text: str) -> str:
    host = urlsplit(web_address(text, "url")).hostname or ""
    if not is_loopback(host):
        message = f"Invalid URL: fakestripe delivers to this machine only, and {host} is not a loopback host."
        raise invalid(message, code="url_invalid", param="url")
    return text


@endpoint(
    "POST /v1/webhook_endpoints", "url", "enabled_events", "api_version", "description", "metadata", "connect"
)
def create(call: Call) -> Obj:
    if sum(1 for _ in call.tx.rows_of("webhook_endpoint")) >= MAX_ENDPOINTS:
        raise invalid(f"You have reached the maximum of {MAX_ENDPOINTS} test webhook endpoints.", param="url")
    if not call.params["enabled_events"]:
        raise invalid("enabled_events must name at least one event, or '*'.", param="enabled_events")
    secret = f"whsec_{token(32)}"
    webhook: Obj = {
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "api_version": call.get("api_version"),
        "application": None,
        "created": call.now,
        "description": call.get("description"),
        "enabled_events": call.params["enabled_events"],
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": _url(call.params["url"]),
    }
    merge_metadata(webhook, call.params.get("metadata"))
    call.tx.add("webhook_endpoint", webhook, private={"secret": secret, "connect": bool(call.get("connect"))})
    return {**webhook, "secret": secret}  # shown this once, as at Stripe


@endpoint("GET /v1/webhook_endpoints/{webhook_endpoint}")
def retrieve(call: Call) -> Obj:
    return call.tx.read("webhook_endpoint", call.ids[0])


@endpoint(
    "POST /v1/webhook_endpoints/{webhook_endpoint}",
    "url",
    "enabled_events",
    "description",
    "metadata",
    "disabled",
)
def update(call: Call) -> Obj:
    webhook = call.tx.edit("webhook_endpoint", call.ids[0])
    assign(call, webhook, "description", "enabled_events")
    if "url" in call.params:
        webhook["url"] = _url(call.params["url"])
    if "disabled" in call.params:
        webhook["status"] = "disabled" if call.get("disabled") else "enabled"
    merge_metadata(webhook, call.params.get("metadata"))
    return webhook


@endpoint("DELETE /v1/webhook_endpoints/{webhook_endpoint}")
def delete(call: Call) -> Obj:
    call.tx.read("webhook_endpoint", call.ids[0])
    call.tx.drop(call.ids[0])
    return {"id": call.ids[0], "object": "webhook_endpoint", "deleted": True}


@endpoint("GET /v1/webhook_endpoints")
def list_(call: Call) -> Obj:
    return page(call, filtered(call, "webhook_endpoint"), "/v1/webhook_endpoints")
