"""Disputes: https://docs.stripe.com/api/disputes

Opened by a test card or by the control endpoint. Evidence that says ``winning_evidence`` wins and
``losing_evidence`` loses, as in Stripe's test mode; anything else waits for the control endpoint, and what is
not answered in time is lost.
"""

from __future__ import annotations

from stripe import Dispute

from fakestripe.call import Call, endpoint, timer
from fakestripe.cards import BY_NUMBER
from fakestripe.errors import invalid
from fakestripe.ids import new_id
from fakestripe.lists import filtered, page
from fakestripe.merge import merge_metadata
from fakestripe.money import dispute_fee
from fakestripe.resources import balance
from fakestripe.resources.files import require_evidence
from fakestripe.types import Obj, clone

RESPOND_WITHIN_S = 7 * 86_400
EVIDENCE = tuple(
    name for name in Dispute.Evidence.__annotations__ if name[0] != "_" and name != "enhanced_evidence"
)
FILES = (
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
)
NETWORK_REASON = {
    "fraudulent": "10.4",
    "product_not_received": "13.1",
    "duplicate": "12.6.1",
    "general": "13.3",
}
AWAITING = ("needs_response", "warning_needs_response")
OPEN = (*AWAITING, "under_review", "warning_under_review")


def open_by_card(call: Call, charge: Obj) -> None:
    """Some test cards dispute what they just paid."""
    method = call.tx.row("payment_method", charge["payment_method"])
    reason = BY_NUMBER[method.private["number"]].dispute
    if reason is not None and charge["captured"]:
        open_dispute(call, charge["id"], reason)


def open_dispute(call: Call, charge_id: str, reason: str, amount: int | None = None) -> Obj:
    """The cardholder disputes a charge; unless it is an inquiry, the money and a fee go at once."""
    charge = call.tx.edit("charge", charge_id, "charge")
    sum_ = charge["amount_captured"] if amount is None else amount
    if not charge["captured"] or charge["disputed"]:
        raise invalid(
            f"Charge {charge_id} can't be disputed: it is uncaptured or disputed already.", param="charge"
        )
    if not 1 <= sum_ <= charge["amount_captured"]:
        raise invalid(
            f"amount: must lie between 1 and the captured {charge['amount_captured']}.", param="amount"
        )
    inquiry = reason == "inquiry"
    dispute = _new(call, charge, sum_, "general" if inquiry else reason, inquiry=inquiry)
    before = clone(charge)
    charge["disputed"] = True
    call.emit("charge.dispute.created", dispute)
    call.emit("charge.updated", charge, before=before)
    if not inquiry:
        _withdraw(call, dispute)
    call.later(call.now + RESPOND_WITHIN_S, "dispute_deadline", dispute["id"])
    return dispute


def _new(call: Call, charge: Obj, amount: int, reason: str, *, inquiry: bool) -> Obj:
    brand, code = charge["payment_method_details"]["card"]["brand"], NETWORK_REASON.get(reason, "13.3")
    card = {
        "brand": brand,
        "case_type": "inquiry" if inquiry else "chargeback",
        "network": brand,
        "network_reason_code": code,
    }
    dispute: Obj = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": call.now + RESPOND_WITHIN_S,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "network_reason_code": code,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {"card": card, "type": "card"},
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
    return call.tx.add("dispute", dispute)


def _withdraw(call: Call, dispute: Obj) -> None:
    _move(call, dispute, -dispute["amount"], "dispute", fee=dispute_fee(dispute["currency"]))
    call.emit("charge.dispute.funds_withdrawn", dispute)


def _move(call: Call, dispute: Obj, amount: int, category: str, *, fee: int = 0) -> None:
    transaction = balance.record(
        call,
        "adjustment",
        dispute["id"],
        amount,
        dispute["currency"],
        fee=fee,
        fee_name="Dispute fee",
        category=category,
        description=f"Chargeback {'withdrawal' if amount < 0 else 'reversal'} for {dispute['charge']}",
    )
    dispute["balance_transactions"].append(clone(transaction))


def close(call: Call, dispute_id: str, *, won: bool) -> Obj:
    """The bank's decision: money comes back when won; the fee doesn't."""
    dispute = call.tx.edit("dispute", dispute_id)
    if dispute["status"] not in OPEN:
        raise invalid(f"Dispute {dispute_id} is closed: its status is {dispute['status']}.", param="dispute")
    inquiry = dispute["status"].startswith("warning")
    dispute["status"] = "warning_closed" if inquiry else "won" if won else "lost"
    dispute["is_charge_refundable"] = inquiry or won
    if won and not inquiry:
        _move(call, dispute, dispute["amount"], "dispute_reversal")
    call.emit("charge.dispute.closed", dispute)
    if won and not inquiry:
        call.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


@timer("dispute_deadline")
def deadline(call: Call, dispute_id: str) -> None:
    """Nobody answered in time: lost."""
    dispute = call.tx.edit("dispute", dispute_id)
    if dispute["status"] in AWAITING:
        dispute["evidence_details"]["past_due"] = True
        close(call, dispute_id, won=False)


@endpoint("GET /v1/disputes/{dispute}")
def retrieve(call: Call) -> Obj:
    return call.tx.read("dispute", call.ids[0])


@endpoint("POST /v1/disputes/{dispute}", "evidence", "metadata", "submit")
def update(call: Call) -> Obj:
    before = clone(call.tx.read("dispute", call.ids[0]))
    dispute = call.tx.edit("dispute", call.ids[0])
    merge_metadata(dispute, call.params.get("metadata"))
    if evidence := call.get("evidence"):
        _take_evidence(call, dispute, evidence)
    if call.get("evidence") and call.get("submit", True):
        _submit(dispute)
    call.emit("charge.dispute.updated", dispute, before=before)
    _decide(call, dispute)
    return dispute


def _take_evidence(call: Call, dispute: Obj, sent: Obj) -> None:
    if dispute["status"] not in AWAITING:
        message = f"This dispute's evidence can't be changed: its status is {dispute['status']}."
        raise invalid(message, code="dispute_closed", param="evidence")
    for name, value in sent.items():
        if value and name in FILES:
            require_evidence(call, value, f"evidence[{name}]")
        dispute["evidence"][name] = value or None
    dispute["evidence_details"]["has_evidence"] = any(dispute["evidence"][name] for name in EVIDENCE)


def _submit(dispute: Obj) -> None:
    dispute["evidence_details"]["submission_count"] += 1
    dispute["status"] = "warning_under_review" if dispute["status"].startswith("warning") else "under_review"


def _decide(call: Call, dispute: Obj) -> None:
    verdicts = {"winning_evidence": True, "losing_evidence": False}
    text = dispute["evidence"]["uncategorized_text"]
    if dispute["status"] in ("under_review", "warning_under_review") and text in verdicts:
        close(call, dispute["id"], won=verdicts[text])


@endpoint("POST /v1/disputes/{dispute}/close")
def accept(call: Call) -> Obj:
    """The seller accepts the loss."""
    dispute = call.tx.edit("dispute", call.ids[0])
    if dispute["status"] not in AWAITING:
        message = f"This dispute can't be closed: its status is {dispute['status']}."
        raise invalid(message, code="dispute_closed", param="dispute")
    return close(call, dispute["id"], won=False)


@endpoint("GET /v1/disputes", "created", "charge", "payment_intent")
def list_(call: Call) -> Obj:
    return page(call, filtered(call, "dispute", "charge", "payment_intent"), "/v1/disputes")
