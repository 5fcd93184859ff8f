"""Stations' local lists of tags: what each should say, and what an answered command means for it.

A list holds the cards of drivers in the organisation's groups, then of those who charged there lately, so that
they can charge while the station is offline; blocked and expired ones are listed as such.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, Q, QuerySet, Value, When
from django.utils import timezone

from accounts.authorisation import Verdict
from accounts.models import DriverBlock, DriverGroupMember, Token
from charging import command_payloads
from charging.models import ChargingSession, LocalList, StationCommand

Entries = dict[str, list[str]]
State = LocalList.State
LATELY = timedelta(days=90)
FIRST_RETRY = timedelta(minutes=1)
LAST_RETRY = timedelta(hours=6)
NO_LISTS = {"NotSupported", "NotImplemented"}


def wanted_tokens(organisation_id: UUID, limit: int) -> list[Token]:
    """The cards that belong on the organisation's lists, its own groups' first."""
    in_groups = DriverGroupMember.objects.of(organisation_id).values("driver")
    since = timezone.now() - LATELY
    sessions: QuerySet[ChargingSession] = ChargingSession.objects.of(organisation_id)
    lately = sessions.filter(started_at__gte=since, driver__isnull=False).values("driver")
    cards = Token.objects.filter(Q(driver__in=in_groups) | Q(driver__in=lately), kind=Token.Kind.RFID)
    ours = Case(When(driver__in=in_groups, then=Value(0)), default=Value(1))
    return list(
        cards.exclude(sealed_uid="").annotate(rank=ours).order_by("rank", "-created_at", "id")[:limit]
    )


def entries_of(organisation_id: UUID, tokens: Sequence[Token]) -> Entries:
    """What a list says of `tokens`: id -> [status] or [status, expiry]."""
    blocks = DriverBlock.objects.of(organisation_id).filter(lifted_at__isnull=True)
    drivers = {token.driver_id for token in tokens}
    blocked = set(blocks.filter(driver__in=drivers).values_list("driver_id", flat=True))
    return {str(token.pk): _entry(token, token.driver_id in blocked) for token in tokens}


def _entry(token: Token, driver_is_blocked: bool) -> list[str]:
    if token.blocked_at is not None or driver_is_blocked:
        return [str(Verdict.BLOCKED)]
    if not token.is_valid:
        return [str(Verdict.EXPIRED)]
    expiry = [token.expires_at.isoformat().replace("+00:00", "Z")] if token.expires_at else []
    return [str(Verdict.ACCEPTED), *expiry]


def settled(command: StationCommand) -> None:
    """What the end of a SendLocalList or GetLocalListVersion means; in the transaction that ends the command."""
    found: LocalList | None = (
        LocalList.objects.of(command.organisation_id)
        .select_for_update()
        .filter(station=command.station_id)
        .first()
    )
    if command.action == StationCommand.Action.SEND_LOCAL_LIST:
        _forget_tags(command)
    if found is None:
        return
    if command.action == StationCommand.Action.GET_LOCAL_LIST_VERSION:
        _compare_version(found, command)
    elif found.command_id != command.pk:
        found.send_full = True  # somebody else wrote the station's list
    elif command.state == StationCommand.State.ACCEPTED:
        _acknowledged(found)
    else:
        _not_taken(found, command)
    found.save()


def _forget_tags(command: StationCommand) -> None:
    """A list that was sent is not kept a second time in plain text."""
    rows = StationCommand.objects.of(command.organisation_id).filter(pk=command.pk)
    rows.update(payload=command_payloads.shown(command.payload))


def _acknowledged(found: LocalList) -> None:
    now = timezone.now()
    found.version, found.entries = found.sent_version, found.sent_entries
    found.state, found.send_full = State.CURRENT, False
    found.failures, found.failure, found.next_try_at = 0, "", None
    found.acknowledged_at = found.version_asked_at = now


def _not_taken(found: LocalList, command: StationCommand) -> None:
    if command.outcome in NO_LISTS:
        found.state, found.failure, found.next_try_at = State.UNSUPPORTED, command.outcome, None
        return
    if command.state != StationCommand.State.OFFLINE:  # it was sent: what the station has now is not known
        found.send_full = True
    found.state, found.failure = State.RETRYING, command.outcome[:80]
    found.failures = min(found.failures + 1, 100)
    pause = min(FIRST_RETRY * 2 ** min(found.failures - 1, 10), LAST_RETRY)
    found.next_try_at = timezone.now() + pause


def _compare_version(found: LocalList, command: StationCommand) -> None:
    """1.6 says listVersion, 2.0.1 versionNumber; -1: the station keeps no lists (1.6, section 5.9)."""
    answer: dict[str, Any] = command.answer if isinstance(command.answer, dict) else {}
    version = answer.get("listVersion", answer.get("versionNumber"))
    if command.outcome in NO_LISTS or version == -1:
        found.state, found.failure = State.UNSUPPORTED, "GetLocalListVersion"
    elif isinstance(version, int) and found.state != State.SENDING and version != found.version:
        found.send_full, found.next_try_at = True, None
        found.failure = f"the station holds version {version}"
