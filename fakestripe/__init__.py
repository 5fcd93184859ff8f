"""A local Stripe for demo and tests: loopback only, stateful, strict about its schema."""

from fakestripe.server import ZERO_KEY, Server, serve
from fakestripe.webhooks import Pace

__all__ = ["ZERO_KEY", "Pace", "Server", "serve"]
