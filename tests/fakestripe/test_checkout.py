"""Hosted Checkout: what the API says, and what a visitor's forms do."""

from __future__ import annotations

import time
from typing import Any

import pytest

import fakestripe
from fakestripe.errors import StripeError as Refusal
from tests.fakestripe.builders import (
    ALWAYS_ASKS,
    ASKS_ONCE,
    DECLINED,
    GOOD,
    Reply,
    Stripe,
    checkout,
    hold,
    inbox,
    refused,
    send,
)

HOLD: dict[str, Any] = {"payment_intent_data": {"capture_method": "manual", "metadata": {"session": "s-1"}}}


def visit(server: fakestripe.Server, url: str | None, **form: str) -> Reply:
    """Open a page, or send its form."""
    path = str(url).removeprefix(server.url)
    return send(server, "POST", path, form) if form else send(server, "GET", path)


def test_a_guest_reserves_an_amount_and_is_sent_back(server: fakestripe.Server, stripe: Stripe) -> None:
    session = checkout(stripe, client_reference_id="start-17", metadata={"evse": "E1"}, **HOLD)
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    with inbox(stripe) as box:
        reply = visit(server, session.url, card=GOOD, email="guest@example.com", name="Ada")
        assert reply.headers["location"] == f"http://127.0.0.1:9/paid?session={session.id}"
        server.webhooks.flush()
    (event,) = box.of("checkout.session.completed")
    told = event.data.object
    assert (told["client_reference_id"], told["metadata"]["evse"]) == ("start-17", "E1")
    done = stripe.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent", "line_items"]})
    intent: Any = done.payment_intent
    assert (done.status, done.payment_status, done.url) == ("complete", "unpaid", None)
    assert (intent.status, intent.amount_capturable, intent.metadata["session"]) == (
        "requires_capture",
        5000,
        "s-1",
    )
    assert done.customer_details is not None
    assert done.customer_details.email == "guest@example.com"
    assert done.line_items is not None
    assert done.line_items.data[0].amount_total == 5000
    stripe.payment_intents.capture(intent.id, {"amount_to_capture": 700})
    assert stripe.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_a_declined_visitor_may_try_again_on_the_same_intent(
    server: fakestripe.Server, stripe: Stripe
) -> None:
    session = checkout(stripe)
    declined = visit(server, session.url, card=DECLINED, email="g@example.com")
    assert declined.headers["location"] == f"/c/pay/{session.id}"
    assert b"Your card was declined." in visit(server, session.url).body
    still_open = stripe.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    first: Any = still_open.payment_intent
    assert (still_open.status, first.status) == ("open", "requires_payment_method")
    visit(server, session.url, card=GOOD, email="g@example.com")
    done = stripe.checkout.sessions.retrieve(session.id)
    assert (done.status, done.payment_status, done.payment_intent) == ("complete", "paid", first.id)


@pytest.mark.parametrize("card", [ALWAYS_ASKS, ASKS_ONCE])
def test_a_challenge_stands_between_form_and_success(
    server: fakestripe.Server, stripe: Stripe, card: str
) -> None:
    session = checkout(stripe, **HOLD)
    sent = visit(server, session.url, card=card, email="g@example.com").headers["location"]
    assert sent.startswith("/3ds/pi_")
    assert b"Do you want to pay" in visit(server, sent).body
    assert stripe.checkout.sessions.retrieve(session.id).status == "open"
    back = visit(server, sent, passed="yes").headers["location"]
    assert stripe.checkout.sessions.retrieve(session.id).status == "complete"  # before the visitor comes back
    assert visit(server, back).headers["location"].startswith("http://127.0.0.1:9/paid")


def test_a_refused_challenge_leads_back_to_the_form(server: fakestripe.Server, stripe: Stripe) -> None:
    session = checkout(stripe)
    challenge = visit(server, session.url, card=ALWAYS_ASKS, email="g@example.com").headers["location"]
    back = visit(server, challenge, passed="no").headers["location"]
    page = visit(server, back)
    assert page.status == 200
    assert b"failed authentication" in page.body
    assert stripe.checkout.sessions.retrieve(session.id).status == "open"


