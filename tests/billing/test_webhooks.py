"""Stripe's events: signed for us or refused, written once, and of one effect in any order and number."""

import json

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fakestripe
from billing import inbox, webhooks
from billing.models import Journal, Payment, StripeEventInbox
from charging.models import StationCommand
from tests.billing.journeys import deliver, events, guest_charges, make_place, pay_as_guest, settle, signed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def event(stripe: fakestripe.Server) -> dict[str, object]:
    pay_as_guest(stripe, make_place())
    return events(stripe)[0]


def test_a_signed_event_is_written_once(
    stripe: fakestripe.Server, endpoint: str, event: dict[str, object]
) -> None:
    client = Client()
    for _ in range(3):
        assert client.post(**signed(event, endpoint)).status_code == 200
    row = StripeEventInbox.objects.get()
    assert (row.event_id, row.type) == (event["id"], event["type"])


def test_bad_signatures_get_400_and_no_row(
    stripe: fakestripe.Server, endpoint: str, event: dict[str, object]
) -> None:
    client = Client()
    good = signed(event, endpoint)
    forged = [
        signed(event, endpoint, secret="whsec_of_another_endpoint"),
        {**good, "headers": {}},
        {**good, "headers": {"stripe-signature": "nonsense"}},
        {**good, "data": json.dumps({**event, "type": "charge.refunded"})},
        {**good, "path": "/stripe/webhook/00000000-0000-4000-8000-000000000000/"},
        signed({**event, "livemode": True}, endpoint),
    ]
    assert [client.post(**post).status_code for post in forged] == [400] * len(forged)
    assert not StripeEventInbox.objects.exists()


def test_an_old_signature_is_refused(
    stripe: fakestripe.Server, endpoint: str, event: dict[str, object]
) -> None:
    import time

    import stripe as stripe_sdk
    from djstripe.models import WebhookEndpoint

    payload = json.dumps(event)
    header = stripe_sdk.WebhookSignature.generate_signature_header(
        payload, WebhookEndpoint.objects.get().secret, timestamp=int(time.time()) - 3600
    )
    post = {**signed(event, endpoint), "headers": {"stripe-signature": header}}
    assert Client().post(**post).status_code == 400


def test_only_post_is_allowed(endpoint: str) -> None:
    assert Client().get(endpoint).status_code == 405


def test_an_event_about_an_unknown_object_is_kept_and_can_be_replayed(stripe: fakestripe.Server) -> None:
    row = webhooks.receive(
        {
            "id": "evt_1", "type": "payment_intent.succeeded", "created": 1, "livemode": False,
            "object": "event", "data": {"object": {"id": "pi_nobody"}},
        }
    )  # fmt: skip
    inbox.sweep()
    row.refresh_from_db()
    assert row.state == StripeEventInbox.State.PENDING  # Stripe does not know it: tried again later
    assert row.error


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_repetition_ends_in_the_same_state(
    stripe: fakestripe.Server, endpoint: str, data: st.DataObject
) -> None:
    """Each example is a guest journey; its events come shuffled, doubled and in part not at all."""
    known = {event["id"] for event in events(stripe)}
    payment = pay_as_guest(stripe, make_place())
    guests_own = [event for event in events(stripe) if event["id"] not in known]
    play(data, guests_own)
    payment.refresh_from_db()
    if payment.state == Payment.State.CHECKOUT:  # all that mattered was lost
        deliver(stripe, endpoint)
    guest_charges(payment, kwh=10)
    settle()
    play(data, [event for event in events(stripe) if event["id"] not in known])
    settle()
    payment.refresh_from_db()
    assert (payment.state, payment.captured.amount) == (Payment.State.PAID, 6)
    assert StationCommand.objects.filter(cause_id=payment.pk).count() == 1
    assert Journal.objects.filter(cause_id=payment.pk, cause=Journal.Cause.CAPTURE).count() == 1


def play(data: st.DataObject, some: list[dict[str, object]]) -> None:
    order = data.draw(st.lists(st.integers(0, len(some) - 1), max_size=2 * len(some)))
    for index in order:
        event = {**some[index], "id": f"{some[index]['id']}_{data.draw(st.integers(0, 1))}"}
        inbox.work(webhooks.receive(event))
