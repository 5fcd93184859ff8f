"""Idempotency keys: one effect, one answer, however often it is asked for."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from stripe import CardError

import fakestripe
from tests.fakestripe.builders import Stripe, pay, refused, send

BODY = "amount=1000&currency=eur&payment_method=pm_card_visa&payment_method_types[0]=card&confirm=true"


def test_the_same_key_replays_the_same_bytes(server: fakestripe.Server, stripe: Stripe) -> None:
    first = send(server, "POST", "/v1/payment_intents", BODY, Idempotency_Key="attempt-1")
    again = send(server, "POST", "/v1/payment_intents", BODY, Idempotency_Key="attempt-1")
    assert first.status == again.status == 200
    assert first.body == again.body
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"]
    assert again.headers["idempotency-key"] == "attempt-1"
    assert len(stripe.charges.list().data) == 1


def test_the_order_of_parameters_does_not_matter(server: fakestripe.Server) -> None:
    first = send(server, "POST", "/v1/customers", "name=A&email=a@example.com", Idempotency_Key="k")
    again = send(server, "POST", "/v1/customers", "email=a@example.com&name=A", Idempotency_Key="k")
    assert first.body == again.body


def test_another_request_under_the_same_key_is_an_error(server: fakestripe.Server, stripe: Stripe) -> None:
    options: Any = {"idempotency_key": "k"}
    stripe.customers.create({"name": "A"}, options)
    for request in (
        lambda: stripe.customers.create({"name": "B"}, options),
        lambda: stripe.refunds.create({"charge": "ch_1"}, options),
    ):
        with refused(400) as error:
            request()
        assert error.error is not None
        assert error.error.type == "idempotency_error"
    assert len(stripe.customers.list().data) == 1


def test_a_decline_is_replayed_and_a_new_key_tries_anew(stripe: Stripe) -> None:
    charges = set()
    for key in ("k1", "k1", "k2"):
        with pytest.raises(CardError) as caught:
            stripe.payment_intents.create(
                {
                    "amount": 1000,
                    "currency": "eur",
                    "payment_method": "pm_card_chargeDeclined",
                    "payment_method_types": ["card"],
                    "confirm": True,
                },
                {"idempotency_key": key},
            )
        error: Any = caught.value.error
        charges.add(error.charge)
    assert len(charges) == 2


def test_a_refused_parameter_does_not_burn_the_key(stripe: Stripe) -> None:
    options: Any = {"idempotency_key": "k"}
    unknown: Any = {"nonsense": "1"}
    with refused(400, code="parameter_unknown", param="nonsense"):
        stripe.customers.create(unknown, options)
    assert stripe.customers.create({"name": "A"}, options).name == "A"


def test_a_refusal_while_executing_is_kept(stripe: Stripe) -> None:
    intent = pay(stripe)
    params: Any = {"payment_intent": intent.id, "amount": 5000}
    for _ in range(2):
        with refused(400, code="amount_too_large", param="amount"):
            stripe.refunds.create(params, {"idempotency_key": "k"})


def test_keys_are_forgotten_after_a_day(server: fakestripe.Server, stripe: Stripe) -> None:
    options: Any = {"idempotency_key": "k"}
    first = stripe.customers.create({}, options)
    server.control.advance(86_400 - 60)
    assert stripe.customers.create({}, options).id == first.id
    server.control.advance(120)
    assert stripe.customers.create({}, options).id != first.id


def test_keys_of_different_accounts_are_apart(server: fakestripe.Server, stripe: Stripe) -> None:
    account = stripe.accounts.create({"type": "express"}).id
    here = stripe.customers.create({}, {"idempotency_key": "k"})
    there = stripe.customers.create({}, {"idempotency_key": "k", "stripe_account": account})
    assert here.id != there.id


def test_a_second_request_while_the_first_runs_is_a_409(server: fakestripe.Server) -> None:
    with server.api.lock:
        first = threading.Thread(
            target=send, args=(server, "POST", "/v1/customers", "name=A"), kwargs={"Idempotency_Key": "k"}
        )
        first.start()
        while not server.api.busy_keys():
            pass
        second = send(server, "POST", "/v1/customers", "name=A", Idempotency_Key="k")
    first.join()
    assert (second.status, second.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert send(server, "POST", "/v1/customers", "name=A", Idempotency_Key="k").status == 200
    assert len(server.control.state()["customer"]) == 1


def test_many_clients_with_one_key_make_one_charge(server: fakestripe.Server, stripe: Stripe) -> None:
    replies = []

    def ask() -> None:
        replies.append(send(server, "POST", "/v1/payment_intents", BODY, Idempotency_Key="k"))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {reply.status for reply in replies} <= {200, 409}
    assert len({reply.body for reply in replies if reply.status == 200}) == 1
    assert len(stripe.charges.list().data) == 1


def test_a_key_has_at_most_255_characters(stripe: Stripe) -> None:
    with refused(400):
        stripe.customers.create({}, {"idempotency_key": "k" * 256})
