"""SetupIntents: https://docs.stripe.com/api/setup_intents"""

from __future__ import annotations

from fakestripe.addresses import web_address
from fakestripe.call import Call, Decline, endpoint
from fakestripe.errors import StripeError, invalid
from fakestripe.ids import new_id, token
from fakestripe.lists import filtered, page
from fakestripe.merge import assign, merge_metadata
from fakestripe.resources import confirmation
from fakestripe.resources.customers import living
from fakestripe.resources.payment_intents import cards_only, check_secret
from fakestripe.resources.payment_methods import card_of, declined, from_data, link, usable
from fakestripe.store import Row
from fakestripe.types import Obj, clone

FIELDS = (
    "customer",
    "description",
    "metadata",
    "payment_method",
    "payment_method_data",
    "payment_method_types",
)
UNAUTHENTICATED = Decline(
    "setup_intent_authentication_failure",
    None,
    "The latest attempt to set up the payment method has failed because authentication failed.",
)
FINAL = ("succeeded", "canceled")


@endpoint(
    "POST /v1/setup_intents",
    *FIELDS,
    "usage",
    "confirm",
    "return_url",
    "automatic_payment_methods",
    "use_stripe_sdk",
)
def create(call: Call) -> Obj:
    intent = new_intent(call, call.get("usage", "off_session"))
    row = call.tx.edit_row("setup_intent", intent["id"])
    automatic, types = call.get("automatic_payment_methods"), call.get("payment_method_types")
    if types is None and (automatic is None or automatic["enabled"]):
        redirects = (automatic or {}).get("allow_redirects", "always")
        intent["automatic_payment_methods"] = {"allow_redirects": redirects, "enabled": True}
    _apply(call, intent)
    call.emit("setup_intent.created", intent)
    if call.get("confirm"):
        _confirm(call, row)
    return intent


BLANK: Obj = {
    "object": "setup_intent",
    "application": None,
    "automatic_payment_methods": None,
    "cancellation_reason": None,
    "customer": None,
    "customer_account": None,
    "description": None,
    "excluded_payment_method_types": None,
    "flow_directions": None,
    "last_setup_error": None,
    "latest_attempt": None,
    "livemode": False,
    "mandate": None,
    "metadata": {},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {
        "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
    },
    "payment_method_types": ["card"],
    "single_use_mandate": None,
    "status": "requires_payment_method",
}


def new_intent(call: Call, usage: str) -> Obj:
    """Store a bare intent."""
    intent_id = new_id("seti")
    intent: Obj = clone(BLANK) | {
        "id": intent_id,
        "client_secret": f"{intent_id}_secret_{token(25)}",
        "created": call.now,
        "usage": usage,
    }
    return call.tx.add("setup_intent", intent, private={"return_url": None})


def _apply(call: Call, intent: Obj) -> None:
    assign(call, intent, "description")
    if "payment_method_types" in call.params:
        intent["payment_method_types"] = cards_only(call.get("payment_method_types") or ["card"])
    if "customer" in call.params:
        intent["customer"] = living(call, call.params["customer"])["id"]
    merge_metadata(intent, call.params.get("metadata"))
    method = None
    if data := call.get("payment_method_data"):
        method = from_data(call, data)
    elif method_id := call.get("payment_method"):
        method = usable(call, method_id)
    if method is not None:
        confirmation.check_owner(call, method, intent["customer"])
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}


def _confirm(call: Call, row: Row) -> None:
    if row.obj["payment_method"] is None:
        message = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise _unexpected(
            row.obj, f"{message} Update the SetupIntent with a payment method and then confirm it again."
        )
    return_url = call.get("return_url")
    if return_url is not None:
        web_address(return_url, "return_url")
    confirm_with(call, row, call.tx.read("payment_method", row.obj["payment_method"]), return_url)


def confirm_with(call: Call, row: Row, method: Obj, return_url: str | None) -> None:
    """Try to set a payment method up; raises the 402 of a decline with the intent in it."""
    intent = row.obj
    confirmation.check_owner(call, method, intent["customer"])
    intent |= {"payment_method": method["id"], "last_setup_error": None, "next_action": None}
    card = card_of(call, method["id"])
    if card.auth in ("always", "until_setup"):
        row.private["return_url"] = return_url
        action = confirmation.next_action(call, intent["id"], return_url)
        intent |= {"status": "requires_action", "next_action": action}
        call.emit("setup_intent.requires_action", intent)
        return
    _ask_issuer(call, intent, method, authenticated=False)