def test_setup_mode_saves_a_card_for_the_customer(server: fakestripe.Server, stripe: Stripe) -> None:
    customer = stripe.customers.create({"email": "d@example.com"}).id
    params: Any = {
        "mode": "setup",
        "currency": "eur",
        "customer": customer,
        "success_url": "http://127.0.0.1:9/saved",
        "setup_intent_data": {"metadata": {"driver": "1"}},
    }
    session = stripe.checkout.sessions.create(params)
    assert session.payment_status == "no_payment_required"
    assert visit(server, session.url, card=GOOD).headers["location"] == "http://127.0.0.1:9/saved"
    done = stripe.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent.payment_method"]})
    setup: Any = done.setup_intent
    assert (setup.status, setup.metadata["driver"]) == ("succeeded", "1")
    assert setup.payment_method.customer == customer
    assert stripe.balance_transactions.list().data == []


def test_a_customer_is_made_when_asked_for(server: fakestripe.Server, stripe: Stripe) -> None:
    session = checkout(stripe, customer_creation="always", customer_email="new@example.com")
    visit(server, session.url, card=GOOD)
    customer = stripe.checkout.sessions.retrieve(session.id).customer
    assert stripe.customers.retrieve(str(customer)).email == "new@example.com"
    guest = checkout(stripe)
    visit(server, guest.url, card=GOOD, email="g@example.com")
    assert stripe.checkout.sessions.retrieve(guest.id).customer is None


def test_a_session_expires_by_time_and_by_request(server: fakestripe.Server, stripe: Stripe) -> None:
    in_time, by_hand = checkout(stripe, expires_at=int(time.time()) + 1900), checkout(stripe)
    with inbox(stripe) as box:
        stripe.checkout.sessions.expire(by_hand.id)
        server.control.advance(2000)
        server.webhooks.flush()
    assert box.types() == ["checkout.session.expired"] * 2
    for session in (in_time, by_hand):
        assert stripe.checkout.sessions.retrieve(session.id).status == "expired"
        assert visit(server, session.url).status == 410
        with pytest.raises(Refusal, match="expired"):
            server.control.pay(session.id)
    with refused(400, param="session"):
        stripe.checkout.sessions.expire(by_hand.id)


def test_expiring_a_session_cancels_its_unpaid_intent(server: fakestripe.Server, stripe: Stripe) -> None:
    session = checkout(stripe)
    visit(server, session.url, card=ALWAYS_ASKS, email="g@example.com")
    expired = stripe.checkout.sessions.expire(session.id, {"expand": ["payment_intent"]})
    intent: Any = expired.payment_intent
    assert (intent.status, intent.cancellation_reason) == ("canceled", "expired")
    assert visit(server, f"/3ds/{intent.id}").status == 303


def test_paying_twice_pays_once(server: fakestripe.Server, stripe: Stripe) -> None:
    session = checkout(stripe)
    url = session.url
    for _ in range(3):
        visit(server, url, card=GOOD, email="g@example.com")
    assert len(stripe.charges.list().data) == 1
    assert b"completed already" in visit(server, url).body


