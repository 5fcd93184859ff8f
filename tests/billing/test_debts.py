"""Debts: tried again on a schedule, blocked and unblocked with the money, reminded, given up."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

import fakestripe
from accounts.authorisation import Verdict, authorise
from accounts.models import Driver, DriverBlock
from billing import books, debts, dunning, ledger, recovery
from billing.models import Account, Debtor, DebtPolicy, Payment, PaymentAttempt
from stations.models import Connector
from tests.billing.journeys import charge_at, charged_at, euros, make_payer, make_place, save_card, settle
from tests.builders import make_token

pytestmark = pytest.mark.django_db(transaction=True)
DECLINES = "pm_card_chargeCustomerFail"


@pytest.fixture
def place(stripe: fakestripe.Server) -> Connector:
    return make_place()


def days_pass(days: int) -> None:
    """As if all payments, and what is known of their debtors, were so much older."""
    span = timedelta(days=days)
    for payment in Payment.objects.all():
        again = payment.retry_at and payment.retry_at - span
        Payment.objects.filter(pk=payment.pk).update(created_at=payment.created_at - span, retry_at=again)
    Debtor.objects.update(reviewed_at=timezone.now() - span)


def may_charge(driver: Driver, place: Connector) -> bool:
    make_token(driver, uid="RFID-1234") if not driver.tokens.exists() else None
    return authorise(place.organisation_id, "RFID-1234").verdict == Verdict.ACCEPTED


def go_on() -> None:
    settle()
    dunning.sweep_debtors()
    settle()


def two_debts(place: Connector) -> Driver:
    driver = make_payer(DECLINES)
    for hours in (9, 6):
        charge_at(place, driver, start=timezone.now() - timedelta(hours=hours))
    settle()
    return driver


def test_one_decline_does_not_block_two_do(place: Connector) -> None:
    driver = make_payer(DECLINES)
    charge_at(place, driver, start=timezone.now() - timedelta(hours=9))
    settle()
    assert may_charge(driver, place)
    charge_at(place, driver, start=timezone.now() - timedelta(hours=5))
    settle()
    assert not may_charge(driver, place)
    assert any("Charging is blocked" in letter.subject for letter in mail.outbox)


def test_a_block_is_lifted_in_the_transaction_of_the_payment(place: Connector) -> None:
    driver = two_debts(place)
    assert not may_charge(driver, place)
    save_card(driver, "pm_card_visa")
    for payment in Payment.objects.filter(driver=driver):
        recovery.retry(payment)
    assert Payment.objects.filter(state="paid").count() == 2
    assert may_charge(driver, place)
    assert Debtor.objects.get().unpaid == 0


def test_a_block_by_hand_stays(place: Connector) -> None:
    driver = make_payer()
    DriverBlock.objects.create(organisation=place.organisation, driver=driver, reason="asked for it")
    charge_at(place, driver)
    settle()
    assert DriverBlock.objects.get().lifted_at is None


def test_an_old_debt_blocks_by_itself_and_is_reminded_of(place: Connector) -> None:
    driver = make_payer(DECLINES)
    DebtPolicy.objects.create(organisation=place.organisation, retry_after_days=[])
    charge_at(place, driver)
    settle()
    days_pass(4)
    go_on()
    assert may_charge(driver, place)
    assert any(letter.subject == "A payment is open" for letter in mail.outbox)
    days_pass(8)
    go_on()
    assert not may_charge(driver, place)
    assert any(letter.subject.startswith("Last reminder") for letter in mail.outbox)


def test_declines_are_tried_again_on_schedule_and_then_no_more(
    place: Connector, stripe: fakestripe.Server
) -> None:
    driver = make_payer(DECLINES)
    charge_at(place, driver)
    settle()
    tries = []
    for _ in range(30):
        tries.append(PaymentAttempt.objects.count())
        days_pass(1)
        go_on()
    assert PaymentAttempt.objects.count() == 5  # the first, then after 1, 3, 7 and 14 days
    assert [tries.index(count) for count in (2, 3, 4)] == [1, 4, 11]
    payment = Payment.objects.get()
    assert payment.retry_at is None
    assert list(dunning.waiting_for_us(place.organisation_id)) == [payment]


def test_a_good_card_ends_the_retries(place: Connector, stripe: fakestripe.Server) -> None:
    driver = make_payer(DECLINES)
    charge_at(place, driver)
    settle()
    save_card(driver, "pm_card_visa")
    days_pass(2)
    go_on()
    assert Payment.objects.get().state == Payment.State.PAID
    assert charged_at(stripe) == 600


@pytest.mark.parametrize("code", sorted(debts.NEVER_AGAIN))
def test_the_same_card_is_not_tried_after_a_hard_decline(place: Connector, code: str) -> None:
    charge_at(place, make_payer(DECLINES))
    settle()
    assert debts.retry_time(Payment.objects.get(), code, timezone.now()) is None


def test_a_debt_given_up_is_a_loss_and_comes_back_when_it_is_paid(
    place: Connector, stripe: fakestripe.Server
) -> None:
    driver = make_payer(DECLINES)
    charge_at(place, driver)
    settle()
    payment = Payment.objects.get()
    with pytest.raises(dunning.NotGivenUp, match="reason"):
        dunning.write_off(payment, " ")
    dunning.write_off(payment, "Unknown abroad")
    assert ledger.balance(place.organisation_id, Account.Kind.BAD_DEBT, "EUR") == euros("6.00")
    payment.refresh_from_db()
    assert payment.state == Payment.State.WRITTEN_OFF
    with pytest.raises(dunning.NotGivenUp):
        dunning.write_off(payment, "Twice")
    assert not [row for finding in books.verify() for row in finding.wrong]
