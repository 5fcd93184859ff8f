"""May this tag charge at this organisation's stations?"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.utils.crypto import salted_hmac

from accounts.models import DriverBlock, FleetMember, Token

GROUP_LENGTH = 20  # what OCPP 1.6 gives an idTag
Fleets = dict[tuple[UUID, UUID, UUID | None], UUID]


class Verdict(StrEnum):
    """OCPP 1.6 AuthorizationStatus, as far as a central system decides it."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"


@dataclass(frozen=True, slots=True)
class Authorisation:
    """The verdict on a tag, and whose it is when it is known.

    group: of a good tag, the id that it shares with those that may stop its sessions (OCPP's parentIdTag,
    groupIdToken): all of its fleet, else all of its driver. It says nothing of either, and opens nothing.
    """

    verdict: Verdict
    token: Token | None = None
    group: str = ""

    @property
    def accepted(self) -> bool:
        return self.verdict is Verdict.ACCEPTED


def authorise(organisation_id: UUID, uid: str) -> Authorisation:
    """Judge the tag `uid` for `organisation_id`: unknown, blocked, expired or good. Two queries."""
    return authorise_all([(organisation_id, uid)])[organisation_id, uid]


def authorise_all(asked: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], Authorisation]:
    """Judge many tags, each for an organisation, in three queries."""
    hashes = {question: Token.hash_of(question[1]) for question in asked}
    found = Token.objects.filter(uid_hash__in=set(hashes.values())).select_related("driver")
    tokens: dict[str, Token] = {token.uid_hash: token for token in found}
    organisations = {organisation for organisation, _ in hashes}
    blocked = _blocked(organisations, tokens.values()) if tokens else set()
    fleets = _fleets(organisations, tokens.values()) if tokens else {}
    return {
        question: _judge(question[0], tokens.get(uid_hash), blocked, fleets)
        for question, uid_hash in hashes.items()
    }


def _blocked(organisations: set[UUID], tokens: Iterable[Token]) -> set[tuple[UUID, UUID]]:
    rows = DriverBlock.objects.filter(
        organisation__in=organisations,
        driver__in={token.driver_id for token in tokens},
        lifted_at__isnull=True,
    )
    return set(rows.values_list("organisation_id", "driver_id"))


def _fleets(organisations: set[UUID], tokens: Iterable[Token]) -> Fleets:
    """(organisation, driver, token) -> fleet; None for the token where the fleet pays for all of a driver's."""
    rows = FleetMember.objects.filter(
        organisation__in=organisations,
        driver__in={token.driver_id for token in tokens},
        fleet__closed_at__isnull=True,
    )
    members = rows.values_list("organisation_id", "driver_id", "token_id", "fleet_id")
    return {(organisation, driver, token): fleet for organisation, driver, token, fleet in members}


def _group_of(organisation_id: UUID, token: Token, fleets: Fleets) -> str:
    of_token = fleets.get((organisation_id, token.driver_id, token.pk))
    fleet = of_token or fleets.get((organisation_id, token.driver_id, None))
    group = f"fleet/{fleet}" if fleet else f"driver/{organisation_id}/{token.driver_id}"
    return salted_hmac("accounts.authorisation.group", group).hexdigest()[:GROUP_LENGTH].upper()


def _judge(
    organisation_id: UUID, token: Token | None, blocked: set[tuple[UUID, UUID]], fleets: Fleets
) -> Authorisation:
    if token is None:
        return Authorisation(Verdict.INVALID)
    if token.blocked_at is not None or (organisation_id, token.driver_id) in blocked:
        return Authorisation(Verdict.BLOCKED, token)
    if not token.is_valid:
        return Authorisation(Verdict.EXPIRED, token)
    return Authorisation(Verdict.ACCEPTED, token, _group_of(organisation_id, token, fleets))
