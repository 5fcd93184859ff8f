"""Kill it anywhere, start again: the driver is charged once and the books hold."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

import fakestripe
from billing import charges, documents, guests, jobs, refunds, steps
from billing.models import Document, Journal, Payment, PaymentAttempt, Refund
from charging.models import ChargingSession, StationCommand
from tests.billing.crashes import killed_at
from tests.billing.journeys import (
    charge_at,
    charged_at,
    deliver,
    euros,
    guest_charges,
    make_payer,
    make_place,
    pay_as_guest,
    settle,
)

pytestmark = pytest.mark.django_db(transaction=True)

MOST_STEPS = 60


def time_passes() -> None:
    """What was in flight when the process died has been so for minutes."""
    long_ago = timezone.now() - timedelta(minutes=5)
    PaymentAttempt.objects.filter(sent_at__isnull=False).update(sent_at=long_ago)
    Payment.objects.update(looked_up_at=None)
    Refund.objects.filter(sent_at__isnull=False).update(sent_at=long_ago)


def recover() -> None:
    """What the scheduler does within minutes."""
    settle()
    time_passes()
    settle()


def collect(session: ChargingSession) -> Callable[[], object]:
    """From the priced session to the receipt, as the worker's job does it."""
    return lambda: jobs.charge_session(str(session.organisation_id), str(session.pk))


def test_a_saved_card_is_charged_once_wherever_the_worker_dies(stripe: fakestripe.Server) -> None:
    killed = 0
    driver = make_payer()
    for step in range(MOST_STEPS):
        session = charge_at(make_place(), driver)
        if not killed_at(step, collect(session)):
            break
        killed += 1
        recover()
        payment = Payment.objects.get(session=session)
        assert payment.state == Payment.State.PAID, step
        assert charged_at(stripe) == 600 * (step + 1), step
        assert Journal.objects.filter(cause="capture", cause_id=payment.pk).count() == 1, step
        assert Document.objects.filter(charge__session=session).count() == 1, step
    assert killed >= 8
    recover()
    call_command("verify_books", "--stripe", "--no-files", stdout=StringIO())


def test_a_hold_is_captured_once_wherever_the_worker_dies(stripe: fakestripe.Server, endpoint: str) -> None:
    killed = 0
    for step in range(MOST_STEPS):
        payment = pay_as_guest(stripe, make_place())

        def flow(payment: Payment = payment) -> None:
            guests.refresh(payment)
            session = guest_charges(payment)
            charges.charge_session(session.organisation_id, session.pk)
            steps.advance(payment.organisation_id, payment.pk)
            documents.issue_receipt(payment.organisation_id, payment.pk)

        if not killed_at(step, flow):
            break
        killed += 1
        recover()
        finish_guest(payment)
        payment.refresh_from_db()
        assert (payment.state, payment.captured) == (Payment.State.PAID, euros("6.00")), step
        assert charged_at(stripe) == 600 * (step + 1), step
        assert StationCommand.objects.filter(cause_id=payment.pk).count() == 1, step
    assert killed >= 8
    recover()
    call_command("verify_books", "--stripe", "--no-files", stdout=StringIO())


def finish_guest(payment: Payment) -> None:
    """The guest charges, unless the flow had come so far; a half-made session is rated by its own sweep."""
    payment.refresh_from_db()
    guests.refresh(payment)
    session = ChargingSession.objects.filter(token=payment.token, token__isnull=False).first()
    if session is None:
        guest_charges(payment)
    elif session.state != ChargingSession.State.PRICED:
        from charging import rating

        rating.rate(session)
    recover()


def test_a_hold_is_released_once_wherever_the_worker_dies(stripe: fakestripe.Server, endpoint: str) -> None:
    for step in range(MOST_STEPS):
        payment = pay_as_guest(stripe, make_place())
        deliver(stripe, endpoint)
        StationCommand.objects.filter(cause_id=payment.pk).update(state="rejected")

        def flow(payment: Payment = payment) -> None:
            guests.sweep_starts()
            steps.advance(payment.organisation_id, payment.pk)

        if not killed_at(step, flow):
            break
        recover()
        payment.refresh_from_db()
        assert payment.state == Payment.State.RELEASED, step
    assert step >= 4
    assert charged_at(stripe) == 0


def test_a_refund_is_paid_once_wherever_the_worker_dies(stripe: fakestripe.Server) -> None:
    charge_at(make_place(energy="2.00"), make_payer())
    settle()
    payment = Payment.objects.get()
    for step in range(MOST_STEPS):
        before = Refund.objects.count()
        if not killed_at(step, lambda: refunds.refund(payment, euros("0.50"), "Goodwill")):
            break
        recover()
        assert Refund.objects.count() - before <= 1
    assert step >= 4
    assert set(Refund.objects.values_list("state", flat=True)) == {Refund.State.SUCCEEDED}
    at_stripe = sum(each["amount"] for each in stripe.control.state()["refund"])
    assert at_stripe == 50 * Refund.objects.count()
    call_command("verify_books", "--stripe", "--no-files", stdout=StringIO())


FAULTS = {
    "no answer, no effect": lambda faults, what: faults.reset(what, when="before"),
    "no answer after the effect": lambda faults, what: faults.reset(what, when="after"),
    "error 500, no effect": lambda faults, what: faults.error(what, when="before"),
    "error 500 after the effect": lambda faults, what: faults.error(what, when="after"),
    "too many requests": lambda faults, what: faults.rate_limit(what),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_unknown_answer_is_looked_up_and_never_charged_twice(
    stripe: fakestripe.Server, fault: str
) -> None:
    FAULTS[fault](stripe.faults, "POST /v1/payment_intents")
    charge_at(make_place(), make_payer())
    settle(rounds=1)
    attempt = PaymentAttempt.objects.get()
    assert attempt.state == PaymentAttempt.State.UNKNOWN
    assert Payment.objects.get().state == Payment.State.DUE  # unknown is not failed
    time_passes()
    settle()
    assert Payment.objects.get().state == Payment.State.PAID
    assert PaymentAttempt.objects.count() == 1  # the same row, so the same key
    assert charged_at(stripe) == 600


@pytest.mark.parametrize("fault", FAULTS)
def test_an_unknown_capture_is_looked_up(stripe: fakestripe.Server, endpoint: str, fault: str) -> None:
    payment = pay_as_guest(stripe, make_place())
    deliver(stripe, endpoint)
    FAULTS[fault](stripe.faults, "POST /v1/payment_intents/*/capture")
    guest_charges(payment)
    settle()
    time_passes()
    settle()
    payment.refresh_from_db()
    assert payment.state == Payment.State.PAID
    assert charged_at(stripe) == 600
