"""Keys made by us: UUIDv7, in order, never twice."""

import time
from itertools import pairwise
from uuid import UUID

from accounts.identifiers import uuid7, uuid7_bytes


def test_many_keys_of_one_instant_are_version_7_in_order_and_different() -> None:
    before = time.time_ns() // 1_000_000
    keys = [UUID(bytes=key) for key in uuid7_bytes(5000)]
    assert {(key.version, key.variant) for key in keys} == {(7, uuid7().variant)}
    assert len(set(keys)) == 5000
    assert {before <= key.int >> 80 <= time.time_ns() // 1_000_000 for key in keys} == {True}
    assert sum(first > second for first, second in pairwise(keys)) <= 1  # where it wraps
