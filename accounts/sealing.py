"""Short secrets that must be readable again, encrypted at rest under a key that follows from SECRET_KEY."""

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

PREFIX = "sealed:"
PURPOSE = b"evbilling.accounts.sealing\0"


class BrokenSeal(ValueError):
    """The text is not sealed, is older than it may be, or its key is gone (see SECRET_KEY_FALLBACKS)."""


def seal(secret: str) -> str:
    """`secret`, encrypted, authenticated and dated; begins with `sealed:`."""
    return PREFIX + _box(_keys()).encrypt(secret.encode()).decode()


def unseal(text: str, within_s: int | None = None) -> str:
    """What was sealed, at most `within_s` ago if that is said. Raises BrokenSeal."""
    if not is_sealed(text):
        raise BrokenSeal("not sealed")
    try:
        return _box(_keys()).decrypt(text[len(PREFIX) :], ttl=within_s).decode()
    except InvalidToken:
        late = "" if within_s is None else f"more than {within_s} s ago, or "
        raise BrokenSeal(f"sealed {late}under a SECRET_KEY that has changed; issue it again") from None


def is_sealed(text: object) -> bool:
    return isinstance(text, str) and text.startswith(PREFIX)


def _keys() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    derived = (hashlib.sha256(PURPOSE + key.encode()).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
