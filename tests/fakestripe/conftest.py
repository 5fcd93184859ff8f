"""A local Stripe per test module, and stripe-python's own client in front of it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import fakestripe
from tests.fakestripe.builders import Stripe, client_of, real_client

CONTRACT_KEY = os.environ.get("STRIPE_CONTRACT_KEY", "")

if CONTRACT_KEY:

    @pytest.fixture(scope="session", autouse=True)
    def _refuse_the_network() -> None:
        """With a test key, the contract tests are meant to leave this machine."""


@pytest.fixture
def server() -> Iterator[fakestripe.Server]:
    """A fresh local Stripe, in memory."""
    with fakestripe.serve() as running:
        yield running


@pytest.fixture
def stripe(server: fakestripe.Server) -> Stripe:
    """stripe-python's client, talking HTTP to the local Stripe."""
    return client_of(server)


@pytest.fixture
def contract() -> Iterator[Stripe]:
    """Stripe itself when STRIPE_CONTRACT_KEY holds a test key, else the local one."""
    if CONTRACT_KEY:
        yield real_client(CONTRACT_KEY)
        return
    with fakestripe.serve() as running:
        yield client_of(running)
