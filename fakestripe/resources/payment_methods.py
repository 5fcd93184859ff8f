"""Payment methods, cards only: https://docs.stripe.com/api/payment_methods"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from fakestripe.call import Call, Decline, endpoint, only
from fakestripe.cards import BY_NAME, BY_NUMBER, BY_TOKEN, WRONG_CVC, Card, luhn_valid
from fakestripe.errors import StripeError, invalid, missing_object, not_implemented
from fakestripe.ids import new_id
from fakestripe.lists import page
from fakestripe.merge import address, empty_address, merge_metadata
from fakestripe.types import Obj, clone

BILLING = ("address", "email", "name", "phone", "tax_id")


def build(call: Call, card: Card, *, billing: Obj | None = None, metadata: Obj | None = None) -> Obj:
    """Store a new, unattached payment method for a test card."""
    method: Obj = {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing_details(billing),
        "card": {
            "brand": card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": card.country,
            "display_brand": card.brand,
            "exp_month": 12,
            "exp_year": datetime.fromtimestamp(call.now, UTC).year + 3,
            "fingerprint": card.fingerprint,
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": call.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }
    merge_metadata(method, metadata)
    call.tx.add("payment_method", method, private={"number": card.number, "set_up": False, "used": False})
    return method


def billing_details(sent: Obj | None) -> Obj:
    """Billing details with all their fields."""
    given = sent or {}
    details: Obj = {name: given.get(name) or None for name in BILLING}
    return details | {"address": address(given.get("address")) or empty_address()}


def from_data(call: Call, data: Obj, param: str = "payment_method_data") -> Obj:
    """A new payment method from ``type``, ``card``, ``billing_details`` parameters."""
    only(data, param, "type", "card", "billing_details", "metadata", "allow_redisplay")
    if data.get("type") != "card":
        raise not_implemented(f"payment methods of type '{data.get('type')}'")
    if not data.get("card"):
        raise invalid(
            f"Missing required param: {param}[card].", code="parameter_missing", param=f"{param}[card]"
        )
    card = _card(call, data["card"], f"{param}[card]" if param else "card")
    method = build(call, card, billing=data.get("billing_details"), metadata=data.get("metadata"))
    for name in ("exp_month", "exp_year"):
        if name in data["card"]:
            method["card"][name] = data["card"][name]
    return method


def _card(call: Call, sent: Obj, param: str) -> Card:
    if token := sent.get("token"):
        if token not in BY_TOKEN:
            raise missing_object("token", token, f"{param}[token]")
        return BY_TOKEN[token]
    number = str(sent.get("number", "")).replace(" ", "")
    if not re.fullmatch(r"\d{12,19}", number) or not luhn_valid(number):
        raise StripeError(
            402, "Your card number is incorrect.", type_="card_error", code="incorrect_number", param="number"
        )
    if number not in BY_NUMBER:
        message = "Your card was declined. Your request was in test mode, but used a non test card."
        raise StripeError(
            402, message, type_="card_error", code="card_declined", decline_code="test_mode_live_card"
        )
    _not_expired(call, sent)
    return BY_NUMBER[number]


def _not_expired(call: Call, sent: Obj) -> None:
    today = datetime.fromtimestamp(call.now, UTC)
    year, month = sent.get("exp_year", today.year), sent.get("exp_month", today.month)
    if not 1 <= month <= 12:
        raise StripeError(
            402,
            "Your card's expiration month is invalid.",
            type_="card_error",
            code="invalid_expiry_month",
            param="exp_month",
        )
    if (year, month) < (today.year, today.month):
        raise StripeError(
            402,
            "Your card's expiration year is invalid.",
            type_="card_error",
            code="invalid_expiry_year",
            param="exp_year",
        )


def usable(call: Call, method_id: str, param: str = "payment_method") -> Obj:
    """The payment method of an id; a ``pm_card_*`` name makes a new one, as at Stripe."""
    if method_id in BY_NAME:
        return build(call, BY_NAME[method_id])
    return call.tx.read("payment_method", method_id, param)


def card_of(call: Call, method_id: str) -> Card:
    """The test card behind a payment method."""
    return BY_NUMBER[call.tx.row("payment_method", method_id).private["number"]]


def not_of_customer(method_id: str, param: str = "payment_method") -> StripeError:
    message = f"The customer does not have a payment method with the ID {method_id}."
    hint = "The payment method must be attached to the customer."
    return invalid(f"{message} {hint}", code="payment_method_unexpected_state", param=param)


def declined(decline: Decline, **extra: object) -> StripeError:
    """The 402 of a decline; what was recorded about it stays."""
    return StripeError(
        402,
        decline.message,
        type_="card_error",
        code=decline.code,
        commits=True,
        decline_code=decline.decline_code,
        param="cvc" if decline is WRONG_CVC else None,
        **extra,  # type: ignore[arg-type]  # only extra fields of the error object
    )


def attach_to(call: Call, method_id: str, customer_id: str) -> Obj:
    """Attach a payment method; the issuer may refuse the card here already."""
    method = usable(call, method_id)
    if method["customer"] == customer_id:
        return method
    row = call.tx.row("payment_method", method["id"])
    if method["customer"] is not None or row.private["used"]:
        raise _reuse(method)
    card = card_of(call, method["id"])
    if card.decline is not None and not card.attaches:
        call.tx.changes.clear()
        raise declined(card.decline)
    return link(call, method["id"], customer_id)


def _reuse(method: Obj) -> StripeError:
    if method["customer"] is not None:
        message = "The payment method you provided has already been attached to a customer."
    else:
        message = (
            "This PaymentMethod was previously used without being attached to a Customer or was detached "
            "from a Customer, and may not be used again."
        )
    return invalid(message, code="payment_method_unexpected_state", param="payment_method")


def link(call: Call, method_id: str, customer_id: str) -> Obj:
    """Attach without asking the issuer (a payment or a set-up did)."""
    method = call.tx.edit("payment_method", method_id)
    if method["customer"] != customer_id:
        method["customer"] = customer_id
        call.emit("payment_method.attached", method)
    return method


def detach_from(call: Call, method_id: str) -> Obj:
    """Detach for good: a detached payment method can't be used again."""
    row = call.tx.edit_row("payment_method", method_id)
    method, before = row.obj, clone(row.obj)
    owner = method["customer"]
    if owner is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise invalid(message, code="payment_method_unexpected_state", param="payment_method")
    method["customer"], row.private["used"] = None, True
    customer = call.tx.edit("customer", owner)
    settings = customer.get("invoice_settings", {})
    if settings.get("default_payment_method") == method_id:
        settings["default_payment_method"] = None
    call.emit("payment_method.detached", method, before=before)
    return method


