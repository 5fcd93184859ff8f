"""Builders and steps of the billing tests."""

import json
from datetime import timedelta
from typing import Any

import stripe as stripe_sdk
from django.test import Client
from django.utils import timezone
from djstripe.models import WebhookEndpoint
from moneyed import Money

import fakestripe
from accounts.models import Driver, Organisation
from billing import cards, guests, stripe_calls, sweeps
from billing.models import Payment
from billing.stripe_client import ask
from charging import rating
from charging.models import ChargingSession
from stations.models import Connector
from tests.builders import (
    connector_of,
    make_driver,
    make_organisation,
    make_session,
    make_site,
    make_station,
    make_tariff,
    make_tariff_document,
)

EUR = "EUR"


def euros(amount: str) -> Money:
    return Money(amount, EUR)


def make_place(organisation: Organisation | None = None, **tariff: Any) -> Connector:
    """A connector with `make_tariff_document(**tariff)` in force: 0.50 a kWh plus 20 % tax."""
    organisation = organisation or make_organisation(legal_name="Stroom BV", city="Utrecht", country="NL")
    connector = connector_of(make_station(make_site(organisation, city="Utrecht")))
    make_tariff(make_tariff_document(**tariff), organisation=organisation)
    return connector


def charge_at(
    connector: Connector, driver: Driver | None = None, *, kwh: int = 10, **fields: Any
) -> ChargingSession:
    """A session that has ended an hour ago and is priced: `kwh` for 0.60 each with tax."""
    start = fields.pop("start", timezone.now() - timedelta(hours=2))
    session = make_session(connector, start=start, energy_wh=kwh * 1000, driver=driver, **fields)
    rating.rate(session)
    session.refresh_from_db()
    assert session.state == ChargingSession.State.PRICED, session.hold_reasons
    return session


def make_payer(card: str = "pm_card_visa", **fields: Any) -> Driver:
    """A driver with a saved card."""
    driver = make_driver(**fields)
    save_card(driver, card)
    return driver


def save_card(driver: Driver, card: str = "pm_card_visa") -> None:
    profile = cards._with_customer(driver)
    params: Any = {
        "customer": profile.customer_id,
        "payment_method": card,
        "payment_method_types": ["card"],
        "usage": "off_session",
        "confirm": True,
    }
    ask(lambda client: client.v1.setup_intents.create(params))
    cards.refresh(driver)


def save_card_with_challenge(stripe: fakestripe.Server, driver: Driver) -> None:
    """The driver saves, on the hosted page, a card whose bank asks for authentication every time."""
    url = cards.start_card_setup(driver, "http://127.0.0.1/ok", "http://127.0.0.1/no")
    checkout_id = url.split("/c/pay/")[1].split("/")[0].split("?")[0].split("#")[0]
    done = stripe.control.pay(checkout_id, card="4000002760003184")
    stripe.control.challenge(done["setup_intent"])
    assert cards.observe_setup(stripe_calls.retrieve_checkout(checkout_id)) is not None


def pay_as_guest(
    stripe: fakestripe.Server, connector: Connector, *, hold: str = "30.00", card: str = "4242424242424242"
) -> Payment:
    """A guest pays the hosted Checkout page; nothing has been told to us yet."""
    opened = guests.start_guest_checkout(
        connector, "", euros(hold), "http://127.0.0.1/done", "http://127.0.0.1/cancel"
    )
    stripe.control.pay(opened.payment.checkout_id, card=card, email="guest@example.test")
    return opened.payment


def guest_charges(payment: Payment, *, kwh: int = 10, **fields: Any) -> ChargingSession:
    """The session that a guest's remote start led to, ended and priced."""
    payment.refresh_from_db()
    assert payment.connector is not None
    return charge_at(payment.connector, payment.driver, kwh=kwh, token=payment.token, **fields)


def events(stripe: fakestripe.Server) -> list[dict[str, Any]]:
    """All events so far, oldest first."""
    found = ask(lambda client: client.v1.events.list({"limit": 100}))["data"]
    return list(reversed(found))


def signed(event: dict[str, Any], endpoint: str, secret: str | None = None) -> dict[str, Any]:
    """Keyword arguments of a test client's post: the event, signed as Stripe does."""
    if secret is None:
        secret = WebhookEndpoint.objects.get(djstripe_uuid=endpoint.rstrip("/").rsplit("/", 1)[1]).secret
    payload = json.dumps(event)
    signature = stripe_sdk.WebhookSignature.generate_signature_header(payload, secret)
    return {
        "path": endpoint,
        "data": payload,
        "content_type": "application/json",
        "headers": {"stripe-signature": signature},
    }


def deliver(stripe: fakestripe.Server, endpoint: str) -> None:
    """Hand all of Stripe's events to our endpoint, and work them off."""
    for event in events(stripe):
        assert Client().post(**signed(event, endpoint)).status_code == 200
    sweeps.every_few_seconds()


def make_later(payment: Payment, **ago: Any) -> None:
    """As if so much time had passed since the guest's card was authorised."""
    Payment.objects.filter(pk=payment.pk).update(held_at=timezone.now() - timedelta(**ago))


def settle(rounds: int = 12) -> None:
    """Let the sweeps run until nothing moves."""
    for _ in range(rounds):
        if not sweeps.every_few_seconds():
            return


def charged_at(stripe: fakestripe.Server) -> int:
    """Minor units that Stripe has received in all."""
    return sum(intent["amount_received"] for intent in stripe.control.state().get("payment_intent", []))
