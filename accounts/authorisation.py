"""May this tag charge at this organisation's stations?"""

from collections.abc import Iterable
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
    return authorise_all([(organisation_id, uid)])[organisation_id, uid]


def authorise_all(asked: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], Authorisation]:
    """Judge many tags, each for an organisation, in two queries."""
    hashes = {question: Token.hash_of(question[1]) for question in asked}
    found = Token.objects.filter(uid_hash__in=set(hashes.values())).select_related("driver")
    tokens: dict[str, Token] = {token.uid_hash: token for token in found}
    blocked = _blocked({organisation for organisation, _ in hashes}, tokens.values()) if tokens else set()
    return {
        question: _judge(question[0], tokens.get(uid_hash), blocked) for question, uid_hash in hashes.items()
    }


def _blocked(organisations: set[UUID], tokens: Iterable[Token]) -> set[tuple[UUID, UUID]]:
    rows = DriverBlock.objects.filter(
        organisation__in=organisations,
        driver__in={token.driver_id for token in tokens},
        lifted_at__isnull=True,
    )
    return set(rows.values_list("organisation_id", "driver_id"))


def _judge(organisation_id: UUID, token: Token | None, blocked: set[tuple[UUID, UUID]]) -> Authorisation:
    if token is None:
        return Authorisation(Verdict.INVALID)
    if token.blocked_at is not None or (organisation_id, token.driver_id) in blocked:
        return Authorisation(Verdict.BLOCKED, token)
    if not token.is_valid:
        return Authorisation(Verdict.EXPIRED, token)
    return Authorisation(Verdict.ACCEPTED, token)
