"""What the API offers, one module per object."""

from __future__ import annotations

import importlib

MODULES = (
    "customers",
    "payment_methods",
    "setup_intents",
    "payment_intents",
    "charges",
    "balance",
    "refunds",
    "disputes",
    "files",
    "checkout",
    "accounts",
    "capabilities",
    "transfers",
    "payouts",
    "events",
    "webhook_endpoints",
)


def load() -> None:
    """Import every resource, which registers its endpoints and timers."""
    for name in MODULES:
        importlib.import_module(f"fakestripe.resources.{name}")
