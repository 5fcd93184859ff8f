"""Refunds and disputes: never more back than was taken, and the balance knows it."""

from __future__ import annotations

from typing import Any

import pytest

import fakestripe
from tests.fakestripe.builders import Stripe, control, hold, inbox, pay, refused


def net(stripe: Stripe, source: str) -> int:
    """What all balance transactions of a source come to."""
    return sum(t.net for t in stripe.balance_transactions.list({"source": source, "limit": 100}).data)


def test_partial_refunds_add_up_to_the_charge_and_no_further(stripe: Stripe) -> None:
    intent = pay(stripe, 1000)
    first = stripe.refunds.create(
        {"payment_intent": intent.id, "amount": 300, "reason": "requested_by_customer"}
    )
    assert (first.status, first.amount, first.reason) == ("succeeded", 300, "requested_by_customer")
    with refused(400, code="amount_too_large", param="amount") as error:
        stripe.refunds.create({"payment_intent": intent.id, "amount": 701})
    assert "€7.01" in str(error.user_message)
    rest = stripe.refunds.create({"charge": str(intent.latest_charge), "metadata": {"credit_note": "7"}})
    assert rest.amount == 700
    charge = stripe.charges.retrieve(str(intent.latest_charge), {"expand": ["refunds"]})
    assert (charge.refunded, charge.amount_refunded) == (True, 1000)
    assert charge.refunds is not None
    assert [refund.amount for refund in charge.refunds.data] == [700, 300]
    with refused(400, code="charge_already_refunded", param="charge"):
        stripe.refunds.create({"payment_intent": intent.id})
    assert [net(stripe, refund.id) for refund in (first, rest)] == [-300, -700]


def test_only_captured_money_is_refunded(stripe: Stripe) -> None:
    held = hold(stripe, 5000)
    with refused(400, code="payment_intent_unexpected_state", param="payment_intent"):
        stripe.refunds.create({"payment_intent": held.id})
    with refused(400, code="charge_not_refundable", param="charge"):
        stripe.refunds.create({"charge": str(held.latest_charge)})
    stripe.payment_intents.capture(held.id, {"amount_to_capture": 1200})
    with refused(400, code="amount_too_large", param="amount"):
        stripe.refunds.create({"payment_intent": held.id, "amount": 1201})
    assert stripe.refunds.create({"payment_intent": held.id}).amount == 1200


@pytest.mark.parametrize("amount", [0, -1])
def test_a_refund_is_positive(stripe: Stripe, amount: int) -> None:
    with refused(400, code="parameter_invalid_integer", param="amount"):
        stripe.refunds.create({"payment_intent": pay(stripe).id, "amount": amount})


def test_a_refund_needs_something_to_refund(stripe: Stripe) -> None:
    with refused(400, code="parameter_missing", param="charge"):
        stripe.refunds.create({"amount": 100})
    with refused(404, code="resource_missing", param="payment_intent"):
        stripe.refunds.create({"payment_intent": "pi_unknown"})


def test_a_refund_can_pend_and_then_go_through(server: fakestripe.Server, stripe: Stripe) -> None:
    intent = pay(stripe, payment_method="pm_card_pendingRefund")
    refund = stripe.refunds.create({"payment_intent": intent.id})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    with inbox(stripe) as box:
        server.control.advance(61)
        server.webhooks.flush()
    assert stripe.refunds.retrieve(refund.id).status == "succeeded"
    assert sorted(box.types()) == ["charge.refund.updated", "refund.updated"]
    assert box.events[0].data.to_dict()["previous_attributes"]["status"] == "pending"


def test_a_failed_refund_returns_to_the_balance(server: fakestripe.Server, stripe: Stripe) -> None:
    intent = pay(stripe, 1000, payment_method="pm_card_refundFail")
    refund = stripe.refunds.create({"payment_intent": intent.id, "amount": 400})
    assert refund.status == "succeeded"
    with inbox(stripe) as box:
        server.control.advance(61)
        server.webhooks.flush()
    failed = stripe.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert stripe.charges.retrieve(str(intent.latest_charge)).amount_refunded == 0
    assert net(stripe, refund.id) == 0
    assert "refund.failed" in box.types()
    assert stripe.refunds.create({"payment_intent": intent.id}).amount == 1000


