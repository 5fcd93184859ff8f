"""Secrets that a row keeps to deliver them: unreadable without SECRET_KEY."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

PREFIX = "sealed:"


class BrokenSeal(ValueError):
    """The text is not sealed, is older than it may be, or SECRET_KEY has changed since."""


def seal(secret: str) -> str:
    """`secret`, encrypted and dated; begins with `sealed:`."""
    return PREFIX + _box().encrypt(secret.encode()).decode()


def unseal(text: str, within_s: int | None = 3600) -> str:
    """What was sealed at most `within_s` ago, or at any time if that is None. Raises BrokenSeal."""
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


def _box() -> MultiFernet:
    """Seals by SECRET_KEY; what was sealed by one of SECRET_KEY_FALLBACKS still opens."""
    return MultiFernet([_fernet(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _fernet(secret_key: str) -> Fernet:
    key = hashlib.sha256(b"evbilling.accounts.sealing\0" + secret_key.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
