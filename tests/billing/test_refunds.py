"""Money goes back by credit note first, never more than came in, and once."""

import pytest
from moneyed import Money

import fakestripe
from billing import ledger, refunds
from billing.models import Account, Document, DriverHistoryEntry, Payment, Refund
from tests.billing.journeys import charge_at, euros, make_payer, make_place, settle

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def payment(stripe: fakestripe.Server) -> Payment:
    charge_at(make_place(), make_payer())
    settle()
    found: Payment = Payment.objects.get()
    return found


def at_stripe(stripe: fakestripe.Server) -> int:
    return sum(each["amount"] for each in stripe.control.state().get("refund", []))


def test_a_refund_has_a_credit_note_and_both_are_booked(stripe: fakestripe.Server, payment: Payment) -> None:
    refund = refunds.refund(payment, euros("6.00"), "The cable was broken")
    assert refund.state == Refund.State.SUCCEEDED
    note = refund.credit_note
    assert (note.kind, note.corrects) == ("credit_note", Document.objects.get(kind="receipt"))
    assert (note.net, note.tax, note.gross) == (euros("5.00"), euros("1.00"), euros("6.00"))
    assert note.snapshot["reason"] == "The cable was broken"
    assert at_stripe(stripe) == 600
    for kind in (Account.Kind.REVENUE, Account.Kind.TAX_PAYABLE, Account.Kind.DRIVER_RECEIVABLE):
        assert ledger.balance(payment.organisation_id, kind, "EUR").amount == 0
    assert DriverHistoryEntry.objects.get().refunded == euros("6.00")


def test_partial_refunds_give_back_the_tax_to_the_cent(payment: Payment) -> None:
    for amount in ("1.99", "2.00", "2.01"):
        refunds.refund(payment, euros(amount), "Goodwill")
    notes = Document.objects.filter(kind="credit_note")
    assert sum(note.tax.amount for note in notes) == 1
    assert sum(note.gross.amount for note in notes) == 6


@pytest.mark.parametrize(
    ("amount", "reason", "names"),
    [
        (Money("6.01", "EUR"), "x", "amount"),
        (Money("0", "EUR"), "x", "amount"),
        (Money("-1", "EUR"), "x", "amount"),
        (Money("1.005", "EUR"), "x", "amount"),
        (Money("1", "USD"), "x", "amount"),
        (Money("1", "EUR"), " ", "reason"),
    ],
)
def test_what_may_not_be_is_refused_and_nothing_written(
    payment: Payment, amount: Money, reason: str, names: str
) -> None:
    with pytest.raises(refunds.NotRefundable, match=f"^{names}: "):
        refunds.refund(payment, amount, reason)
    assert not Refund.objects.exists()
    assert Document.objects.count() == 1


def test_a_second_full_refund_is_refused(payment: Payment) -> None:
    refunds.refund(payment, euros("6.00"), "Broken")
    with pytest.raises(refunds.NotRefundable, match=r"at most 0\.00 EUR"):
        refunds.refund(payment, euros("6.00"), "Broken")


def test_a_lost_answer_refunds_once(stripe: fakestripe.Server, payment: Payment) -> None:
    stripe.faults.reset("POST /v1/refunds", when="after")
    refund = refunds.refund(payment, euros("2.00"), "Goodwill")
    assert refund.state == Refund.State.CREATED
    Refund.objects.update(sent_at=None)
    settle()
    refund.refresh_from_db()
    assert refund.state == Refund.State.SUCCEEDED
    assert at_stripe(stripe) == 200


def test_a_refund_that_the_bank_returns_is_booked_back(stripe: fakestripe.Server, payment: Payment) -> None:
    refund = refunds.refund(payment, euros("2.00"), "Goodwill")
    clearing = ledger.balance(payment.organisation_id, Account.Kind.STRIPE_CLEARING, "EUR")
    refunds.observe({
        "id": refund.refund_id, "status": "failed", "failure_reason": "expired_or_canceled_card",
        "metadata": refunds._metadata(refund),
    })  # fmt: skip
    refund.refresh_from_db()
    assert refund.state == Refund.State.FAILED
    after = ledger.balance(payment.organisation_id, Account.Kind.STRIPE_CLEARING, "EUR")
    assert after == clearing + euros("2.00")
