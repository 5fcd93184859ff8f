"""Many workers at once, and Stripe's own deliveries over HTTP: still one effect."""

import threading
import time
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

import fakestripe
from billing import jobs, sweeps
from billing.models import Document, Journal, Payment, PaymentAttempt, SessionCharge, StripeEventInbox
from charging.models import StationCommand
from tests.billing.journeys import (
    charge_at,
    charged_at,
    guest_charges,
    make_payer,
    make_place,
    pay_as_guest,
    settle,
)

pytestmark = pytest.mark.django_db(transaction=True)


def all_at_once(work: Callable[[], object], workers: int = 6) -> None:
    """Run `work` in several threads that start together, each with a connection of its own."""
    gate = threading.Barrier(workers)

    def run() -> None:
        gate.wait()
        try:
            work()
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_workers_side_by_side_charge_once(stripe: fakestripe.Server) -> None:
    session = charge_at(make_place(), make_payer())
    all_at_once(lambda: jobs.charge_session(str(session.organisation_id), str(session.pk)))
    all_at_once(sweeps.every_few_seconds)
    settle()
    assert SessionCharge.objects.count() == 1
    assert PaymentAttempt.objects.count() == 1
    assert Document.objects.count() == 1
    assert Journal.objects.filter(cause="capture").count() == 1
    assert charged_at(stripe) == 600


def test_stripe_delivers_and_the_guest_can_charge(
    live_server: LiveServer, stripe: fakestripe.Server, settings: Settings
) -> None:
    settings.BASE_URL = live_server.url
    call_command("stripe_setup")
    call_command("stripe_setup")  # may be repeated
    assert len(stripe.control.state()["webhook_endpoint"]) == 1
    payment = pay_as_guest(stripe, make_place())
    stripe.webhooks.flush()
    wait_for(lambda: StripeEventInbox.objects.filter(type="checkout.session.completed").exists())
    settle()
    assert StationCommand.objects.count() == 1
    guest_charges(payment)
    settle()
    stripe.webhooks.flush()
    settle()
    payment.refresh_from_db()
    assert payment.state == Payment.State.PAID
    assert charged_at(stripe) == 600


def wait_for(true: Callable[[], bool], within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
