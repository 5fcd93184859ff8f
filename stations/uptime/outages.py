"""Outages out of status intervals: kept up to date by a sweep, and worked out anew with the same result.

The gateway only ever changes the end of a connector's story: it closes the open interval and opens the next.
So all before a port's latest outage is settled, and the sweep looks at what came since that one began.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, OuterRef, Q, Subquery

from accounts.models import Organisation
from stations.models import DOWN, EVSE, Connector, Outage, StatusInterval
from stations.uptime.spans import FAR, Span, clipped, intersection, merged

DAWN = datetime(1, 1, 2, tzinfo=UTC)
CHANGED = """
    SELECT e.organisation_id, e.id FROM stations_evse e
    LEFT JOIN LATERAL (
        SELECT since, until FROM stations_outage
        WHERE organisation_id = e.organisation_id AND evse_id = e.id ORDER BY since DESC LIMIT 1
    ) last ON TRUE
    WHERE (last.since IS NOT NULL AND last.until IS NULL) OR EXISTS (
        SELECT FROM stations_connector c
        JOIN stations_statusinterval i ON i.organisation_id = c.organisation_id AND i.connector_id = c.id
        WHERE c.organisation_id = e.organisation_id AND c.evse_id = e.id
          AND i.status IN ('Faulted', 'Unavailable', 'Offline')
          AND (i.until IS NULL OR i.until > coalesce(last.until, '-infinity'))
    )
"""


@dataclass(frozen=True)
class Down:
    """A connector could not charge anybody from `since` to `until` (FAR: it still can't)."""

    connector: int
    status: str
    error_code: str
    info: str
    since: datetime
    until: datetime

    @property
    def order(self) -> tuple[datetime, datetime, int]:
        return self.since, self.until, self.connector

    def told(self, end: datetime) -> dict[str, Any]:
        """As an outage that ended at `end` keeps it for evidence: what came later is not its concern."""
        until = min(self.until, end)
        return {
            "connector": self.connector,
            "status": self.status,
            "error_code": self.error_code,
            "info": self.info,
            "since": self.since.isoformat(),
            "until": None if until == FAR else until.isoformat(),
        }


@dataclass(frozen=True)
class Told:
    """What is known of a connector: when it first told a status, and its down times in any order."""

    first: datetime
    downs: list[Down]

    def spans(self) -> list[Span]:
        """When it can't charge anybody; before its first status it wasn't there."""
        return merged([(DAWN, self.first), *((one.since, one.until) for one in self.downs)])


@dataclass(frozen=True)
class Found:
    """An outage as worked out."""

    since: datetime
    until: datetime | None
    evidence: list[dict[str, Any]]


def outages_of(connectors: Iterable[Told]) -> list[Found]:
    """The outages of one port, oldest first.

    The port is down where all its connectors are; one that was never down keeps the port up. Intervals may
    come in any order and overlap; those that touch are one outage.
    """
    own = list(connectors)
    if not own:
        return []
    first = min(connector.first for connector in own)
    down = reduce(intersection, (connector.spans() for connector in own))
    told = sorted((one for connector in own for one in connector.downs), key=lambda one: one.order)
    return [_found(span, told) for span in clipped(down, first, FAR)]


def sweep() -> int:
    """Bring the outages of all ports up to date; returns how many ports were looked at."""
    with connection.cursor() as cursor:
        cursor.execute(CHANGED)
        ports = cursor.fetchall()
    for organisation_id, evse_id in ports:
        refresh(organisation_id, evse_id)
    return len(ports)


@transaction.atomic
def refresh(organisation_id: UUID, evse_id: UUID) -> None:
    """Bring one port up to date; a port that another sweep holds is left to it."""
    lock = EVSE.objects.of(organisation_id).select_for_update(skip_locked=True, of=("self",))
    if not lock.filter(pk=evse_id).exists():
        return
    known = Outage.objects.of(organisation_id).filter(evse=evse_id)
    last = known.order_by("-since").first()
    floor = None if last is None else last.since
    told = _told(organisation_id, [evse_id], floor)[evse_id]
    found = [one for one in outages_of(told) if floor is None or one.since >= floor]
    if floor is not None:
        known.filter(since__gte=floor).exclude(since__in=[one.since for one in found]).delete()
    for one in found:
        Outage.objects.update_or_create(
            organisation_id=organisation_id,
            evse_id=evse_id,
            since=one.since,
            defaults={"until": one.until, "evidence": one.evidence},
        )


@transaction.atomic
def rebuild(organisation: Organisation) -> int:
    """Work out all outages of an organisation anew; returns how many there are."""
    ports = EVSE.objects.of(organisation).select_for_update(of=("self",)).order_by("pk")
    told = _told(organisation.pk, [port.pk for port in ports], None)
    Outage.objects.of(organisation).delete()
    rows = [
        Outage(
            organisation=organisation, evse_id=port, since=one.since, until=one.until, evidence=one.evidence
        )
        for port, own in told.items()
        for one in outages_of(own)
    ]
    Outage.objects.bulk_create(rows, batch_size=2000)
    return len(rows)


def _found(span: Span, told: Iterable[Down]) -> Found:
    since, until = span
    evidence = [one.told(until) for one in told if one.since < until and one.until > since]
    return Found(since, None if until == FAR else until, evidence)


def _told(organisation_id: UUID, evse_ids: Sequence[UUID], floor: datetime | None) -> dict[UUID, list[Told]]:
    """Port -> what its connectors told from `floor` on; those that never told a status are left out."""
    rows = StatusInterval.objects.of(organisation_id).filter(connector__evse__in=evse_ids, status__in=DOWN)
    if floor is not None:
        rows = rows.filter(Q(until__isnull=True) | Q(until__gte=floor))
    downs: dict[UUID, list[Down]] = {}
    for row in rows.filter(~Q(until=F("since")) | Q(until__isnull=True)).select_related("connector"):
        until = row.until or FAR
        down = Down(row.connector.number, row.status, row.error_code, row.info, row.since, until)
        downs.setdefault(row.connector_id, []).append(down)
    found: dict[UUID, list[Told]] = {evse_id: [] for evse_id in evse_ids}
    for connector, evse, first in first_statuses(organisation_id).filter(evse__in=evse_ids):
        found[evse].append(Told(first, downs.get(connector, [])))
    return found


def first_statuses(organisation_id: UUID) -> Any:
    """Rows of (connector, port, when it first told a status) for connectors that have."""
    told = StatusInterval.objects.of(organisation_id).filter(connector=OuterRef("pk")).order_by("since")
    connectors = Connector.objects.of(organisation_id).annotate(first=Subquery(told.values("since")[:1]))
    return connectors.filter(first__isnull=False).values_list("pk", "evse_id", "first")


def by_port(outages: Iterable[Outage]) -> dict[UUID, list[Outage]]:
    """Outages of each port, oldest first."""
    ordered = sorted(outages, key=lambda one: (one.evse_id, one.since))
    return {evse: list(own) for evse, own in groupby(ordered, key=lambda one: one.evse_id)}
