"""Debian's Chromium for the tests that look at pages as a person does; `tests.conftest` shares its fixture."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.network import CHROMIUM_ARGUMENTS

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *CHROMIUM_ARGUMENTS,
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for a module's tests; its absence is an error, never a skip.

    Playwright keeps an event loop running in this thread, which Django takes for asynchronous code and which
    no other test's `asyncio.run` could share: so it ends with the module.
    """
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()
