"""Debian's Chromium on the real pages, with the local Stripe behind them.

`EVBILLING_SCREENSHOTS=folder` keeps a picture of every step.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

import fakestripe
from billing import stripe_archive

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
OpenPage = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)


@pytest.fixture
def site(live_server: LiveServer, stripe: fakestripe.Server, settings: Settings) -> str:
    """The base URL of our pages; links in them and Stripe's webhooks lead there."""
    settings.BASE_URL = live_server.url
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    policy = settings.CONTENT_SECURITY_POLICY
    directives = {**policy["DIRECTIVES"], "form-action": ["'self'", stripe.url]}
    settings.CONTENT_SECURITY_POLICY = {**policy, "DIRECTIVES": directives}
    stripe_archive.register_endpoint(live_server.url)
    return str(live_server.url)


@pytest.fixture
def stripe(settings: Settings, tmp_path: Path) -> Iterator[fakestripe.Server]:
    """A local Stripe of this test's own, and a folder of its own for documents."""
    storage = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(tmp_path)},
    }
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    with fakestripe.serve() as server:
        settings.FAKESTRIPE_URL = server.url
        yield server


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open a page of its own session: `open_page(size=PHONE, theme="dark")`. Errors on it fail the test."""
    contexts, complaints = [], []

    def open_(*, size: dict[str, int] = PHONE, theme: str = "light", **more: Any) -> Page:
        context = browser.new_context(viewport=size, color_scheme=theme, **more)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if "Content Security" in message.text else None,
        )
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def keep_picture(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Save a picture of a page under EVBILLING_SCREENSHOTS, if that is set."""
    folder = os.environ.get("EVBILLING_SCREENSHOTS")

    def keep(page: Page, name: str) -> None:
        if folder:
            page.screenshot(path=Path(folder) / f"{request.node.name}-{name}.png")

    return keep


def log_in(page: Page, site: str, email: str, password: str) -> None:
    """Through the log-in page, as people do."""
    page.goto(f"{site}/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(lambda url: "/accounts/login" not in url)
