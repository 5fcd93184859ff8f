"""A disputed payment: its funds are booked once, nothing is refunded meanwhile, and the bank gets our evidence."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from itertools import permutations
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from moneyed import Money

import fakestripe
from billing import dispute_answers, dispute_evidence, disputes, ledger, refunds, stripe_calls
from billing.models import Account, Dispute, Journal, Payment, Refund
from charging.models import SignedReading
from tests.billing.crashes import killed_at
from tests.billing.journeys import charge_at, deliver, euros, make_payer, make_place, settle

pytestmark = pytest.mark.django_db(transaction=True)

Kind = Account.Kind
START = timezone.now() - timedelta(hours=3)


@pytest.fixture
def payment(stripe: fakestripe.Server) -> Payment:
    readings = [(minute * 60, minute * 10_000 // 60) for minute in range(61)]
    charge_at(make_place(), make_payer(name="Noor Vos"), start=START, readings=readings)
    settle()
    found: Payment = Payment.objects.get()
    return found


def open_dispute(stripe: fakestripe.Server, payment: Payment, **how: Any) -> Dispute:
    charge_id = stripe_calls.retrieve_intent(payment.intent_id)["latest_charge"]["id"]
    told = stripe.control.open_dispute(charge_id, **how)
    found = disputes.look(told["id"])
    assert found is not None
    return found


def balances(payment: Payment) -> dict[str, Decimal]:
    """Clearing, fees, reserve and losses of the seller."""
    kinds = (Kind.STRIPE_CLEARING, Kind.STRIPE_FEES, Kind.DISPUTE_RESERVE, Kind.BAD_DEBT)
    return {kind: ledger.balance(payment.organisation_id, kind, "EUR").amount for kind in kinds}


def change(payment: Payment, then: Callable[[], object]) -> dict[str, Decimal]:
    before = balances(payment)
    then()
    return {
        kind: amount - before[kind] for kind, amount in balances(payment).items() if amount != before[kind]
    }


def verify() -> str:
    out = StringIO()
    call_command("verify_books", "--stripe", "--no-files", stdout=out)
    return out.getvalue()


def test_the_funds_and_the_fee_are_booked_when_it_opens(stripe: fakestripe.Server, payment: Payment) -> None:
    moved = change(payment, lambda: open_dispute(stripe, payment))
    assert moved == {
        Kind.STRIPE_CLEARING: Decimal("-26.00"),
        Kind.STRIPE_FEES: Decimal("20.00"),
        Kind.DISPUTE_RESERVE: Decimal("6.00"),
    }
    dispute = Dispute.objects.get()
    assert (dispute.state, dispute.amount, dispute.payment) == ("needs_response", euros("6.00"), payment)
    verify()


def test_a_lost_one_is_a_loss_and_a_won_one_brings_the_funds_back(
    stripe: fakestripe.Server, payment: Payment
) -> None:
    dispute = open_dispute(stripe, payment)
    stripe.control.close_dispute(dispute.dispute_id, won=False)
    moved = change(payment, lambda: disputes.look(dispute.dispute_id))
    assert moved == {Kind.DISPUTE_RESERVE: Decimal("-6.00"), Kind.BAD_DEBT: Decimal("6.00")}
    charge_at(make_place(), make_payer())
    settle()
    other = Payment.objects.exclude(pk=payment.pk).get()
    won = open_dispute(stripe, other)
    stripe.control.close_dispute(won.dispute_id, won=True)
    moved = change(other, lambda: disputes.look(won.dispute_id))
    assert moved == {Kind.DISPUTE_RESERVE: Decimal("-6.00"), Kind.STRIPE_CLEARING: Decimal("6.00")}
    assert set(Dispute.objects.values_list("state", flat=True)) == {"won", "lost"}
    verify()


@pytest.mark.parametrize("reason", ["fraudulent", "inquiry"])
def test_nothing_is_refunded_while_it_is_open(
    stripe: fakestripe.Server, payment: Payment, reason: str
) -> None:
    open_dispute(stripe, payment, reason=reason)
    with pytest.raises(refunds.NotRefundable, match=r"^payment: is disputed"):
        refunds.refund(payment, euros("1.00"), "Goodwill")
    assert not Refund.objects.exists()
    verify()


def test_after_it_only_what_the_bank_left_can_be_refunded(
    stripe: fakestripe.Server, payment: Payment
) -> None:
    dispute = open_dispute(stripe, payment, amount=400)
    stripe.control.close_dispute(dispute.dispute_id, won=False)
    disputes.look(dispute.dispute_id)
    with pytest.raises(refunds.NotRefundable, match=r"at most 2\.00 EUR are left"):
        refunds.refund(payment, euros("2.01"), "Goodwill")
    assert not Refund.objects.exists()


def test_a_won_one_leaves_all_to_be_refunded(stripe: fakestripe.Server, payment: Payment) -> None:
    dispute = open_dispute(stripe, payment)
    stripe.control.close_dispute(dispute.dispute_id, won=True)
    disputes.look(dispute.dispute_id)
    assert refunds.refund(payment, euros("6.00"), "Goodwill").state == Refund.State.SUCCEEDED
    verify()


@pytest.mark.parametrize("won", [True, False])
def test_any_order_of_what_stripe_said_ends_in_the_same_books(
    stripe: fakestripe.Server, payment: Payment, won: bool
) -> None:
    """Answers that were retrieved earlier and are applied later, as slow workers do."""
    charge_id = stripe_calls.retrieve_intent(payment.intent_id)["latest_charge"]["id"]
    told = stripe.control.open_dispute(charge_id)
    said = [stripe_calls.retrieve_dispute(told["id"])]
    stripe_calls.answer_dispute(told["id"], {"uncategorized_text": "They charged."}, "a")
    said.append(stripe_calls.retrieve_dispute(told["id"]))
    stripe.control.close_dispute(told["id"], won=won)
    said.append(stripe_calls.retrieve_dispute(told["id"]))
    disputes.observe(payment.organisation_id, payment.pk, said[-1])
    ended = balances(payment)
    for order in permutations(said):
        for answer in (*order, order[0]):
            disputes.observe(payment.organisation_id, payment.pk, answer)
        assert balances(payment) == ended
        assert Dispute.objects.get().state == ("won" if won else "lost")
    assert Journal.objects.filter(cause="dispute").count() == 2
    verify()


@pytest.mark.parametrize("won", [True, False])
def test_early_answers_first_end_in_the_same_books(
    stripe: fakestripe.Server, payment: Payment, won: bool
) -> None:
    dispute = open_dispute(stripe, payment)
    assert balances(payment)[Kind.DISPUTE_RESERVE] == 6
    stripe.control.close_dispute(dispute.dispute_id, won=won)
    disputes.look(dispute.dispute_id)
    assert balances(payment)[Kind.DISPUTE_RESERVE] == 0


def test_one_that_is_reinstated_after_it_was_lost_is_no_loss(
    stripe: fakestripe.Server, payment: Payment
) -> None:
    dispute = open_dispute(stripe, payment)
    stripe.control.close_dispute(dispute.dispute_id, won=False)
    lost = stripe_calls.retrieve_dispute(dispute.dispute_id)
    disputes.observe(payment.organisation_id, payment.pk, lost)
    back = lost["balance_transactions"][0] | {"id": "txn_back", "amount": 600, "fee": 0, "net": 600}
    moves = [*lost["balance_transactions"], back]
    again = disputes.observe(
        payment.organisation_id, payment.pk, lost | {"status": "won", "balance_transactions": moves}
    )
    assert again.state == Dispute.State.WON
    assert not any((balances(payment)[Kind.BAD_DEBT], balances(payment)[Kind.DISPUTE_RESERVE]))


def test_a_dispute_over_a_payment_holds_those_that_went_along(stripe: fakestripe.Server) -> None:
    place, driver = make_place(energy="0.10"), make_payer()
    charge_at(place, driver, kwh=1, start=START - timedelta(hours=2))
    settle()
    charge_at(place, driver, kwh=20, start=START, seconds=7200)
    settle()
    small, payer = Payment.objects.order_by("due")
    assert (small.captured, payer.captured, small.carried_into) == (euros("0.12"), euros("2.40"), payer)
    dispute = open_dispute(stripe, payer, amount=245)
    assert len(dispute_evidence.charges_of(payer)) == 2
    with pytest.raises(refunds.NotRefundable, match=r"^payment: is disputed"):
        refunds.refund(small, euros("0.12"), "Goodwill")
    stripe.control.close_dispute(dispute.dispute_id, won=False)
    disputes.look(dispute.dispute_id)
    with pytest.raises(refunds.NotRefundable, match=r"at most 0\.07 EUR are left"):
        refunds.refund(small, euros("0.12"), "Goodwill")
    verify()


def test_stripes_events_bring_it_here(stripe: fakestripe.Server, endpoint: str, payment: Payment) -> None:
    charge_id = stripe_calls.retrieve_intent(payment.intent_id)["latest_charge"]["id"]
    told = stripe.control.open_dispute(charge_id)
    deliver(stripe, endpoint)
    assert Dispute.objects.get().state == Dispute.State.NEEDS_RESPONSE
    stripe.control.close_dispute(told["id"], won=False)
    deliver(stripe, endpoint)
    assert Dispute.objects.get().state == Dispute.State.LOST
    verify()


def test_the_answer_reaches_the_bank_with_the_pack(stripe: fakestripe.Server, payment: Payment) -> None:
    assert payment.session is not None
    SignedReading.objects.create(
        organisation_id=payment.organisation_id, session=payment.session, at=START,
        context="Transaction.Begin", data="OCMF|{}|{}", digest="d", encoding="OCMF",
    )  # fmt: skip
    dispute = open_dispute(stripe, payment)
    answered = dispute_answers.answer(dispute, "The car charged for an hour.")
    assert (answered.state, answered.refusal) == (Dispute.State.UNDER_REVIEW, "")
    assert answered.submitted_at is not None
    at_stripe = stripe_calls.retrieve_dispute(dispute.dispute_id)["evidence"]
    assert at_stripe["service_documentation"] == answered.file_id
    assert at_stripe["uncategorized_text"] == "The car charged for an hour."
    assert at_stripe["customer_name"] == "Noor Vos"
    assert answered.evidence is not None
    session = answered.evidence["sessions"][0]
    assert len(session["meter"]["points"]) == 61
    assert session["price"]["at_start"] == "0.60 EUR/kWh, tax included"
    assert session["price"]["version"] == 1
    assert session["signed"][0]["data"] == "OCMF|{}|{}"
    assert dispute_answers.pack(answered).startswith(b"%PDF-")
    assert dispute_answers.pack(answered) == dispute_answers.pack(answered)


@pytest.mark.parametrize(
    ("statement", "spoil", "names"),
    [
        (" ", {}, "statement"),
        ("x" * 20_001, {}, "statement"),
        ("x", {"state": "under_review"}, "dispute"),
        ("x", {"state": "lost", "closed_at": timezone.now()}, "dispute"),
        ("x", {"answer_by": timezone.now() - timedelta(seconds=1)}, "dispute"),
    ],
)
def test_an_answer_that_can_not_be_is_refused(
    stripe: fakestripe.Server, payment: Payment, statement: str, spoil: dict[str, Any], names: str
) -> None:
    dispute = open_dispute(stripe, payment)
    Dispute.objects.filter(pk=dispute.pk).update(**spoil)
    with pytest.raises(dispute_answers.NotAnswerable, match=f"^{names}: "):
        dispute_answers.answer(dispute, statement)
    dispute.refresh_from_db()
    assert (dispute.evidence, dispute.answered_at) == (None, None)


def test_it_is_answered_once(stripe: fakestripe.Server, payment: Payment) -> None:
    dispute = open_dispute(stripe, payment)
    dispute_answers.answer(dispute, "They charged.")
    with pytest.raises(dispute_answers.NotAnswerable, match="answered already"):
        dispute_answers.answer(dispute, "They charged, really.")


@pytest.mark.parametrize("route", ["POST /v1/files", "POST /v1/disputes/*"])
def test_a_lost_answer_is_sent_again_with_the_same_key(
    stripe: fakestripe.Server, payment: Payment, route: str
) -> None:
    dispute = open_dispute(stripe, payment)
    stripe.faults.reset(route, when="after")
    assert dispute_answers.answer(dispute, "They charged.").submitted_at is None
    Dispute.objects.update(sent_at=None)
    settle()
    dispute.refresh_from_db()
    assert dispute.submitted_at is not None
    told = stripe_calls.retrieve_dispute(dispute.dispute_id)
    assert told["evidence_details"]["submission_count"] == 1
    assert len(stripe.control.state()["file"]) == 1


def test_an_answer_that_had_arrived_long_ago_is_not_taken_for_refused(
    stripe: fakestripe.Server, payment: Payment
) -> None:
    dispute = open_dispute(stripe, payment)
    dispute_answers.answer(dispute, "They charged.")
    a_day = timezone.now() - timedelta(days=2)
    Dispute.objects.update(
        submitted_at=None, answered_at=a_day, sent_at=None
    )  # as after a crash, keys forgotten
    dispute_answers.sweep()
    dispute.refresh_from_db()
    assert (dispute.submitted_at is not None, dispute.refusal) == (True, "")


def test_an_answer_that_comes_too_late_is_refused_and_the_decision_taken_over(
    stripe: fakestripe.Server, payment: Payment
) -> None:
    dispute = open_dispute(stripe, payment)
    stripe.control.close_dispute(dispute.dispute_id, won=False)  # which we haven't heard of yet
    answered = dispute_answers.answer(dispute, "They charged.")
    assert (answered.state, answered.submitted_at) == (Dispute.State.LOST, None)
    assert "can't be changed" in answered.refusal
    verify()


def test_wherever_the_process_dies_it_is_booked_and_answered_once(
    stripe: fakestripe.Server, payment: Payment
) -> None:
    charge_id = stripe_calls.retrieve_intent(payment.intent_id)["latest_charge"]["id"]
    told = stripe.control.open_dispute(charge_id)
    killed = 0
    for step in range(40):
        if not killed_at(step, lambda: _look_and_answer(told["id"])):
            break
        killed += 1
        if Dispute.objects.filter(submitted_at__isnull=False).exists():
            break
        Dispute.objects.update(sent_at=None)
    assert killed >= 4
    Dispute.objects.update(sent_at=None)
    _look_and_answer(told["id"])
    settle()
    dispute = Dispute.objects.get()
    assert (dispute.state, dispute.movements) == (Dispute.State.UNDER_REVIEW, 1)
    assert Journal.objects.filter(cause="dispute").count() == 1
    assert stripe_calls.retrieve_dispute(told["id"])["evidence_details"]["submission_count"] == 1
    verify()


def _look_and_answer(dispute_id: str) -> None:
    dispute = disputes.look(dispute_id)
    assert dispute is not None
    if dispute.answered_at is None:
        dispute_answers.answer(dispute, "They charged.")
    else:
        dispute_answers.send(dispute)


def test_books_that_forget_a_movement_do_not_hold(stripe: fakestripe.Server, payment: Payment) -> None:
    dispute = open_dispute(stripe, payment)
    Dispute.objects.update(movements=0)
    with pytest.raises(Exception, match="do not hold"):
        verify()
    Dispute.objects.update(movements=1, state="lost", closed_at=timezone.now())
    with pytest.raises(Exception, match="do not hold"):
        verify()
    disputes.look(dispute.dispute_id)


def test_a_long_curve_is_thinned_to_its_ends() -> None:
    from charging.curve import Point

    points = [Point(START + timedelta(seconds=n), n) for n in range(1000)]
    kept = dispute_evidence.thinned(points, 10)
    assert (len(kept), kept[0], kept[-1]) == (10, points[0], points[-1])


def test_money_of_another_currency_is_refused(stripe: fakestripe.Server, payment: Payment) -> None:
    with pytest.raises(refunds.NotRefundable, match=r"^amount: "):
        refunds.refund(payment, Money(1, "USD"), "Goodwill")
