"""A session is charged to its driver's saved card, once, whatever the bank says first."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

import fakestripe
from billing import charges, ledger, recovery
from billing.models import Account, DriverHistoryEntry, Payment, PaymentAttempt
from tests.billing.journeys import (
    charge_at,
    charged_at,
    euros,
    make_payer,
    make_place,
    save_card,
    save_card_with_challenge,
    settle,
)
from tests.builders import make_driver

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_session_is_charged_and_booked(stripe: fakestripe.Server) -> None:
    connector = make_place()
    driver = make_payer()
    session = charge_at(connector, driver, kwh=10)

    settle()

    payment = Payment.objects.get(session=session)
    assert payment.state == Payment.State.PAID
    assert payment.captured == payment.due == euros("6.00")
    assert (payment.card_brand, payment.card_last4) == ("visa", "4242")
    assert charged_at(stripe) == 600
    organisation = session.organisation_id
    kinds = Account.Kind
    assert ledger.balance(organisation, kinds.DRIVER_RECEIVABLE, "EUR").amount == 0
    assert ledger.balance(organisation, kinds.REVENUE, "EUR") == euros("-5.00")
    assert ledger.balance(organisation, kinds.TAX_PAYABLE, "EUR") == euros("-1.00")
    fees = ledger.balance(organisation, kinds.STRIPE_FEES, "EUR")
    assert fees.amount > 0
    assert ledger.balance(organisation, kinds.STRIPE_CLEARING, "EUR") == euros("6.00") - fees
    entry = DriverHistoryEntry.objects.get(driver=driver)
    assert (entry.gross, entry.paid, entry.payment_state) == (
        euros("6.00"),
        euros("6.00"),
        Payment.State.PAID,
    )
    assert entry.receipt_number


def test_lines_sum_to_the_priced_totals(stripe: fakestripe.Server) -> None:
    session = charge_at(make_place(flat="1.00", parking="2.00"), make_payer(), kwh=7)
    charge = charges.charge_session(session.organisation_id, session.pk)
    assert charge is not None
    lines = {line.component: line.amount.amount for line in charge.lines.all()}
    assert lines == {"energy": Decimal("3.50"), "fees": Decimal("1.00"), "tax": Decimal("0.90")}
    assert sum(lines.values()) == charge.priced.gross.amount


def test_charging_again_changes_nothing(stripe: fakestripe.Server) -> None:
    session = charge_at(make_place(), make_payer())
    settle()
    assert charges.charge_session(session.organisation_id, session.pk) is None
    settle()
    assert charged_at(stripe) == 600


def test_a_decline_says_why_and_a_retry_uses_the_new_card(stripe: fakestripe.Server) -> None:
    driver = make_payer("pm_card_chargeCustomerFail")
    charge_at(make_place(), driver)
    settle()
    payment = Payment.objects.get()
    assert payment.state == Payment.State.FAILED
    assert payment.failure_code == "generic_decline"
    assert DriverHistoryEntry.objects.get(driver=driver).failure

    save_card(driver, "pm_card_visa")
    assert recovery.retry(payment).state == Payment.State.PAID
    assert charged_at(stripe) == 600
    keys = {attempt.idempotency_key for attempt in PaymentAttempt.objects.all()}
    assert len(keys) == 2


def test_a_driver_without_card_pays_once_one_is_saved(stripe: fakestripe.Server) -> None:
    driver = make_driver()
    charge_at(make_place(), driver)
    settle()
    payment = Payment.objects.get()
    assert (payment.state, payment.failure_code) == (Payment.State.FAILED, "no_card")
    save_card(driver)
    settle()
    payment.refresh_from_db()
    assert payment.state == Payment.State.PAID


def test_the_bank_wants_the_driver_who_confirms_on_session(stripe: fakestripe.Server) -> None:
    driver = make_driver()
    save_card_with_challenge(stripe, driver)
    charge_at(make_place(), driver)
    settle()
    payment = Payment.objects.get()
    assert payment.state == Payment.State.ACTION

    url = recovery.finish_on_session(payment, "http://127.0.0.1/back")
    assert url.startswith(stripe.url)
    stripe.control.challenge(payment.attempts.get().intent_id)
    settle()
    recovery.finish_on_session(payment, "http://127.0.0.1/back")
    payment.refresh_from_db()
    assert payment.state == Payment.State.PAID
    assert charged_at(stripe) == 600


def test_small_amounts_wait_and_go_with_the_next_payment(stripe: fakestripe.Server) -> None:
    connector, driver = make_place(energy="0.10"), make_payer()
    charge_at(connector, driver, kwh=1, start=timezone.now() - timedelta(hours=6))
    settle()
    small = Payment.objects.get()
    assert small.state == Payment.State.CARRIED
    assert charged_at(stripe) == 0

    charge_at(connector, driver, kwh=10)
    settle()
    small.refresh_from_db()
    assert small.state == Payment.State.PAID
    assert charged_at(stripe) == 12 + 120
    assert set(Payment.objects.values_list("state", flat=True)) == {Payment.State.PAID}


def test_a_free_session_owes_nothing(stripe: fakestripe.Server) -> None:
    charge_at(make_place(energy="0.00"), make_payer())
    settle()
    assert Payment.objects.get().state == Payment.State.NOTHING_DUE
    assert charged_at(stripe) == 0
