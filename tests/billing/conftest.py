"""A local Stripe for each test, and steps that read like the journeys they are part of."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

import fakestripe
from billing import stripe_archive


@pytest.fixture
def stripe(settings: Settings) -> Iterator[fakestripe.Server]:
    """A fresh local Stripe; its webhooks are delivered by the tests themselves, see `journeys.deliver`."""
    with fakestripe.serve() as server:
        settings.FAKESTRIPE_URL = server.url
        settings.BASE_URL = "http://127.0.0.1:9"  # webhooks to nowhere
        yield server


@pytest.fixture
def endpoint(stripe: fakestripe.Server, db: None, settings: Settings) -> str:
    """The path of our registered webhook endpoint."""
    url, _ = stripe_archive.register_endpoint(settings.BASE_URL)
    return url.removeprefix(settings.BASE_URL)


@pytest.fixture(autouse=True)
def _own_media(settings: Settings, tmp_path: object) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }
