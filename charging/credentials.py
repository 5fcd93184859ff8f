"""Change a station's password over OCPP (1.6 security whitepaper, A05; 2.0.1, A01)."""

from dataclasses import dataclass

from django.db import transaction

from accounts.models import User
from accounts.sealing import seal
from charging import commands
from charging.models import StationCommand
from stations.credentials import issue_password
from stations.models import Station


@dataclass(frozen=True)
class Rotation:
    """A password on its way. Show it once; `command` says whether the station took it."""

    password: str
    command: StationCommand


@transaction.atomic
def rotate_password(station: Station, *, requested_by: User | None = None) -> Rotation:
    """Issue a new password and have the station told. Both are valid until it logs in with the new one.

    The command keeps the password sealed; the gateway opens it when it sends it, as ChangeConfiguration of
    AuthorizationKey (in hexadecimal) to 1.6 and as SetVariables of SecurityCtrlr.BasicAuthPassword to 2.x.
    """
    password = issue_password(station)
    payload = {"key": "AuthorizationKey", "value": seal(password)}
    command = commands.request(station, "ChangeConfiguration", payload, requested_by=requested_by)
    return Rotation(password, command)
