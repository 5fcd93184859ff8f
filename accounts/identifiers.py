"""Primary keys made by the application: UUIDv7, sortable by time (RFC 9562, section 5.7)."""

import os
import time
import uuid
from struct import Struct

MASK_RAND = (1 << 74) - 1
MASK_LOW = (1 << 62) - 1
_two_words = Struct("!QQ").pack


def uuid7() -> uuid.UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(os.urandom(10), "big") & MASK_RAND
    high, low = random_bits >> 62, random_bits & ((1 << 62) - 1)
    return uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low)


def uuid7_bytes(count: int) -> list[bytes]:
    """`count` new UUIDv7 of this instant in order, as bytes: one random start, counted up (section 6.2)."""
    high = (time.time_ns() // 1_000_000) << 16 | 0x7000 | int.from_bytes(os.urandom(2), "big") & 0x0FFF
    low = int.from_bytes(os.urandom(8), "big") & MASK_LOW
    return [_two_words(high, 1 << 63 | (low + number) & MASK_LOW) for number in range(count)]
