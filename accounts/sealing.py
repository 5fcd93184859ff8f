"""Short texts that must be readable again, encrypted at rest under a key that follows from SECRET_KEY."""

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

PURPOSE = b"evbilling sealed text 1"


def seal(text: str) -> str:
    """`text` encrypted and authenticated."""
    return _box(_keys()).encrypt(text.encode()).decode()


def unseal(sealed: str) -> str | None:
    """The text again; None if it was sealed under a key that is gone (see SECRET_KEY_FALLBACKS)."""
    try:
        return _box(_keys()).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def _keys() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.blake2b(PURPOSE, key=_short(key), digest_size=32).digest())


def _short(key: str) -> bytes:
    """blake2b takes keys of up to 64 bytes."""
    return hashlib.sha512(key.encode()).digest()
