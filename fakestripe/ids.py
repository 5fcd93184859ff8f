"""Identifiers that look like Stripe's."""

from __future__ import annotations

import secrets
import string

ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    """A fresh id, e.g. ``new_id("pi")`` -> ``pi_3f...``."""
    return f"{prefix}_{token(length)}"


def token(length: int = 24) -> str:
    """Random letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
