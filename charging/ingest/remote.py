"""A remote start has a number of its own in OCPP 2, by which its transaction names it."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from charging.ingest.facts import Reporter
from charging.models import StationCommand

LOOK_BACK = timedelta(days=2)


def remote_start_number(command_id: UUID) -> int:
    """A positive 31-bit number that follows from the command."""
    digest = hashlib.blake2b(command_id.bytes, digest_size=4).digest()
    return (int.from_bytes(digest, "big") & 0x7FFFFFFF) or 1


def tag_of_remote_start(reporter: Reporter, number: int, at: datetime) -> str | None:
    """The tag that this station was told to start with, lately."""
    asked = (
        StationCommand.objects.of(reporter.organisation_id)
        .filter(
            station=reporter.station_id,
            action=StationCommand.Action.REMOTE_START,
            created_at__gt=at - LOOK_BACK,
        )
        .values_list("pk", "payload")[:500]
    )
    for pk, payload in asked:
        if remote_start_number(pk) == number:
            return str(payload.get("idTag", "")) or None
    return None
