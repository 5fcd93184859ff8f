"""Events of OCPP 2 are numbered: which are missing, as far as this process has heard a transaction.

Stations may drop events when their memory is full (2.0.1, E04.FR.07), so a gap is remarked in the message log
and no more: the quality gate judges what it left of the session.
"""

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

REMEMBERED = 100_000
LONGEST_TEXT = 40


@dataclass(slots=True)
class Heard:
    """Numbers heard of one transaction: the first, the last, how many different ones."""

    first: int
    last: int
    missing: set[int]


_heard: OrderedDict[tuple[UUID, str], Heard] = OrderedDict()


def remark(station_id: UUID, transaction_id: str, number: int, kind: str) -> str:
    """A verdict for the message log when this event leaves a gap or fills one; else "".

    A station that numbers nothing, or always 0, is not reproached.
    """
    key = (station_id, transaction_id)
    heard = _heard.pop(key, None) or Heard(number, number, set())
    if len(_heard) >= REMEMBERED:
        _heard.popitem(last=False)
    said = ""
    if number > heard.last + 1:
        heard.missing |= set(range(heard.last + 1, min(number, heard.last + 1000)))
        said = f"missing seqNo {heard.last + 1}-{number - 1}"
    elif number in heard.missing:
        heard.missing.discard(number)
        said = f"late seqNo {number}"
    heard.last = max(heard.last, number)
    if kind != "Ended" or heard.missing:
        _heard[key] = heard
    return said[:LONGEST_TEXT]
