"""Debian's Chromium for the tests that look at pages as a person does; `tests.conftest` shares its fixture."""

import os
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, once a process; its absence is an error, never a skip."""
    # Playwright runs an event loop in this thread, which Django takes for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()
