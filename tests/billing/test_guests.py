"""A guest pays first; the station starts on Stripe's word; what wasn't used is never kept."""

from datetime import timedelta

import pytest
from django.utils import timezone
from moneyed import Money

import fakestripe
from accounts.authorisation import Verdict, authorise
from accounts.models import Token
from billing import guests, ledger, stripe_calls
from billing.models import Account, Document, Payment
from charging import rating
from charging.models import StationCommand
from tests.billing.journeys import (
    charged_at,
    deliver,
    euros,
    guest_charges,
    make_later,
    make_place,
    pay_as_guest,
    settle,
)
from tests.builders import add_readings, make_session

pytestmark = pytest.mark.django_db(transaction=True)


def held(stripe: fakestripe.Server, endpoint: str, **fields: str) -> Payment:
    payment = pay_as_guest(stripe, make_place(), **fields)
    deliver(stripe, endpoint)
    payment.refresh_from_db()
    assert payment.state == Payment.State.HELD
    return payment


def intent_of(payment: Payment) -> dict[str, object]:
    return stripe_calls.retrieve_intent(payment.intent_id)


def test_the_station_starts_on_the_webhook_and_once(stripe: fakestripe.Server, endpoint: str) -> None:
    payment = pay_as_guest(stripe, make_place())
    assert not StationCommand.objects.exists()  # the guest is back on our page, and nothing has started
    deliver(stripe, endpoint)
    deliver(stripe, endpoint)
    payment.refresh_from_db()
    command = StationCommand.objects.get()
    assert command.action == "RemoteStartTransaction"
    assert command.payload["idTag"] == Token.remote_uid(payment.pk)
    assert authorise(payment.organisation_id, command.payload["idTag"]).verdict is Verdict.ACCEPTED
    assert payment.authorised == euros("30.00")
    assert payment.driver is not None
    assert payment.driver.email == "guest@example.test"


def test_what_the_session_cost_is_captured_and_the_rest_released(
    stripe: fakestripe.Server, endpoint: str
) -> None:
    payment = held(stripe, endpoint)
    guest_charges(payment, kwh=10)
    settle()
    payment.refresh_from_db()
    assert payment.state == Payment.State.PAID
    assert payment.captured == euros("6.00")
    intent = intent_of(payment)
    assert (intent["status"], intent["amount_received"], intent["amount_capturable"]) == ("succeeded", 600, 0)
    receipt = Document.objects.get()
    assert receipt.snapshot["buyer"]["email"] == "guest@example.test"
    assert ledger.balance(payment.organisation_id, Account.Kind.DRIVER_RECEIVABLE, "EUR").amount == 0


@pytest.mark.parametrize("state", ["rejected", "timed_out", "offline"])
def test_a_refused_start_gives_the_hold_back_at_once(
    stripe: fakestripe.Server, endpoint: str, state: str
) -> None:
    payment = held(stripe, endpoint)
    StationCommand.objects.update(state=state, sent_at=payment.held_at)
    settle()
    payment.refresh_from_db()
    assert payment.state == Payment.State.RELEASED
    assert intent_of(payment)["status"] == "canceled"
    uid = Token.remote_uid(payment.pk)
    assert authorise(payment.organisation_id, uid).verdict is Verdict.BLOCKED  # a late start is refused


def test_a_start_that_nobody_plugs_in_for_gives_the_hold_back(
    stripe: fakestripe.Server, endpoint: str
) -> None:
    payment = held(stripe, endpoint)
    settle()
    payment.refresh_from_db()
    assert payment.state == Payment.State.HELD
    make_later(payment, minutes=6)
    settle()
    payment.refresh_from_db()
    assert payment.state == Payment.State.RELEASED
    assert charged_at(stripe) == 0


def test_a_free_session_captures_nothing(stripe: fakestripe.Server, endpoint: str) -> None:
    payment = held(stripe, endpoint)
    guest_charges(payment, kwh=0, seconds=30)
    settle()
    payment.refresh_from_db()
    assert payment.state == Payment.State.RELEASED
    assert intent_of(payment)["status"] == "canceled"


def test_what_the_hold_does_not_cover_stays_owed(stripe: fakestripe.Server, endpoint: str) -> None:
    payment = held(stripe, endpoint, hold="5.00")
    guest_charges(payment, kwh=10)
    settle()
    payment.refresh_from_db()
    assert payment.state == Payment.State.SHORT
    assert payment.outstanding == euros("1.00")
    assert ledger.balance(
        payment.organisation_id, Account.Kind.DRIVER_RECEIVABLE, "EUR", driver_id=payment.driver_id
    ) == euros("1.00")
    assert Document.objects.get().snapshot["payment"]["outstanding"] == "1.00"


def test_a_session_is_stopped_before_it_costs_more_than_the_hold(
    stripe: fakestripe.Server, endpoint: str
) -> None:
    payment = held(stripe, endpoint, hold="5.00")
    assert payment.connector is not None
    session = make_session(
        payment.connector,
        start=timezone.now() - timedelta(minutes=30),
        seconds=None,
        token=payment.token,
        driver=payment.driver,
        transaction_id="77",
        readings=[(0, 0), (900, 8_000)],
    )
    rating.pin_sweep()
    settle()
    assert StationCommand.objects.filter(action="RemoteStopTransaction").count() == 0  # 4.80 of 5.00
    add_readings(session, [(1_000, 8_200)])
    settle()
    settle()
    stop = StationCommand.objects.get(action="RemoteStopTransaction")
    assert stop.payload == {"transactionId": 77}


def test_a_checkout_that_no_webhook_told_of_is_found(stripe: fakestripe.Server) -> None:
    payment = pay_as_guest(stripe, make_place())
    assert guests.refresh(payment).state == Payment.State.HELD


def test_an_abandoned_checkout_expires(stripe: fakestripe.Server, endpoint: str) -> None:
    opened = guests.start_guest_checkout(
        make_place(), "", euros("20.00"), "http://127.0.0.1/a", "http://127.0.0.1/b"
    )
    stripe.control.advance(40 * 60)
    deliver(stripe, endpoint)
    opened.payment.refresh_from_db()
    assert opened.payment.state == Payment.State.EXPIRED


def test_a_hold_below_the_minimum_is_refused_and_nothing_written(stripe: fakestripe.Server) -> None:
    with pytest.raises(ValueError, match="hold"):
        guests.start_guest_checkout(make_place(), "", Money("0.10", "EUR"), "http://a.test", "http://a.test")
    assert not Payment.objects.exists()


def test_stripe_out_of_reach_is_told_and_reserves_nothing(stripe: fakestripe.Server) -> None:
    stripe.faults.reset("POST /v1/checkout/sessions")
    with pytest.raises(guests.CheckoutUnavailable):
        guests.start_guest_checkout(
            make_place(), "", euros("20.00"), "http://127.0.0.1/a", "http://127.0.0.1/b"
        )
    assert charged_at(stripe) == 0
