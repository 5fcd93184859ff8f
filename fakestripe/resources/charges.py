"""Charges, which only PaymentIntents make here: https://docs.stripe.com/api/charges"""

from __future__ import annotations

from fakestripe import money
from fakestripe.call import Call, Decline, endpoint
from fakestripe.expand import includable
from fakestripe.ids import new_id, token
from fakestripe.lists import filtered, full, page
from fakestripe.merge import assign, merge_metadata
from fakestripe.resources import balance
from fakestripe.resources.payment_methods import card_of
from fakestripe.types import Obj, clone

AUTHORIZATION_S = 7 * 86_400
ADVICE = {
    "insufficient_funds": "try_again_later",
    "processing_error": "try_again_later",
    "card_velocity_exceeded": "try_again_later",
    "expired_card": "confirm_card_data",
    "incorrect_cvc": "confirm_card_data",
    "lost_card": "do_not_try_again",
    "stolen_card": "do_not_try_again",
    "pickup_card": "do_not_try_again",
    "fraudulent": "do_not_try_again",
}


BLANK: Obj = {
    "object": "charge",
    "amount_captured": 0,
    "amount_refunded": 0,
    "application": None,
    "application_fee": None,
    "application_fee_amount": None,
    "balance_transaction": None,
    "captured": False,
    "disputed": False,
    "failure_balance_transaction": None,
    "failure_code": None,
    "failure_message": None,
    "fraud_details": {},
    "livemode": False,
    "on_behalf_of": None,
    "outcome": None,
    "paid": False,
    "radar_options": {},
    "receipt_number": None,
    "refunded": False,
    "review": None,
    "source": None,
    "source_transfer": None,
    "status": "failed",
    "transfer_data": None,
}


def build(call: Call, intent: Obj, method: Obj, *, authenticated: bool) -> Obj:
    """A charge of the whole amount of an intent, not yet decided."""
    charge: Obj = clone(BLANK) | {
        "id": new_id("ch"),
        "amount": intent["amount"],
        "billing_details": clone(method["billing_details"]),
        "calculated_statement_descriptor": intent["statement_descriptor"] or "FAKESTRIPE",
        "created": call.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "metadata": clone(intent["metadata"]),
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(call, intent, method, authenticated=authenticated),
        "receipt_email": intent["receipt_email"],
        "receipt_url": None,
        "shipping": clone(intent["shipping"]),
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "transfer_group": intent["transfer_group"],
    }
    charge["receipt_url"] = f"{call.base_url}/receipts/{charge['id']}"
    return call.tx.add("charge", charge)


def _details(call: Call, intent: Obj, method: Obj, *, authenticated: bool) -> Obj:
    card, manual = method["card"], intent["capture_method"] == "manual"
    wanted = (intent["payment_method_options"] or {}).get("card", {})
    incremental = manual and wanted.get("request_incremental_authorization") == "if_available"
    names = (
        "brand",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
        "regulated_status",
    )
    details = {name: card[name] for name in names} | {
        "amount_authorized": intent["amount"],
        "authorization_code": token(6).upper(),
        "checks": clone(card["checks"]),
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "available" if incremental else "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
        "three_d_secure": _authentication() if authenticated else None,
        "wallet": None,
    }
    if manual:
        details["capture_before"] = call.now + AUTHORIZATION_S
    return {"card": details, "type": "card"}


def _authentication() -> Obj:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": token(20),
        "version": "2.2.0",
    }


def fail(call: Call, charge: Obj, decline: Decline) -> None:
    """The issuer said no."""
    blocked = decline.decline_code == "fraudulent"
    charge |= {"failure_code": decline.code, "failure_message": decline.message, "status": "failed"}
    charge["outcome"] = _outcome(
        network="not_sent_to_network" if blocked else "declined_by_network",
        type_="blocked" if blocked else "issuer_declined",
        message="Stripe blocked this payment." if blocked else "The bank did not return any further details.",
        reason="highest_risk_level" if blocked else decline.decline_code,
        advice=ADVICE.get(decline.decline_code or ""),
    )
    call.emit("charge.failed", charge)


def _outcome(*, network: str, type_: str, message: str, reason: str | None, advice: str | None) -> Obj:
    return {
        "advice_code": advice,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": reason,
        "risk_level": "highest" if type_ == "blocked" else "normal",
        "risk_score": 92 if type_ == "blocked" else 12,
        "seller_message": message,
        "type": type_,
    }


def authorize(call: Call, charge: Obj, *, capture: bool) -> None:
    """The issuer said yes; with ``capture`` the money moves at once."""
    charge |= {"paid": True, "status": "succeeded"}
    charge["outcome"] = _outcome(
        network="approved_by_network",
        type_="authorized",
        message="Payment complete.",
        reason=None,
        advice=None,
    )
    if capture:
        charge |= {"captured": True, "amount_captured": charge["amount"]}
    call.emit("charge.succeeded", charge)
    if capture:
        # As with Stripe's asynchronous capture, only a later charge.updated knows the balance transaction.
        before = clone(charge)
        _settle(call, charge)
        call.emit("charge.updated", charge, before=before)
    else:
        call.later(call.now + AUTHORIZATION_S, "expire_authorization", charge["payment_intent"])


def _settle(call: Call, charge: Obj) -> None:
    amount, currency = charge["amount_captured"], charge["currency"]
    wait = 0 if card_of(call, charge["payment_method"]).bypass_pending else balance.PENDING_S
    transaction = balance.record(
        call,
        "charge",
        charge["id"],
        amount,
        currency,
        fee=money.card_fee(amount, currency),
        available_on=call.now + wait,
        description=charge["description"],
    )
    charge["balance_transaction"] = transaction["id"]


def capture(call: Call, charge: Obj, amount: int) -> None:
    """Take ``amount`` of an authorised charge; what is left is released to the card."""
    charge |= {"captured": True, "amount_captured": amount}
    _settle(call, charge)
    if amount < charge["amount"]:
        release(call, charge, charge["amount"] - amount)
    call.emit("charge.captured", charge)


def release(call: Call, charge: Obj, amount: int, reason: str | None = None) -> None:
    """Give back authorised money that was never taken: a refund without balance transaction, as at Stripe."""
    refund: Obj = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "destination_details": {"card": {"type": "reversal"}, "type": "card"},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    call.tx.add("refund", refund, private={"release": True})
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] >= charge["amount"]


@includable("charge", "refunds")
def refunds(call: Call, charge: Obj) -> Obj:
    found = list(call.tx.search("refund", lambda obj: obj["charge"] == charge["id"]))
    return full(found, f"/v1/charges/{charge['id']}/refunds")


@endpoint("GET /v1/charges/{charge}")
def retrieve(call: Call) -> Obj:
    return call.tx.read("charge", call.ids[0])


@endpoint("POST /v1/charges/{charge}", "description", "metadata", "receipt_email", "transfer_group")
def update(call: Call) -> Obj:
    before = clone(call.tx.read("charge", call.ids[0]))
    charge = call.tx.edit("charge", call.ids[0])
    assign(call, charge, "description", "receipt_email", "transfer_group")
    merge_metadata(charge, call.params.get("metadata"))
    call.emit("charge.updated", charge, before=before)
    return charge


@endpoint("GET /v1/charges", "created", "customer", "payment_intent", "transfer_group")
def list_(call: Call) -> Obj:
    return page(call, filtered(call, "charge", "customer", "payment_intent", "transfer_group"), "/v1/charges")
