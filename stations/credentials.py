"""A station's password: made here, shown once, and changed without locking the station out.

While a password is being changed, both are valid: the one in force, and the next one until the station has
logged in with it. Ours are random, so a plain digest of the next one gives nothing away and costs no time
that would tell a guesser which stations are being changed.
"""

import contextlib
import hashlib
import hmac
import secrets
import string

from django.utils import timezone

from stations.models import Station

ALPHABET = string.ascii_letters + string.digits
LENGTH = 20  # the most that OCPP 1.6 takes (security whitepaper, AuthorizationKey); 119 bits


def new_password() -> str:
    """A random password that every OCPP version accepts."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def issue_password(station: Station) -> str:
    """Make the station's next password, valid from now beside the present one; nobody can read it again."""
    password = new_password()
    station.next_password_digest = _digest(password)
    station.next_password_at = timezone.now()
    station.save(update_fields=["next_password_digest", "next_password_at"])
    return password


def is_next_password(station: Station, password: str) -> bool:
    """Whether `password` is the one that was issued last, as text or as OCPP 1.6 writes it: in hexadecimal."""
    said = [password.encode()]
    with contextlib.suppress(ValueError):
        said.append(bytes.fromhex(password))
    known = station.next_password_digest or "none"
    return any(hmac.compare_digest(hashlib.sha256(each).hexdigest(), known) for each in said)


def adopt(station: Station, password: str) -> None:
    """The station has logged in with its next password: from now on it is the only one."""
    digest = station.next_password_digest
    station.set_password(password)
    mine = Station.objects.of(station.organisation_id).filter(pk=station.pk, next_password_digest=digest)
    mine.update(password_hash=station.password_hash, next_password_digest="", next_password_at=None)


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
