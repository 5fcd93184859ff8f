"""Lists, pages, filters and expansion."""

from __future__ import annotations

from typing import Any

import pytest

import fakestripe
from tests.fakestripe.builders import Stripe, checkout, pay, refused, saved_card, send


def test_pages_go_from_new_to_old_without_gap_or_repeat(stripe: Stripe) -> None:
    made = [stripe.customers.create({"name": str(number)}).id for number in range(23)]
    first = stripe.customers.list()
    assert (len(first.data), first.has_more) == (10, True)
    paged = [c.id for c in stripe.customers.list({"limit": 7}).auto_paging_iter()]
    assert paged == made[::-1]
    back = stripe.customers.list({"ending_before": paged[20], "limit": 5})
    assert [c.id for c in back.data] == paged[15:20]
    assert back.has_more is True
    assert stripe.customers.list({"starting_after": paged[-1]}).data == []


@pytest.mark.parametrize("limit", [0, 101, -1])
def test_a_limit_lies_between_1_and_100(stripe: Stripe, limit: int) -> None:
    with refused(400, param="limit"):
        stripe.customers.list({"limit": limit})


def test_a_cursor_must_exist_and_be_the_only_one(stripe: Stripe) -> None:
    customer = stripe.customers.create().id
    with refused(404, code="resource_missing", param="starting_after"):
        stripe.customers.list({"starting_after": "cus_unknown"})
    with refused(404, code="resource_missing", param="ending_before"):
        stripe.customers.list({"ending_before": "cus_unknown"})
    with refused(400, param="starting_after"):
        stripe.customers.list({"starting_after": customer, "ending_before": customer})


def test_lists_are_filtered_by_time(server: fakestripe.Server, stripe: Stripe) -> None:
    old = stripe.customers.create()
    server.control.advance(1000)
    new = stripe.customers.create()
    filters: Any = (
        {"gt": old.created},
        {"gte": old.created, "lt": new.created},
        {"lte": old.created},
        new.created,
    )
    found = [[c.id for c in stripe.customers.list({"created": created}).data] for created in filters]
    assert found == [[new.id], [old.id], [old.id], [new.id]]


def test_lists_are_filtered_by_customer(stripe: Stripe) -> None:
    (ada, card), (eva, other) = saved_card(stripe), saved_card(stripe)
    mine = pay(stripe, customer=ada, payment_method=card, off_session=True)
    pay(stripe, customer=eva, payment_method=other, off_session=True)
    assert [i.id for i in stripe.payment_intents.list({"customer": ada}).data] == [mine.id]
    assert [c.payment_intent for c in stripe.charges.list({"customer": ada}).data] == [mine.id]
    assert len(stripe.setup_intents.list({"customer": ada}).data) == 1


def test_events_are_listed_by_type(stripe: Stripe) -> None:
    pay(stripe)
    types = {
        e.type for e in stripe.events.list({"types": ["charge.succeeded", "payment_intent.created"]}).data
    }
    assert types == {"charge.succeeded", "payment_intent.created"}
    assert [e.type for e in stripe.events.list({"type": "charge.succeeded"}).data] == ["charge.succeeded"]
    with refused(400, param="types"):
        stripe.events.list({"type": "charge.succeeded", "types": ["charge.updated"]})
    event = stripe.events.list().data[0]
    assert stripe.events.retrieve(event.id).type == event.type


def test_expansion_goes_four_levels_deep_and_no_further(stripe: Stripe) -> None:
    customer, card = saved_card(stripe)
    intent = pay(stripe, customer=customer, payment_method=card, off_session=True)
    shown = stripe.payment_intents.retrieve(
        intent.id, {"expand": ["latest_charge.balance_transaction.source.customer", "payment_method"]}
    ).to_dict()
    assert shown["latest_charge"]["balance_transaction"]["source"]["customer"]["id"] == customer
    assert shown["payment_method"]["card"]["last4"] == "4242"
    with refused(400, param="expand"):
        stripe.payment_intents.retrieve(
            intent.id, {"expand": ["latest_charge.balance_transaction.source.customer.sources"]}
        )


@pytest.mark.parametrize(
    "path", ["nonsense", "amount", "latest_charge.nonsense", "customer.email", "data.customer"]
)
def test_what_cannot_be_expanded_is_refused(stripe: Stripe, path: str) -> None:
    intent = pay(stripe, customer=stripe.customers.create().id)
    with refused(400, param="expand"):
        stripe.payment_intents.retrieve(intent.id, {"expand": [path]})


def test_lists_expand_their_data(server: fakestripe.Server, stripe: Stripe) -> None:
    session = checkout(stripe)
    server.control.pay(session.id, "pm_card_mastercard")
    shown: Any = stripe.checkout.sessions.list(
        {"expand": ["data.line_items", "data.payment_intent.latest_charge"]}
    ).data[0]
    assert shown.line_items.data[0].amount_total == 5000
    assert shown.payment_intent.latest_charge.payment_method_details.card.brand == "mastercard"


def test_expanding_nothing_gives_nothing(stripe: Stripe) -> None:
    intent = stripe.payment_intents.create(
        {"amount": 500, "currency": "eur", "expand": ["customer", "latest_charge"]}
    )
    assert (intent.customer, intent.latest_charge) == (None, None)


def test_searches_are_told_to_be_missing(server: fakestripe.Server) -> None:
    reply = send(server, "GET", "/v1/payment_intents/search?query=status:'succeeded'")
    assert (reply.status, reply.json()["error"]["code"]) == (501, "not_implemented")
