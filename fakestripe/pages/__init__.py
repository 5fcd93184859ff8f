"""The hosted pages: Checkout, the bank's challenge, Connect onboarding. They say that no real money moves."""

from fakestripe.pages.routes import Pages

__all__ = ["Pages"]
