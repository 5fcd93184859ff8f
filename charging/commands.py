"""Asking a station to do something: a row, which the gateway sends and answers."""

from typing import Any
from uuid import UUID

from accounts.models import User
from charging.models import StationCommand
from stations.models import Station


def request(
    station: Station,
    action: str,
    payload: dict[str, Any],
    *,
    cause_kind: str = "",
    cause_id: UUID | None = None,
    requested_by: User | None = None,
) -> StationCommand:
    """Write the command down; the gateway's sweep sends it after the transaction commits."""
    command: StationCommand = StationCommand.objects.create(
        organisation_id=station.organisation_id,
        station=station,
        action=action,
        payload=payload,
        cause_kind=cause_kind,
        cause_id=cause_id,
        requested_by=requested_by,
    )
    return command