@endpoint("POST /v1/payment_methods", "type", "card", "billing_details", "metadata", "allow_redisplay")
def create(call: Call) -> Obj:
    data = {name: value for name, value in call.params.items() if name != "expand"}
    if call.get("type") is None:
        raise invalid("Missing required param: type.", code="parameter_missing", param="type")
    if call.get("type") == "card" and not call.get("card"):
        raise invalid("Missing required param: card.", code="parameter_missing", param="card")
    method = from_data(call, data, "")
    method["allow_redisplay"] = call.get("allow_redisplay", "unspecified")
    return method


@endpoint("GET /v1/payment_methods/{payment_method}")
def retrieve(call: Call) -> Obj:
    return call.tx.read("payment_method", call.ids[0])


@endpoint(
    "POST /v1/payment_methods/{payment_method}", "billing_details", "metadata", "card", "allow_redisplay"
)
def update(call: Call) -> Obj:
    before = clone(call.tx.read("payment_method", call.ids[0]))
    if before["customer"] is None:
        message = "You must save this PaymentMethod to a customer before you can update it."
        raise invalid(message, code="payment_method_unexpected_state", param="payment_method")
    method = call.tx.edit("payment_method", call.ids[0])
    for name, value in only(call.get("card"), "card", "exp_month", "exp_year").items():
        method["card"][name] = value
    if "billing_details" in call.params:
        method["billing_details"] = billing_details(
            {**method["billing_details"], **(call.get("billing_details") or {})}
        )
    method["allow_redisplay"] = call.get("allow_redisplay", method["allow_redisplay"])
    merge_metadata(method, call.params.get("metadata"))
    call.emit("payment_method.updated", method, before=before)
    return method


@endpoint("POST /v1/payment_methods/{payment_method}/attach", "customer")
def attach(call: Call) -> Obj:
    customer_id = call.get("customer")
    if customer_id is None:
        raise invalid("Missing required param: customer.", code="parameter_missing", param="customer")
    customer = call.tx.read("customer", customer_id, "customer")
    if customer.get("deleted"):
        raise missing_object("customer", customer_id, "customer")
    return attach_to(call, call.ids[0], customer_id)


@endpoint("POST /v1/payment_methods/{payment_method}/detach")
def detach(call: Call) -> Obj:
    call.tx.read("payment_method", call.ids[0])
    return detach_from(call, call.ids[0])


@endpoint("GET /v1/payment_methods", "customer", "type")
def list_(call: Call) -> Obj:
    owner, kind = call.get("customer"), call.get("type")
    if owner is not None:
        call.tx.read("customer", owner, "customer")
    methods = call.tx.search(
        "payment_method",
        lambda obj: owner is not None and obj["customer"] == owner and kind in (None, obj["type"]),
    )
    return page(call, methods, "/v1/payment_methods")
