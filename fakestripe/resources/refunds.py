"""Refunds: https://docs.stripe.com/api/refunds"""

from __future__ import annotations

from fakestripe.call import Call, endpoint, timer
from fakestripe.errors import StripeError, invalid
from fakestripe.ids import new_id, token
from fakestripe.lists import filtered, page
from fakestripe.merge import merge_metadata
from fakestripe.money import display
from fakestripe.resources import balance
from fakestripe.resources.payment_methods import card_of
from fakestripe.types import Obj, clone

SETTLES_AFTER_S = 60


@endpoint("POST /v1/refunds", "amount", "charge", "payment_intent", "reason", "metadata")
def create(call: Call) -> Obj:
    charge = _charge(call)
    amount = _amount(call, charge)
    mode = card_of(call, charge["payment_method"]).refund
    status = "pending" if mode == "pending" else "succeeded"
    refund = _record(call, charge, amount, status)
    _count(call, charge["id"], amount)
    call.emit("refund.created", refund)
    if mode == "pending":
        call.later(call.now + SETTLES_AFTER_S, "settle_refund", refund["id"])
    elif mode == "fails":
        call.later(call.now + SETTLES_AFTER_S, "fail_refund", refund["id"])
    return refund


def _charge(call: Call) -> Obj:
    charge_id, intent_id = call.get("charge"), call.get("payment_intent")
    if charge_id is None and intent_id is None:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise invalid(message, code="parameter_missing", param="charge")
    if charge_id is None:
        intent = call.tx.read("payment_intent", intent_id, "payment_intent")
        charge_id = intent["latest_charge"]
        if charge_id is None or intent["status"] != "succeeded":
            message = f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
            raise invalid(message, code="payment_intent_unexpected_state", param="payment_intent")
    charge = call.tx.edit("charge", charge_id, "charge")
    if not charge["captured"]:
        message = f"Charge {charge_id} has not been captured: cancel its PaymentIntent to release the money."
        raise invalid(message, code="charge_not_refundable", param="charge")
    return charge


def refundable(charge: Obj) -> int:
    """What of a charge can still be given back: captured, less refunds (a release gives nothing back)."""
    released = charge["amount"] - charge["amount_captured"]
    return int(charge["amount_captured"] - (charge["amount_refunded"] - released))


def _amount(call: Call, charge: Obj) -> int:
    left = refundable(charge)
    if charge["disputed"] and not _dispute_won(call, charge["id"]):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid(message, code="charge_disputed", param="charge")
    if left <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, code="charge_already_refunded", param="charge")
    amount: int = call.get("amount", left)
    if amount < 1:
        code = "parameter_invalid_integer"
        raise invalid("This value must be greater than or equal to 1.", code=code, param="amount")
    if amount > left:
        raise invalid(
            f"Refund amount ({display(amount, charge['currency'])}) is greater than unrefunded amount on "
            f"charge ({display(left, charge['currency'])})",
            code="amount_too_large",
            param="amount",
        )
    return amount


def _dispute_won(call: Call, charge_id: str) -> bool:
    refundable_disputes = (
        "won",
        "warning_needs_response",
        "warning_under_review",
        "warning_closed",
        "prevented",
    )
    return all(
        dispute["status"] in refundable_disputes
        for dispute in call.tx.search("dispute", lambda obj: obj["charge"] == charge_id)
    )


def _record(call: Call, charge: Obj, amount: int, status: str) -> Obj:
    refund_id = new_id("re")
    transaction = balance.record(
        call, "refund", refund_id, -amount, charge["currency"], description="REFUND FOR CHARGE"
    )
    card = {
        "reference": token(15),
        "reference_status": "available",
        "reference_type": "acquirer_reference_number",
    }
    refund: Obj = {
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": transaction["id"],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "destination_details": {"card": card | {"type": "refund"}, "type": "card"},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": call.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }
    if status == "pending":
        refund["pending_reason"] = "processing"
    merge_metadata(refund, call.params.get("metadata"))
    return call.tx.add("refund", refund)


def _count(call: Call, charge_id: str, amount: int) -> None:
    charge = call.tx.edit("charge", charge_id)
    before = clone(charge)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] >= charge["amount"]
    call.emit("charge.refunded" if amount > 0 else "charge.updated", charge, before=before)


@timer("settle_refund")
def settle(call: Call, refund_id: str) -> None:
    """A pending refund goes through."""
    refund = call.tx.edit("refund", refund_id)
    if refund["status"] == "pending":
        before = clone(refund)
        refund["status"] = "succeeded"
        refund.pop("pending_reason", None)
        call.emit("refund.updated", refund, before=before)
        call.emit("charge.refund.updated", refund, before=before)


@timer("fail_refund")
def fail(call: Call, refund_id: str) -> None:
    """The bank sends the money back: it returns to the balance and to what can be refunded."""
    refund = call.tx.edit("refund", refund_id)
    if refund["status"] not in ("pending", "succeeded"):
        return
    before = clone(refund)
    back = balance.record(call, "refund_failure", refund_id, refund["amount"], refund["currency"])
    refund |= {
        "status": "failed",
        "failure_reason": "expired_or_canceled_card",
        "failure_balance_transaction": back["id"],
    }
    refund.pop("pending_reason", None)
    _count(call, refund["charge"], -refund["amount"])
    call.emit("refund.failed", refund, before=before)
    call.emit("charge.refund.updated", refund, before=before)


@endpoint("GET /v1/refunds/{refund}")
def retrieve(call: Call) -> Obj:
    return call.tx.read("refund", call.ids[0])


@endpoint("POST /v1/refunds/{refund}", "metadata")
def update(call: Call) -> Obj:
    before = clone(call.tx.read("refund", call.ids[0]))
    refund = call.tx.edit("refund", call.ids[0])
    merge_metadata(refund, call.params.get("metadata"))
    call.emit("refund.updated", refund, before=before)
    call.emit("charge.refund.updated", refund, before=before)
    return refund


@endpoint("POST /v1/refunds/{refund}/cancel")
def cancel(call: Call) -> Obj:
    status = call.tx.read("refund", call.ids[0])["status"]
    raise StripeError(
        400,
        f"Refund {call.ids[0]} of a card can't be canceled (its status is {status}): only refunds with the "
        "status requires_action can.",
        param="refund",
    )


@endpoint("GET /v1/refunds", "created", "charge", "payment_intent")
def list_(call: Call) -> Obj:
    return page(call, filtered(call, "refund", "charge", "payment_intent"), "/v1/refunds")
