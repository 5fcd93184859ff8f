"""Guessing tags at a station: slowed down, and reported once while it lasts.

A card is a number of few digits; a station that shows one unknown tag after another is being tried out. Its
further tags wait for their turn before they are judged, so that a guesser learns little and a driver only waits.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from uuid import UUID

from accounts.authorisation import Verdict
from gateway.limits import Bucket

BURST = 10  # unknown tags in a row that a busy car park may well show
PER_S = 1 / 10  # how many more after those
LONGEST_S = 20.0  # less than stations wait for an answer
REMEMBERED = 50_000


@dataclass(slots=True)
class Guesses:
    """Unknown tags of one station."""

    bucket: Bucket = field(default_factory=lambda: Bucket(PER_S, BURST))
    reported: bool = False


_of: OrderedDict[UUID, Guesses] = OrderedDict()


def note(station_id: UUID, verdict: Verdict | None, now: float | None = None) -> None:
    """A tag was judged; one that nobody has counts."""
    if verdict is not Verdict.INVALID:
        return
    now = time.monotonic() if now is None else now
    guesses = _of.setdefault(station_id, Guesses())
    _of.move_to_end(station_id)
    guesses.bucket.take(now)
    if len(_of) > REMEMBERED:
        _of.popitem(last=False)


def admit(station_id: UUID, now: float) -> float | None:
    """Seconds that the station's next tag waits before it is judged; None: too many wait, it is not judged."""
    guesses = _of.get(station_id)
    if guesses is None:
        return 0.0
    wait_s = guesses.bucket.wait_s(now)
    if wait_s > LONGEST_S:
        return None
    if wait_s > 0:
        guesses.bucket.take(now)
    return wait_s


def is_news(station_id: UUID, now: float) -> bool:
    """Whether guessing has just become so much that it is slowed: reported once, until it has calmed down."""
    guesses = _of.get(station_id)
    if guesses is None:
        return False
    if guesses.bucket.wait_s(now) <= 0:
        guesses.bucket.level = max(0.0, guesses.bucket.level - (now - guesses.bucket.at) * PER_S)
        guesses.bucket.at = now
        guesses.reported = guesses.reported and not guesses.bucket.is_half_empty
        return False
    first, guesses.reported = not guesses.reported, True
    return first
