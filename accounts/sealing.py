"""Secrets that wait in a row until they are delivered: unreadable without SECRET_KEY."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

PREFIX = "sealed:"


class BrokenSeal(ValueError):
    """The text is not sealed, is older than it may be, or SECRET_KEY has changed since."""


def seal(secret: str) -> str:
    """`secret`, encrypted and dated; begins with `sealed:`."""
    return PREFIX + _box().encrypt(secret.encode()).decode()


def unseal(text: str, within_s: int = 3600) -> str:
    """What was sealed at most `within_s` ago. Raises BrokenSeal."""
    if not is_sealed(text):
        raise BrokenSeal("not sealed")
    try:
        return _box().decrypt(text[len(PREFIX) :], ttl=within_s).decode()
    except InvalidToken:
        raise BrokenSeal(
            f"sealed more than {within_s} s ago, or SECRET_KEY has changed; issue it again"
        ) from None


def is_sealed(text: object) -> bool:
    return isinstance(text, str) and text.startswith(PREFIX)


def _box() -> Fernet:
    key = hashlib.sha256(b"evbilling.accounts.sealing\0" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