@pytest.mark.parametrize(
    ("change", "status", "code", "param"),
    [
        ({"expires_at": int(time.time()) + 60}, 400, None, "expires_at"),
        ({"expires_at": int(time.time()) + 2 * 86_400}, 400, None, "expires_at"),
        ({"success_url": None}, 400, "parameter_missing", "success_url"),
        ({"success_url": "javascript:alert(1)"}, 400, "url_invalid", "success_url"),
        ({"mode": None}, 400, None, "mode"),
        ({"mode": "subscription"}, 501, "not_implemented", None),
        ({"mode": "setup"}, 400, None, "line_items"),
        ({"line_items": []}, 400, "parameter_missing", "line_items"),
        ({"line_items": [{"quantity": 1, "price": "price_1"}]}, 501, "not_implemented", None),
        ({"ui_mode": "elements"}, 501, "not_implemented", None),
        ({"payment_method_types": ["card", "sepa_debit"]}, 501, "not_implemented", None),
        ({"customer": "cus_unknown"}, 404, "resource_missing", "customer"),
        ({"customer": "cus_unknown", "customer_email": "a@example.com"}, 400, None, "customer_email"),
    ],
)
def test_impossible_sessions_are_refused(
    stripe: Stripe, change: dict[str, Any], status: int, code: str | None, param: str | None
) -> None:
    with refused(status, code=code, param=param):
        checkout(stripe, **change)


def test_amounts_below_the_minimum_are_refused(stripe: Stripe) -> None:
    with refused(400, code="amount_too_small", param="line_items"):
        checkout(stripe, 49)


def test_text_from_outside_is_escaped(server: fakestripe.Server, stripe: Stripe) -> None:
    line = {"currency": "eur", "unit_amount": 500, "product_data": {"name": "<script>alert(1)</script>"}}
    session = checkout(
        stripe, line_items=[{"quantity": 2, "price_data": line}], customer_email='"><b>@example.com'
    )
    page = visit(server, session.url).body.decode()
    assert "<script>" not in page
    assert "<b>@" not in page
    assert "€10.00" in page
    assert "No real money moves." in page


def test_pages_carry_safe_headers(server: fakestripe.Server, stripe: Stripe) -> None:
    headers = visit(server, checkout(stripe).url).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/c/pay/cs_test_unknown", "/3ds/pi_unknown", "/setup/link_unknown", "/receipts/x"]
)
def test_unknown_pages_are_404(server: fakestripe.Server, path: str) -> None:
    assert visit(server, path).status == 404


def test_a_receipt_tells_what_was_paid_and_refunded(server: fakestripe.Server, stripe: Stripe) -> None:
    intent = hold(stripe, 5000)
    charge = str(intent.latest_charge)
    receipt = stripe.charges.retrieve(charge).receipt_url
    assert visit(server, receipt).status == 404
    stripe.payment_intents.capture(intent.id, {"amount_to_capture": 1234})
    assert b"\xe2\x82\xac12.34 paid by card.<" in visit(server, receipt).body
    stripe.refunds.create({"charge": charge, "amount": 34})
    assert b"\xe2\x82\xac0.34 refunded." in visit(server, receipt).body


def test_a_challenge_without_session_returns_with_the_outcome(
    server: fakestripe.Server, stripe: Stripe
) -> None:
    intent = stripe.payment_intents.create(
        {
            "amount": 500,
            "currency": "eur",
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "return_url": "http://127.0.0.1:9/back?invoice=1",
        }
    )
    back = visit(server, f"/3ds/{intent.id}", passed="yes").headers["location"]
    assert back.startswith(f"http://127.0.0.1:9/back?invoice=1&payment_intent={intent.id}&")
    assert back.endswith("redirect_status=succeeded")


def test_sessions_are_listed_by_what_they_are_about(server: fakestripe.Server, stripe: Stripe) -> None:
    paid, other = checkout(stripe), checkout(stripe)
    visit(server, paid.url, card=GOOD, email="g@example.com")
    intent = str(stripe.checkout.sessions.retrieve(paid.id).payment_intent)
    assert [s.id for s in stripe.checkout.sessions.list({"payment_intent": intent}).data] == [paid.id]
    assert [s.id for s in stripe.checkout.sessions.list({"status": "open"}).data] == [other.id]
    assert [
        s.id for s in stripe.checkout.sessions.list({"customer_details": {"email": "g@example.com"}}).data
    ] == [paid.id]
    assert [i.description for i in stripe.checkout.sessions.line_items.list(paid.id).data] == [
        "Charging, up to 50 €"
    ]
