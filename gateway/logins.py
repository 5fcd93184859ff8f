"""Who may connect as which station. Blocking: run in threads."""

import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password

from accounts.models import RegistryKey
from charging.ingest import Reporter
from gateway.certificates import ClientCertificate
from gateway.shared_memory import SharedMemory
from stations.credentials import adopt, is_next_password
from stations.models import Connector, Station

REMEMBERED = 50_000
Profile = Station.SecurityProfile


@dataclass(slots=True)
class Login:
    """A station that proved who it is."""

    reporter: Reporter
    security_profile: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What a connection shows: basic authentication, and a client certificate that was verified."""

    username: str | None = None
    password: str | None = None
    certificate: ClientCertificate | None = None


@dataclass
class Logins:
    """Checks what connections show.

    A password that was right is remembered by a keyed digest, here and beside the other gateways, so that
    20,000 stations that reconnect at once don't cost 20,000 slow hashes.
    """

    allow_profile_0: bool = False
    remember_s: float = 86_400.0
    shared: SharedMemory = field(default_factory=SharedMemory)
    _right: OrderedDict[UUID, tuple[bytes, float]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def check(self, identity: str, proof: Proof, *, only_remembered: bool = False) -> Login | None:
        """The login, or None: whatever is wrong, it takes as long as a wrong password.

        `only_remembered`: the identity is under attack; a password counts only if it was right before.
        """
        station = _station(identity)
        if station is None:
            _as_long_as_a_wrong_password(proof.password or "")
        elif self._is_proven(station, proof, only_remembered=only_remembered):
            return Login(_reporter(station), station.security_profile)
        return None

    def _is_proven(self, station: Station, proof: Proof, *, only_remembered: bool) -> bool:
        profile = station.security_profile
        if profile == Profile.UNSECURED and self.allow_profile_0:
            return True
        if profile == Profile.MUTUAL_TLS:
            return self._is_certified(station, proof)
        password = proof.password or ""
        if profile == Profile.UNSECURED or not password or proof.username != station.identity:
            return _as_long_as_a_wrong_password(password)
        return self._password_is_right(station, password, only_remembered=only_remembered)

    @staticmethod
    def _is_certified(station: Station, proof: Proof) -> bool:
        certificate = proof.certificate
        if certificate and certificate.belongs_to(station.identity, station.certificate_fingerprint):
            return True
        return _as_long_as_a_wrong_password(proof.password or "")

    def _password_is_right(self, station: Station, password: str, *, only_remembered: bool) -> bool:
        digest = _digest(station, password)
        if self._remembers(station, digest):
            return True
        if is_next_password(station, password):
            adopt(station, password)
            self._remember(station, _digest(station, password))
            return True
        if only_remembered or not station.password_hash:
            return _as_long_as_a_wrong_password(password)
        if not station.check_password(password):
            return False
        self._remember(station, digest)
        return True

    def _remembers(self, station: Station, digest: bytes) -> bool:
        with self._lock:
            known, until = self._right.get(station.pk, (b"", 0.0))
        if time.monotonic() < until:
            return hmac.compare_digest(known, digest)
        if hmac.compare_digest(self.shared.recall(station.pk), digest):
            self._keep(station, digest)
            return True
        return False

    def _remember(self, station: Station, digest: bytes) -> None:
        self._keep(station, digest)
        self.shared.remember(station.pk, digest, self.remember_s)

    def _keep(self, station: Station, digest: bytes) -> None:
        with self._lock:
            self._right[station.pk] = digest, time.monotonic() + self.remember_s
            if len(self._right) > REMEMBERED:
                self._right.popitem(last=False)


def _digest(station: Station, password: str) -> bytes:
    """Follows from the stored hash as well, so that it is worthless once the password has changed."""
    text = f"{station.pk}\0{station.password_hash}\0{password}"
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).digest()


def _as_long_as_a_wrong_password(password: str) -> bool:
    check_password(password, any_hash())
    return False


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
