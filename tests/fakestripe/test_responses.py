"""Answers carry what stripe-python's types promise: nothing missing, unknown or of the wrong type."""

from __future__ import annotations

from typing import Any

import pytest
import stripe as sdk
from stripe import StripeObject
from stripe.checkout import Session

import fakestripe
from fakestripe.schema.responses import object_problems, problems
from fakestripe.schema.routes import match
from tests.fakestripe.builders import ALWAYS_ASKS, DECLINED, Stripe, checkout, hold, pay, saved_card

CLASSES: dict[str, type[StripeObject]] = {
    "account": sdk.Account,
    "balance_transaction": sdk.BalanceTransaction,
    "bank_account": sdk.BankAccount,
    "capability": sdk.Capability,
    "charge": sdk.Charge,
    "checkout.session": Session,
    "customer": sdk.Customer,
    "dispute": sdk.Dispute,
    "event": sdk.Event,
    "payment_intent": sdk.PaymentIntent,
    "payment_method": sdk.PaymentMethod,
    "payout": sdk.Payout,
    "refund": sdk.Refund,
    "setup_attempt": sdk.SetupAttempt,
    "setup_intent": sdk.SetupIntent,
    "transfer": sdk.Transfer,
    "transfer_reversal": sdk.Reversal,
    "webhook_endpoint": sdk.WebhookEndpoint,
}


def a_busy_year(server: fakestripe.Server, stripe: Stripe) -> None:
    """Every kind of object in most of its states."""
    customer, method = saved_card(stripe)
    payment = pay(stripe, 10_000, customer=customer, payment_method=method, off_session=True)
    stripe.refunds.create({"payment_intent": payment.id, "amount": 100})
    pay(stripe, 9_000, payment_method="pm_card_bypassPending")
    for card in ("pm_card_chargeDeclined", "pm_card_authenticationRequired"):
        with pytest.raises(sdk.CardError):
            pay(stripe, payment_method=card, off_session=True)
    asked = pay(stripe, payment_method="pm_card_authenticationRequired")
    server.control.challenge(asked.id, passed=False)
    held = hold(stripe)
    stripe.payment_intents.increment_authorization(held.id, {"amount": 6000})
    stripe.payment_intents.capture(held.id, {"amount_to_capture": 1234})
    stripe.payment_intents.cancel(hold(stripe).id)
    setup: Any = {"mode": "setup", "customer": customer, "currency": "eur", "line_items": None}
    server.control.pay(checkout(stripe, **setup).id, ALWAYS_ASKS)
    server.control.pay(checkout(stripe, customer_creation="always").id)
    with pytest.raises(Exception, match="declined"):
        server.control.pay(checkout(stripe).id, DECLINED)
    stripe.checkout.sessions.expire(checkout(stripe).id)
    pay(stripe, payment_method="pm_card_createDispute")
    dispute = stripe.disputes.list().data[0]
    stripe.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
    stripe.disputes.list().data[0]
    _owners(server, stripe, str(payment.latest_charge))
    stripe.webhook_endpoints.create({"url": f"{server.url}/nowhere", "enabled_events": ["payout.paid"]})
    stripe.payment_methods.detach(method)
    stripe.payouts.create({"amount": 50, "currency": "eur"})
    server.control.advance(9 * 86_400)


def _owners(server: fakestripe.Server, stripe: Stripe, charge: str) -> None:
    account = stripe.accounts.create({"type": "express", "country": "DE", "email": "owner@example.com"})
    server.control.onboard(account.id)
    transfer = stripe.transfers.create(
        {"amount": 5000, "currency": "eur", "destination": account.id, "source_transaction": charge}
    )
    stripe.transfers.reversals.create(transfer.id, {"amount": 500})


@pytest.fixture
def state(server: fakestripe.Server, stripe: Stripe) -> dict[str, list[Any]]:
    a_busy_year(server, stripe)
    return server.control.state()


def test_every_object_that_comes_to_be_fits_its_class(state: dict[str, list[Any]]) -> None:
    kinds = {kind for kind in state if not kind.startswith("_")}
    assert kinds == set(CLASSES) - {"capability"}
    faults = [(kind, p) for kind in kinds for obj in state[kind] for p in object_problems(CLASSES[kind], obj)]
    assert faults == []


def test_every_event_carries_an_object_that_fits_its_class(state: dict[str, list[Any]]) -> None:
    types = {event["type"] for event in state["event"]}
    assert len(types) > 30
    for event in state["event"]:
        obj = event["data"]["object"]
        assert object_problems(CLASSES[obj["object"]], obj) == [], event["type"]
        assert (
            event["type"].startswith(obj["object"].split(".")[0].split("_")[0])
            or "dispute" in event["type"]
            or (event["type"] == "account.external_account.created" or "refund" in event["type"])
        ), event["type"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"amount": None}, "amount: must not be null"),
        ({"amount": "100"}, "amount: '100' does not fit"),
        ({"amount": True}, "amount: True does not fit"),
        ({"status": "lost"}, "status: 'lost' does not fit"),
        ({"surprise": 1}, "surprise: unknown field"),
        ({"next_action": {"surprise": 1, "type": "x"}}, "next_action.surprise: unknown field"),
        ({"payment_method_types": "card"}, "payment_method_types: 'card' does not fit"),
    ],
)
def test_the_check_finds_wrong_answers(stripe: Stripe, change: dict[str, Any], told: str) -> None:
    found = match("GET", "/v1/payment_intents/pi_1")
    assert found is not None
    good = pay(stripe).to_dict()
    assert problems(found[0], good) == []
    assert any(told in problem for problem in problems(found[0], good | change))


def test_the_check_finds_missing_fields(stripe: Stripe) -> None:
    found = match("GET", "/v1/payment_intents/pi_1")
    assert found is not None
    answer = pay(stripe).to_dict()
    del answer["currency"]
    assert problems(found[0], answer) == ["payment_intent.currency: missing"]