def test_any_refund_can_be_made_to_fail(server: fakestripe.Server, stripe: Stripe) -> None:
    refund = stripe.refunds.create({"payment_intent": pay(stripe).id})
    assert control(server, "POST", f"refunds/{refund.id}/fail").status == 200
    assert stripe.refunds.retrieve(refund.id).status == "failed"


# -- disputes --------------------------------------------------------------------------------------


def disputed(stripe: Stripe, amount: int = 1000, card: str = "pm_card_createDispute") -> Any:
    """A dispute that a test card opened."""
    intent = pay(stripe, amount, payment_method=card)
    (dispute,) = stripe.disputes.list({"payment_intent": intent.id}).data
    return dispute


def test_a_dispute_takes_the_money_and_a_fee(stripe: Stripe) -> None:
    with inbox(stripe) as box:
        dispute = disputed(stripe, 1000)
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 1000)
    assert [(t.amount, t.fee, t.net) for t in dispute.balance_transactions] == [(-1000, 2000, -3000)]
    assert net(stripe, dispute.id) == -3000
    assert stripe.charges.retrieve(dispute.charge).disputed is True
    with refused(400, code="charge_disputed", param="charge"):
        stripe.refunds.create({"charge": dispute.charge})
    assert {e["type"] for e in stripe.events.list({"type": "charge.dispute.*"}).data} == {
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
    }
    assert set(box.types()) <= {e.type for e in stripe.events.list({"limit": 100}).data}


def test_evidence_is_kept_submitted_and_can_win(stripe: Stripe) -> None:
    dispute = disputed(stripe)
    draft = stripe.disputes.update(
        dispute.id, {"evidence": {"product_description": "12.4 kWh at station 7"}, "submit": False}
    )
    assert (draft.status, draft.evidence_details.has_evidence) == ("needs_response", True)
    won = stripe.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
    assert (won.status, won.evidence_details.submission_count) == ("won", 1)
    assert won.evidence.product_description == "12.4 kWh at station 7"
    assert net(stripe, dispute.id) == -2000  # the fee stays
    assert stripe.refunds.create({"charge": dispute.charge}).status == "succeeded"


def test_evidence_can_lose_and_a_lost_charge_is_not_refunded(stripe: Stripe) -> None:
    dispute = disputed(stripe)
    lost = stripe.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "losing_evidence"}})
    assert lost.status == "lost"
    with refused(400, code="charge_disputed", param="charge"):
        stripe.refunds.create({"charge": dispute.charge})
    with refused(400, code="dispute_closed", param="evidence"):
        stripe.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "more"}})


def test_silence_loses(server: fakestripe.Server, stripe: Stripe) -> None:
    dispute = disputed(stripe)
    server.control.advance(7 * 86_400 + 60)
    closed = stripe.disputes.retrieve(dispute.id)
    assert (closed.status, closed.evidence_details.past_due) == ("lost", True)


def test_an_inquiry_takes_nothing(stripe: Stripe) -> None:
    dispute = disputed(stripe, card="pm_card_createDisputeInquiry")
    assert (dispute.status, dispute.balance_transactions) == ("warning_needs_response", [])
    assert stripe.refunds.create({"charge": dispute.charge, "amount": 100}).status == "succeeded"


def test_any_charge_can_be_disputed_and_decided_from_outside(
    server: fakestripe.Server, stripe: Stripe
) -> None:
    charge = str(pay(stripe, 5000).latest_charge)
    opened = control(
        server, "POST", "disputes", charge=charge, reason="product_not_received", amount=2000
    ).json()
    assert (opened["amount"], opened["status"]) == (2000, "needs_response")
    assert control(server, "POST", "disputes", charge=charge).status == 400
    with inbox(stripe) as box:
        assert control(server, "POST", f"disputes/{opened['id']}/close", won=True).json()["status"] == "won"
        server.webhooks.flush()
    assert sorted(box.types()) == ["charge.dispute.closed", "charge.dispute.funds_reinstated"]
    assert control(server, "POST", f"disputes/{opened['id']}/close", won=False).status == 400


def test_a_loss_can_be_accepted(stripe: Stripe) -> None:
    dispute = disputed(stripe)
    assert stripe.disputes.close(dispute.id).status == "lost"
    with refused(400, code="dispute_closed"):
        stripe.disputes.close(dispute.id)
