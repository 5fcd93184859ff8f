"""What the tests of the local Stripe are told with."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from stripe import Event, PaymentIntent, StripeClient, StripeError, Webhook
from stripe._http_client import new_default_http_client
from stripe._v1_services import V1Services
from stripe.checkout import Session

import fakestripe

VERSION = "2026-05-27.dahlia"
Stripe = V1Services
GOOD, DECLINED, ALWAYS_ASKS, ASKS_ONCE = (
    "4242424242424242",
    "4000000000000002",
    "4000002760003184",
    "4000002500003155",
)


def client_of(server: fakestripe.Server, *, timeout_s: float = 10, retries: int = 0) -> Stripe:
    """stripe-python on the local Stripe; no retries unless asked for, so that tests see each answer."""
    return StripeClient(
        server.key,
        base_addresses={"api": server.url, "files": server.url},
        max_network_retries=retries,
        stripe_version=VERSION,
        http_client=new_default_http_client(timeout=timeout_s),
    ).v1


def real_client(key: str) -> Stripe:
    """stripe-python on Stripe itself; a live key is refused."""
    if not key.startswith("sk_test_"):
        pytest.fail("STRIPE_CONTRACT_KEY must be a test key (sk_test_...)")
    return StripeClient(key, stripe_version=VERSION, max_network_retries=2).v1


def saved_card(stripe: Stripe, card: str = "pm_card_visa", customer: str | None = None) -> tuple[str, str]:
    """(customer, payment method) ready for off-session payments."""
    owner = customer or stripe.customers.create({"email": "driver@example.com"}).id
    intent = stripe.setup_intents.create(
        {"customer": owner, "payment_method": card, "payment_method_types": ["card"], "confirm": True}
    )
    assert intent.status == "succeeded", intent.status
    return owner, str(intent.payment_method)


def pay(stripe: Stripe, amount: int = 1000, currency: str = "eur", **more: Any) -> PaymentIntent:
    """A confirmed card payment; a payment method by default that just works."""
    params: Any = {
        "amount": amount,
        "currency": currency,
        "confirm": True,
        "payment_method_types": ["card"],
        "payment_method": "pm_card_visa",
        **more,
    }
    return stripe.payment_intents.create(params)


def hold(stripe: Stripe, amount: int = 5000, **more: Any) -> PaymentIntent:
    """An authorised, uncaptured payment that can be incremented."""
    options = {"card": {"request_incremental_authorization": "if_available"}}
    return pay(stripe, amount, capture_method="manual", payment_method_options=options, **more)


def checkout(stripe: Stripe, amount: int = 5000, **more: Any) -> Session:
    """A hosted page in payment mode."""
    line = {"currency": "eur", "unit_amount": amount, "product_data": {"name": "Charging, up to 50 €"}}
    params: Any = {
        "mode": "payment",
        "success_url": "http://127.0.0.1:9/paid?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:9/canceled",
        "line_items": [{"quantity": 1, "price_data": line}],
        **more,
    }
    return stripe.checkout.sessions.create(params)


@contextmanager
def refused(status: int, *, code: str | None = None, param: str | None = None) -> Iterator[StripeError]:
    """The block must be refused with this status, code and parameter; yields the error, filled in."""
    told = StripeError()
    with pytest.raises(StripeError) as caught:
        yield told
    error = caught.value
    told.__dict__.update(error.__dict__)
    assert error.http_status == status, error
    assert error.error is not None, error
    assert (error.error.code, error.error.param if param else None) == (code, param), error.error


@dataclass
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def send(
    server: fakestripe.Server,
    method: str,
    path: str,
    params: dict[str, str] | str = "",
    **headers: str,
) -> Reply:
    """A bare HTTP request with the right key; header names with ``_`` for ``-``."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    body = params if isinstance(params, str) else urlencode(params)
    given = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-www-form-urlencoded"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def control(server: fakestripe.Server, method: str, path: str, **data: Any) -> Reply:
    """A request to the control endpoints."""
    return send(server, method, f"/_control/{path}", json.dumps(data), Content_Type="application/json")


@dataclass
class Inbox:
    """A webhook endpoint of a test: verifies signatures, keeps what came, answers ``status``."""

    secret: str = ""
    url: str = ""
    status: int = 200
    events: list[Event] = field(default_factory=list)

    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def of(self, type_: str) -> list[Event]:
        return [event for event in self.events if event.type == type_]


@contextmanager
def inbox(stripe: Stripe, *, events: list[str] | None = None, **more: Any) -> Iterator[Inbox]:
    """A registered webhook endpoint that really listens."""
    box = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            event = Webhook.construct_event(body, self.headers["Stripe-Signature"], box.secret)
            if 200 <= box.status < 300:
                box.events.append(event)
            self.send_response(box.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True).start()
    box.url = f"http://127.0.0.1:{listener.server_address[1]}/hook"
    params: Any = {"url": box.url, "enabled_events": events or ["*"], "api_version": VERSION, **more}
    box.secret = str(stripe.webhook_endpoints.create(params).secret)
    try:
        yield box
    finally:
        listener.shutdown()
        listener.server_close()
