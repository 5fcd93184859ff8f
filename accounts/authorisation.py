"""May this tag charge at this organisation's stations?"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from accounts.models import DriverBlock, Token


class Verdict(StrEnum):
    """OCPP 1.6 AuthorizationStatus, as far as a central system decides it."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"


@dataclass(frozen=True, slots=True)
class Authorisation:
    """The verdict on a tag, and whose it is when it is known."""

    verdict: Verdict
    token: Token | None = None

    @property
    def accepted(self) -> bool:
        return self.verdict is Verdict.ACCEPTED


def authorise(organisation_id: UUID, uid: str) -> Authorisation:
    """Judge the tag `uid` for `organisation_id`: unknown, blocked, expired or good. Two queries."""
    token = Token.objects.filter(uid_hash=Token.hash_of(uid)).select_related("driver").first()
    if token is None:
        return Authorisation(Verdict.INVALID)
    in_debt = DriverBlock.objects.filter(
        organisation=organisation_id, driver=token.driver_id, lifted_at__isnull=True
    ).exists()
    if token.blocked_at is not None or in_debt:
        return Authorisation(Verdict.BLOCKED, token)
    if not token.is_valid:
        return Authorisation(Verdict.EXPIRED, token)
    return Authorisation(Verdict.ACCEPTED, token)