def _ask_issuer(call: Call, intent: Obj, method: Obj, *, authenticated: bool) -> None:
    card = card_of(call, method["id"])
    decline = call.forced_decline or (None if card.attaches else card.decline)
    attempt = _attempt(
        call, intent, method, "failed" if decline else "succeeded", authenticated=authenticated
    )
    intent["latest_attempt"] = attempt["id"]
    if decline is not None:
        error = confirmation.error_of(decline, method)
        attempt["setup_error"] = clone(error)
        intent |= {"status": "requires_payment_method", "payment_method": None, "last_setup_error": error}
        call.emit("setup_intent.setup_failed", intent)
        raise declined(decline, setup_intent=clone(intent), payment_method=clone(method))
    method_row = call.tx.edit_row("payment_method", method["id"])
    method_row.private["set_up"] = True
    if intent["customer"]:
        link(call, method["id"], intent["customer"])
    intent |= {"status": "succeeded", "next_action": None}
    call.emit("setup_intent.succeeded", intent)


def _attempt(call: Call, intent: Obj, method: Obj, status: str, *, authenticated: bool) -> Obj:
    details = {"three_d_secure": {"result": "authenticated", "version": "2.2.0"} if authenticated else None}
    attempt: Obj = {
        "id": new_id("setatt"),
        "object": "setup_attempt",
        "application": None,
        "created": call.now,
        "customer": intent["customer"],
        "livemode": False,
        "on_behalf_of": None,
        "payment_method": method["id"],
        "payment_method_details": {"card": details, "type": "card"},
        "setup_error": None,
        "setup_intent": intent["id"],
        "status": status,
        "usage": intent["usage"],
    }
    return call.tx.add("setup_attempt", attempt)


def authenticate(call: Call, intent_id: str, *, passed: bool) -> Obj:
    """The customer finished (or failed) the challenge of a SetupIntent. Never raises a decline."""
    intent = call.tx.edit("setup_intent", intent_id)
    if intent["status"] != "requires_action":
        return intent
    method = call.tx.read("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if passed:
        try:
            _ask_issuer(call, intent, method, authenticated=True)
        except StripeError as error:
            if not error.commits:
                raise
        return intent
    error_object = confirmation.error_of(UNAUTHENTICATED, method)
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_setup_error": error_object}
    call.emit("setup_intent.setup_failed", intent)
    return intent


def _unexpected(intent: Obj, message: str) -> StripeError:
    return invalid(message, code="setup_intent_unexpected_state", setup_intent=clone(intent))


@endpoint("GET /v1/setup_intents/{intent}", "client_secret")
def retrieve(call: Call) -> Obj:
    intent = call.tx.read("setup_intent", call.ids[0])
    check_secret(call, intent)
    return intent


@endpoint("POST /v1/setup_intents/{intent}", *FIELDS)
def update(call: Call) -> Obj:
    intent = call.tx.edit("setup_intent", call.ids[0])
    if intent["status"] in FINAL and call.params.keys() - {"metadata", "description", "expand"}:
        raise _unexpected(
            intent, f"You cannot update this SetupIntent: it has a status of {intent['status']}."
        )
    _apply(call, intent)
    return intent


@endpoint(
    "POST /v1/setup_intents/{intent}/confirm",
    "payment_method",
    "payment_method_data",
    "return_url",
    "use_stripe_sdk",
)
def confirm(call: Call) -> Obj:
    row = call.tx.edit_row("setup_intent", call.ids[0])
    if row.obj["status"] in FINAL:
        already = "it has already succeeded" if row.obj["status"] == "succeeded" else "it was canceled"
        raise _unexpected(row.obj, f"You cannot confirm this SetupIntent because {already}.")
    _apply(call, row.obj)
    _confirm(call, row)
    return row.obj


@endpoint("POST /v1/setup_intents/{intent}/cancel", "cancellation_reason")
def cancel(call: Call) -> Obj:
    intent = call.tx.edit("setup_intent", call.ids[0])
    if intent["status"] in FINAL:
        raise _unexpected(
            intent, f"You cannot cancel this SetupIntent because it has a status of {intent['status']}."
        )
    intent |= {
        "status": "canceled",
        "cancellation_reason": call.get("cancellation_reason"),
        "next_action": None,
    }
    call.emit("setup_intent.canceled", intent)
    return intent


@endpoint("GET /v1/setup_intents", "created", "customer", "payment_method")
def list_(call: Call) -> Obj:
    return page(call, filtered(call, "setup_intent", "customer", "payment_method"), "/v1/setup_intents")


@endpoint("GET /v1/setup_attempts", "created", "setup_intent")
def list_attempts(call: Call) -> Obj:
    return page(call, filtered(call, "setup_attempt", "setup_intent"), "/v1/setup_attempts")
