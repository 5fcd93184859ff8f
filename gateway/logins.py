"""Who may connect as which station. Blocking: run in threads."""

import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password

from accounts.models import RegistryKey
from charging.ingest import Reporter
from stations.models import Connector, Station

REMEMBERED = 50_000


@dataclass(slots=True)
class Login:
    """A station that proved who it is."""

    reporter: Reporter
    security_profile: int


@dataclass
class Logins:
    """Checks passwords. Slow hashes that were right once are remembered under a key of this process."""

    allow_profile_0: bool = False
    _key: bytes = field(default_factory=lambda: os.urandom(32))
    _right: OrderedDict[UUID, bytes] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def check(self, identity: str, username: str | None, password: str | None) -> Login | None:
        """The login, or None: whatever is wrong, it takes as long as a wrong password."""
        station = _station(identity)
        open_ = Station.SecurityProfile.UNSECURED
        if station is not None and station.security_profile == open_ and self.allow_profile_0:
            return Login(_reporter(station), station.security_profile)
        if station is None or station.security_profile == open_ or not password or not station.password_hash:
            check_password(password or "", any_hash())
            return None
        if not self._password_is_right(station, password) or username != identity:
            return None
        return Login(_reporter(station), station.security_profile)

    def _password_is_right(self, station: Station, password: str) -> bool:
        digest = hmac.new(self._key, f"{station.password_hash}\0{password}".encode(), hashlib.sha256).digest()
        with self._lock:
            if hmac.compare_digest(self._right.get(station.pk, b""), digest):
                return True
        if not station.check_password(password):
            return False
        with self._lock:
            self._right[station.pk] = digest
            if len(self._right) > REMEMBERED:
                self._right.popitem(last=False)
        return True


@cache
def any_hash() -> str:
    """What passwords of unknown stations are compared with."""
    return make_password("nobody's password")


def _station(identity: str) -> Station | None:
    key = RegistryKey.objects.filter(kind=RegistryKey.Kind.OCPP_IDENTITY, key=identity).first()
    if key is None:
        return None
    station: Station | None = Station.objects.of(key.organisation_id).filter(pk=key.target_id).first()
    return station


def connectors_of(station_ids: Iterable[UUID]) -> dict[UUID, dict[int, UUID]]:
    """Each station's connectors by number.

    OCPP 1.6 counts EVSEs and calls them connectors; the first connector of an EVSE stands for it.
    """
    rows = (
        Connector.objects.filter(evse__station__in=list(station_ids))
        .order_by("-number")
        .values_list("evse__station", "evse__number", "id")
    )
    found: dict[UUID, dict[int, UUID]] = {}
    for station, number, connector in rows:
        found.setdefault(station, {})[number] = connector
    return found


def sockets_of(station_ids: Iterable[UUID]) -> dict[UUID, dict[tuple[int, int], UUID]]:
    """Each station's connectors by the numbers of EVSE and connector, as OCPP 2 has them."""
    rows = Connector.objects.filter(evse__station__in=list(station_ids)).values_list(
        "evse__station", "evse__number", "number", "id"
    )
    found: dict[UUID, dict[tuple[int, int], UUID]] = {}
    for station, evse, number, connector in rows:
        found.setdefault(station, {})[evse, number] = connector
    return found


def _reporter(station: Station) -> Reporter:
    connectors = connectors_of([station.pk]).get(station.pk, {})
    sockets = sockets_of([station.pk]).get(station.pk, {})
    return Reporter(station.organisation_id, station.pk, station.identity, connectors, sockets)
