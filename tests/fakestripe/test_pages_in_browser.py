"""The hosted pages in Chromium: paying works, by keyboard too; axe finds nothing, in light and dark."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

import fakestripe
from tests.fakestripe.builders import ALWAYS_ASKS, DECLINED, GOOD, Stripe, checkout

pytestmark = pytest.mark.browser
PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 900}


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, color_scheme=request.param)  # type: ignore[arg-type]  # a plain dict
    yield context.new_page()
    context.close()


@pytest.fixture
def shop() -> Iterator[str]:
    """Where visitors come back to."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<!doctype html><title>Back</title><h1>Back at the shop</h1>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{listener.server_address[1]}"
    listener.shutdown()
    listener.server_close()


def session_for(stripe: Stripe, shop: str, **more: Any) -> Any:
    urls: Any = {
        "success_url": shop + "/paid?session={CHECKOUT_SESSION_ID}",
        "cancel_url": shop + "/canceled",
    }
    return checkout(stripe, **urls, **more)


def check(page: Page) -> None:
    """No accessibility finding, nothing wider than the screen."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_guest_declines_then_authenticates_and_comes_back(page: Page, stripe: Stripe, shop: str) -> None:
    session = session_for(stripe, shop, payment_intent_data={"capture_method": "manual"})
    page.goto(session.url)
    check(page)
    assert page.get_by_text("No real money moves.").is_visible()
    assert page.get_by_text("The amount is only reserved.").is_visible()
    page.get_by_label("E-mail").fill("guest@example.com")
    page.locator(f"input[value='{DECLINED}']").check()
    page.get_by_role("button", name="Reserve €50.00").click()
    assert page.get_by_role("alert").inner_text() == "Your card was declined."
    check(page)
    page.get_by_label("E-mail").fill("guest@example.com")
    page.locator(f"input[value='{ALWAYS_ASKS}']").check()
    page.get_by_role("button", name="Reserve €50.00").click()
    page.get_by_text("Do you want to pay €50.00?").wait_for()
    check(page)
    page.get_by_role("button", name="Yes, that's me").click()
    page.get_by_text("Back at the shop").wait_for()
    assert page.url == f"{shop}/paid?session={session.id}"
    assert stripe.checkout.sessions.retrieve(session.id).status == "complete"


def test_the_form_works_by_keyboard_alone(page: Page, stripe: Stripe, shop: str) -> None:
    session = session_for(stripe, shop)
    page.goto(session.url)
    page.keyboard.press("Tab")
    page.keyboard.type("guest@example.com")
    for _ in range(2):  # name, then the first card
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.value") == GOOD
    page.keyboard.press("Enter")
    page.get_by_text("Back at the shop").wait_for()


def test_a_visitor_who_cancels_pays_nothing(page: Page, stripe: Stripe, shop: str) -> None:
    session = session_for(stripe, shop)
    page.goto(session.url)
    page.get_by_role("link", name="Cancel and go back").click()
    page.get_by_text("Back at the shop").wait_for()
    assert page.url == f"{shop}/canceled"
    assert stripe.checkout.sessions.retrieve(session.id).status == "open"


def test_every_other_page_is_accessible_too(
    page: Page, server: fakestripe.Server, stripe: Stripe, shop: str
) -> None:
    expired, paid = session_for(stripe, shop), session_for(stripe, shop)
    urls = [expired.url, paid.url, f"{server.url}/", f"{server.url}/nothing"]
    stripe.checkout.sessions.expire(expired.id)
    server.control.pay(paid.id)
    setup: Any = {"mode": "setup", "currency": "eur", "success_url": shop}
    urls.append(stripe.checkout.sessions.create(setup).url)
    account = stripe.accounts.create({"type": "express"}).id
    link: Any = {"account": account, "type": "account_onboarding", "refresh_url": shop, "return_url": shop}
    urls.append(stripe.account_links.create(link).url)
    for url in urls:
        page.goto(url)
        check(page)
        page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]  # a plain dict
        check(page)
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a plain dict
