"""Webhooks: signed, retried, and as unreliable as a test wants them."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from stripe import SignatureVerificationError, Webhook

import fakestripe
from fakestripe.webhooks import signature
from tests.fakestripe.builders import Inbox, Stripe, client_of, control, inbox, pay, refused
from tests.processes import wait_until


def test_events_arrive_signed_with_the_endpoints_secret(server: fakestripe.Server, stripe: Stripe) -> None:
    with inbox(stripe) as box:
        intent = pay(stripe, metadata={"a": "b"})
        assert server.webhooks.flush() == 0
    (event,) = box.of("payment_intent.succeeded")
    assert event.data.object["id"] == intent.id
    assert (event.api_version, event.livemode) == ("2026-05-27.dahlia", False)
    assert event["request"]["id"].startswith("req_")
    assert set(box.types()) == {
        "payment_intent.created",
        "charge.succeeded",
        "charge.updated",
        "payment_intent.succeeded",
    }


def test_a_signature_covers_time_and_body() -> None:
    header = signature("whsec_x", b'{"id":"evt_1"}', 1_700_000_000)
    expected = hmac.new(b"whsec_x", b'1700000000.{"id":"evt_1"}', "sha256").hexdigest()
    assert header == f"t=1700000000,v1={expected}"
    for body, secret in ((b'{"id":"evt_2"}', "whsec_x"), (b'{"id":"evt_1"}', "whsec_y")):
        with pytest.raises(SignatureVerificationError):
            Webhook.construct_event(body, header, secret)


def test_an_endpoint_gets_the_events_it_asked_for(server: fakestripe.Server, stripe: Stripe) -> None:
    with inbox(stripe, events=["charge.succeeded", "payment_intent.succeeded"]) as box:
        pay(stripe)
        server.webhooks.flush()
    assert sorted(box.types()) == ["charge.succeeded", "payment_intent.succeeded"]


def test_a_failing_endpoint_is_tried_again_until_it_answers(
    server: fakestripe.Server, stripe: Stripe
) -> None:
    with inbox(stripe, events=["customer.created"]) as box:
        box.status = 503
        stripe.customers.create()
        wait_until(lambda: server.webhooks.deliveries("pending")[0]["attempts"] >= 3)
        (event,) = stripe.events.list({"type": "customer.created"}).data
        assert event.pending_webhooks == 1
        assert box.events == []
        box.status = 204
        assert server.webhooks.flush() == 0
        assert box.types() == ["customer.created"]
        assert stripe.events.retrieve(event.id).pending_webhooks == 0
    (delivery,) = server.webhooks.deliveries("delivered")
    assert delivery["answers"][-1] == 204


def test_deliveries_give_up_in_the_end() -> None:
    pace = fakestripe.Pace(base_s=0.01, cap_s=0.01, attempts=3, timeout_s=1)
    with fakestripe.serve(pace=pace) as server:
        stripe = client_of(server)
        stripe.webhook_endpoints.create({"url": "http://127.0.0.1:9/gone", "enabled_events": ["*"]})
        stripe.customers.create()
        wait_until(lambda: server.webhooks.deliveries("failed"))
        assert server.webhooks.deliveries("failed")[0]["answers"] == [0, 0, 0]


def test_updates_tell_what_changed(server: fakestripe.Server, stripe: Stripe) -> None:
    customer = stripe.customers.create({"name": "Ada", "metadata": {"a": "1"}})
    with inbox(stripe) as box:
        stripe.customers.update(customer.id, {"name": "Eva", "metadata": {"a": "2"}})
        server.webhooks.flush()
    (event,) = box.of("customer.updated")
    assert event.data.to_dict()["previous_attributes"] == {"name": "Ada", "metadata": {"a": "1"}}


def test_held_webhooks_can_be_delivered_in_any_order_and_number(
    server: fakestripe.Server, stripe: Stripe
) -> None:
    server.webhooks.hold()
    with inbox(stripe) as box:
        pay(stripe)
        held = server.webhooks.deliveries("pending")
        assert [delivery["type"] for delivery in held][-1] == "payment_intent.succeeded"
        for delivery in [*reversed(held), held[0]]:
            assert server.webhooks.deliver(delivery["id"]) == 200
        assert box.types() == [d["type"] for d in [*reversed(held), held[0]]]
        server.webhooks.release()
        assert server.webhooks.flush() == 0
        assert len(box.events) == len(held) + 1


def test_webhooks_can_be_duplicated_dropped_and_delayed(server: fakestripe.Server, stripe: Stripe) -> None:
    server.webhooks.duplicate("charge.succeeded", copies=2)
    server.webhooks.drop("payment_intent.created", times=1)
    server.webhooks.delay(0.3, "charge.updated")
    with inbox(stripe) as box:
        pay(stripe)
        wait_until(lambda: "charge.updated" in box.types())
        assert box.types()[-1] == "charge.updated"
        assert len(box.of("charge.succeeded")) == 3
        assert box.of("payment_intent.created") == []
        server.webhooks.rules.clear()
        pay(stripe)
        assert server.webhooks.flush() == 0
        assert len(box.of("payment_intent.created")) == 1


def _wait_for(box: Inbox, number: int) -> None:
    wait_until(lambda: len(box.events) == number)


def test_reordering_follows_its_seed(server: fakestripe.Server, stripe: Stripe) -> None:
    orders = set()
    for seed in range(4):
        server.webhooks.rules.clear()
        server.webhooks.reorder(0.2, seed=seed)
        with inbox(stripe) as box:
            pay(stripe)
            _wait_for(box, 4)
            orders.add(tuple(box.types()))
        for webhook in stripe.webhook_endpoints.list().data:
            stripe.webhook_endpoints.delete(webhook.id)
    assert len(orders) > 1


def test_the_control_endpoints_do_the_same(server: fakestripe.Server, stripe: Stripe) -> None:
    assert control(server, "POST", "webhooks/hold").status == 200
    assert (
        control(server, "POST", "webhooks/rules", kind="duplicate", match="customer.created").json()["copies"]
        == 1
    )
    with inbox(stripe) as box:
        stripe.customers.create()
        held = control(server, "GET", "webhooks/deliveries?status=pending").json()["deliveries"]
        assert len(held) == 2
        assert control(server, "POST", f"webhooks/deliveries/{held[0]['id']}").json() == {"status": 200}
        assert control(server, "POST", "webhooks/flush", timeout_s=5).json() == {"left": 0}
        assert box.types() == ["customer.created"] * 2
    assert control(server, "DELETE", "webhooks/rules").status == 200
    assert control(server, "GET", "webhooks/rules").json() == {"rules": []}
    assert control(server, "POST", "webhooks/rules", kind="explode").status == 400


def test_an_endpoint_is_changed_disabled_and_deleted(server: fakestripe.Server, stripe: Stripe) -> None:
    with inbox(stripe) as box:
        (webhook,) = stripe.webhook_endpoints.list().data
        assert "secret" not in webhook.to_dict()  # told once, when it was made
        changed = stripe.webhook_endpoints.update(
            webhook.id, {"disabled": True, "metadata": {"djstripe_uuid": "1"}}
        )
        assert (changed.status, changed.metadata["djstripe_uuid"]) == ("disabled", "1")
        stripe.customers.create()
        stripe.webhook_endpoints.update(
            webhook.id, {"disabled": False, "enabled_events": ["customer.deleted"]}
        )
        stripe.customers.delete(stripe.customers.create().id)
        server.webhooks.flush()
        assert box.types() == ["customer.deleted"]
        assert stripe.webhook_endpoints.delete(webhook.id).deleted is True
    with refused(404, code="resource_missing", param="id"):
        stripe.webhook_endpoints.retrieve(webhook.id)


@pytest.mark.parametrize(
    "url", ["https://example.com/hook", "ftp://127.0.0.1/", "nonsense", "http://10.0.0.1/hook"]
)
def test_it_never_calls_another_machine(stripe: Stripe, url: str) -> None:
    with refused(400, code="url_invalid", param="url"):
        stripe.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})


def test_an_endpoint_needs_events_that_exist(stripe: Stripe) -> None:
    events: Any = ["charge.exploded"]
    with refused(400, param="enabled_events[0]"):
        stripe.webhook_endpoints.create({"url": "http://127.0.0.1:9/x", "enabled_events": events})
