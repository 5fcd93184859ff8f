"""Identifiers that look like Stripe's."""

from __future__ import annotations

import os
import string

ALPHABET = (string.ascii_letters + string.digits).encode()
TABLE = bytes(ALPHABET[value % len(ALPHABET)] for value in range(256))


def new_id(prefix: str, length: int = 24) -> str:
    """A fresh id, e.g. ``new_id("pi")`` -> ``pi_3f...``."""
    return f"{prefix}_{token(length)}"


def token(length: int = 24) -> str:
    """Random letters and digits."""
    return os.urandom(length).translate(TABLE).decode()
