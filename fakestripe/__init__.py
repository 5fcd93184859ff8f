"""A local Stripe for demo and tests: loopback only, stateful, strict about its schema."""

from fakestripe.server import Server, serve
from fakestripe.webhooks import Pace

__all__ = ["Pace", "Server", "serve"]
