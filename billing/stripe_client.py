"""The one way to Stripe: a client per PAYMENTS_MODE, plain dictionaries back, and two kinds of failure.

`stripe` is imported here and in `billing.stripe_archive` only.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, cast
from urllib.parse import urlsplit

import stripe
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

ZERO_KEY = re.compile(r"sk_test_0{24,}")
TEST_KEY = re.compile(r"(sk|rk)_test_[A-Za-z0-9]{24,}")
LIVE_KEY = re.compile(r"(sk|rk)_live_[A-Za-z0-9]{24,}")
TIMEOUT_S = 30

Obj = dict[str, Any]
StripeClient = stripe.StripeClient


class StripeUnreachable(Exception):
    """No answer, or one that doesn't tell whether the request had its effect: look it up before a new key."""


class StripeRefused(Exception):
    """Stripe said no, and nothing was charged. `intent` is the PaymentIntent as the refusal left it."""

    def __init__(
        self, message: str, code: str = "", decline_code: str = "", intent: Obj | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.decline_code, self.intent = code, decline_code, intent


def ask(question: Callable[[stripe.StripeClient], Any]) -> Obj:
    """Put one question to Stripe and return its answer as a plain dictionary.

    Raises StripeUnreachable or StripeRefused. Must not be called inside a database transaction.
    """
    try:
        answer = question(client())
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        raise _refusal(error) from error
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.IdempotencyError) as error:
        raise StripeUnreachable(_words(error)) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise StripeUnreachable(f"STRIPE_{mode().upper()}_SECRET_KEY: {_words(error)}") from error
    except stripe.APIError as error:
        raise StripeUnreachable(_words(error)) from error
    return as_dict(answer)


def as_dict(answer: Any) -> Obj:
    """A StripeObject as plain dictionaries and lists."""
    return answer.to_dict() if isinstance(answer, stripe.StripeObject) else dict(answer)


def _refusal(error: stripe.StripeError) -> StripeRefused:
    told = error.error
    intent = getattr(told, "payment_intent", None) if told is not None else None
    decline = getattr(told, "decline_code", None) if told is not None else None
    return StripeRefused(_words(error), error.code or "", decline or "", as_dict(intent) if intent else None)


def _words(error: stripe.StripeError) -> str:
    return error.user_message or str(error)


def mode() -> str:
    """fake, test or live."""
    chosen: str = settings.PAYMENTS_MODE
    if chosen not in ("fake", "test", "live"):
        raise ImproperlyConfigured(f"PAYMENTS_MODE: {chosen!r} is none of fake, test, live")
    return chosen


def is_live() -> bool:
    return mode() == "live"


def secret_key() -> str:
    """The key of the mode; a key of another mode is refused."""
    live = is_live()
    name = "STRIPE_LIVE_SECRET_KEY" if live else "STRIPE_TEST_SECRET_KEY"
    key: str = getattr(settings, name)
    if mode() == "fake":
        wanted, say = ZERO_KEY, "sk_test_ and at least 24 zeros, which opens the local Stripe only"
    else:
        wanted, say = (LIVE_KEY, "sk_live_...") if live else (TEST_KEY, "sk_test_...")
    if not wanted.fullmatch(key) or (mode() == "test" and ZERO_KEY.fullmatch(key)):
        raise ImproperlyConfigured(f"{name}: PAYMENTS_MODE={mode()} takes a key like {say}")
    return key


def host() -> str | None:
    """Where the local Stripe listens; None for Stripe itself, whose address nothing may override."""
    if mode() != "fake":
        if getattr(settings, "STRIPE_API_HOST", None):
            raise ImproperlyConfigured(f"STRIPE_API_HOST: may not be set with PAYMENTS_MODE={mode()}")
        return None
    url: str = settings.FAKESTRIPE_URL
    if not _is_loopback(urlsplit(url).hostname or ""):
        raise ImproperlyConfigured(
            f"FAKESTRIPE_URL: {url!r} is not on this machine; PAYMENTS_MODE=fake stays on it"
        )
    return url


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def client() -> stripe.StripeClient:
    """The client of the mode. Retries are ours alone: each is a decision with a row behind it."""
    return _client(secret_key(), host())


@lru_cache(maxsize=4)
def _client(key: str, url: str | None) -> stripe.StripeClient:
    own = {"api": url, "connect": url, "files": url, "meter_events": url}
    return stripe.StripeClient(
        key,
        base_addresses=cast(Any, own if url is not None else None),
        stripe_version=settings.STRIPE_API_VERSION,
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
    )


def event_of(payload: bytes, signature: str, secret: str) -> Obj | None:
    """The event in a webhook's body, or None when it wasn't signed with `secret` in the last minutes."""
    try:
        event = stripe.Webhook.construct_event(payload, signature, secret)
    except (ValueError, IndexError, stripe.SignatureVerificationError):
        return None
    return as_dict(event)
