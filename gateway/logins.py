"""Who may connect as which station. Blocking: run in threads."""

import hashlib
import hmac
import os
from collections import OrderedDict
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
        """The login, or None: an unknown identity takes as long as a wrong password."""
        station = _station(identity)
        if station is None:
            check_password(password or "", _any_hash())
            return None
        if station.security_profile == Station.SecurityProfile.UNSECURED:
            right = self.allow_profile_0
        else:
            right = username == identity and self._password_is_right(station, password)
        return Login(_reporter(station), station.security_profile) if right else None

    def _password_is_right(self, station: Station, password: str | None) -> bool:
        if not password or not station.password_hash:
            check_password(password or "", _any_hash())
            return False
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
def _any_hash() -> str:
    return make_password("nobody's password")


def _station(identity: str) -> Station | None:
    key = RegistryKey.objects.filter(kind=RegistryKey.Kind.OCPP_IDENTITY, key=identity).first()
    if key is None:
        return None
    station: Station | None = Station.objects.of(key.organisation_id).filter(pk=key.target_id).first()
    return station


def _reporter(station: Station) -> Reporter:
    """OCPP 1.6 counts EVSEs and calls them connectors; the first connector of an EVSE stands for it."""
    rows = (
        Connector.objects.of(station.organisation_id)
        .filter(evse__station=station)
        .order_by("-number")
        .values_list("evse__number", "id")
    )
    return Reporter(station.organisation_id, station.pk, station.identity, dict(rows))
