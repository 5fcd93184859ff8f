"""What happens when a payment is confirmed: authentication, the issuer's answer, money."""

from __future__ import annotations

from fakestripe.call import Call, Decline, timer
from fakestripe.cards import AUTHENTICATION
from fakestripe.errors import DOC_URL, StripeError, invalid
from fakestripe.resources import charges, disputes
from fakestripe.resources.payment_methods import card_of, declined, link, not_of_customer
from fakestripe.store import Row
from fakestripe.types import Obj, clone

UNAUTHENTICATED = Decline(
    "payment_intent_authentication_failure",
    None,
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
    "PaymentMethod to attempt to fulfill this PaymentIntent again.",
)
REUSED = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared "
    "with a connected account without Customer attachment, or was detached from a Customer. It may not be "
    "used again. To use a PaymentMethod multiple times, you must attach it to a Customer first."
)


def check_owner(call: Call, method: Obj, customer: str | None) -> None:
    """Refuse a payment method of somebody else, or one that is used up."""
    if method["customer"] is None:
        if call.tx.row("payment_method", method["id"]).private["used"]:
            raise invalid(REUSED, code="payment_method_unexpected_state", param="payment_method")
    elif customer is None:
        message = (
            f"The payment method supplied ({method['id']}) belongs to a Customer. Please "
            "include the Customer in"
        )
        raise invalid(
            f"{message} the `customer` parameter.", code="payment_method_unexpected_state", param="customer"
        )
    elif method["customer"] != customer:
        raise not_of_customer(method["id"])


def confirm(call: Call, row: Row, method: Obj, *, off_session: bool, return_url: str | None) -> None:
    """Try to pay an intent with a payment method; raises the 402 of a decline with the intent in it."""
    intent = row.obj
    check_owner(call, method, intent["customer"])
    intent |= {"payment_method": method["id"], "last_payment_error": None, "next_action": None}
    set_up = bool(call.tx.row("payment_method", method["id"]).private["set_up"])
    asked = intent["payment_method_options"]["card"]["request_three_d_secure"] in ("any", "challenge")
    asks = card_of(call, method["id"]).asks(off_session=off_session, set_up=set_up)
    if not off_session and (asks or asked):
        _challenge(call, row, return_url)
    elif asks:
        _refuse(call, intent, method, AUTHENTICATION)
    else:
        _ask_issuer(call, intent, method, authenticated=False)


def _challenge(call: Call, row: Row, return_url: str | None) -> None:
    intent = row.obj
    if call.get("error_on_requires_action"):
        message = (
            "This payment required an authentication action to complete, but "
            "`error_on_requires_action` was set."
        )
        raise StripeError(
            402, message, type_="card_error", code="authentication_required", payment_intent=clone(intent)
        )
    intent |= {"status": "requires_action", "next_action": next_action(call, intent["id"], return_url)}
    row.private["return_url"] = return_url
    call.emit("payment_intent.requires_action", intent)


def next_action(call: Call, intent_id: str, return_url: str | None) -> Obj:
    """Where the customer authenticates: always a page of this server."""
    url = f"{call.base_url}/3ds/{intent_id}"
    if return_url is None:
        return {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url},
        }
    return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}


def _ask_issuer(call: Call, intent: Obj, method: Obj, *, authenticated: bool) -> None:
    decline = call.forced_decline or card_of(call, method["id"]).decline
    if decline is not None:
        _refuse(call, intent, method, decline)
    charge = charges.build(call, intent, method, authenticated=authenticated)
    capture = intent["capture_method"] != "manual"
    intent["latest_charge"] = charge["id"]
    _use(call, intent, method, authenticated=authenticated)
    charges.authorize(call, charge, capture=capture)
    if capture:
        intent |= {"status": "succeeded", "amount_received": intent["amount"]}
        call.emit("payment_intent.succeeded", intent)
    else:
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        call.emit("payment_intent.amount_capturable_updated", intent)
    disputes.open_by_card(call, charge)


def _use(call: Call, intent: Obj, method: Obj, *, authenticated: bool) -> None:
    row = call.tx.edit_row("payment_method", method["id"])
    row.private["used"] = True
    if intent["setup_future_usage"] and intent["customer"]:
        row.private["set_up"] |= authenticated
        link(call, method["id"], intent["customer"])


def _refuse(call: Call, intent: Obj, method: Obj, decline: Decline) -> None:
    charge = charges.build(call, intent, method, authenticated=False)
    charges.fail(call, charge, decline)
    advice = charges.ADVICE.get(decline.decline_code or "")
    intent |= {"status": "requires_payment_method", "payment_method": None, "latest_charge": charge["id"]}
    intent["last_payment_error"] = error_of(decline, method, charge=charge["id"], advice_code=advice)
    call.emit("payment_intent.payment_failed", intent)
    raise declined(
        decline,
        charge=charge["id"],
        advice_code=advice,
        payment_intent=clone(intent),
        payment_method=clone(method),
    )


def error_of(decline: Decline, method: Obj, **extra: object) -> Obj:
    """``last_payment_error`` / ``last_setup_error``."""
    error: Obj = {
        "code": decline.code,
        "doc_url": DOC_URL + decline.code.replace("_", "-"),
        "message": decline.message,
        "payment_method": clone(method),
        "type": "card_error" if decline.decline_code else "invalid_request_error",
    }
    if decline.decline_code:
        error["decline_code"] = decline.decline_code
    return error | {name: value for name, value in extra.items() if value is not None}


def authenticate(call: Call, intent_id: str, *, passed: bool) -> Obj:
    """The customer finished (or failed) the challenge of a PaymentIntent. Never raises a decline."""
    row = call.tx.edit_row("payment_intent", intent_id)
    intent = row.obj
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
    intent |= {"status": "requires_payment_method", "payment_method": None}
    intent["last_payment_error"] = error_of(UNAUTHENTICATED, method)
    call.emit("payment_intent.payment_failed", intent)
    return intent


@timer("expire_authorization")
def expire_authorization(call: Call, intent_id: str) -> None:
    """Seven days without a capture: the hold is gone."""
    if call.tx.read("payment_intent", intent_id)["status"] == "requires_capture":
        cancel(call, intent_id, "automatic", expired=True)


def cancel(call: Call, intent_id: str, reason: str | None, *, expired: bool = False) -> Obj:
    """Cancel an intent and let go of what was authorised."""
    intent = call.tx.edit("payment_intent", intent_id)
    if intent["status"] == "requires_capture":
        charge = call.tx.edit("charge", intent["latest_charge"])
        charges.release(call, charge, charge["amount"], "expired_uncaptured_charge" if expired else None)
        call.emit("charge.expired" if expired else "charge.refunded", charge)
    intent |= {
        "status": "canceled",
        "canceled_at": call.now,
        "cancellation_reason": reason,
        "amount_capturable": 0,
        "next_action": None,
    }
    call.emit("payment_intent.canceled", intent)
    return intent
