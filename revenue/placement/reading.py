"""A site's ports, their sessions and what a session leaves, from the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Avg, Exists, F, OuterRef, Q
from django.utils import timezone

from charging.models import ChargingSession, PricedSession
from revenue.forecast.calendar import Calendar, calendar_of
from revenue.forecast.history import Sessions
from revenue.forecast.reading import LONGEST, as_sessions, last_start, today_at
from revenue.placement.demand import Absences
from stations.models import EVSE, Site, Status, StatusInterval

WEEKS = 26
GONE = (Status.FAULTED, Status.UNAVAILABLE, Status.OFFLINE)
STALE_DAYS = 28


@dataclass(frozen=True, eq=False)
class Group:
    """Ports of a site that serve the same cars: all AC, or all DC. sessions: over the calendar.

    net: mean net amount of a priced session, exact; None before there was one. shared: EVSEs with several
    connectors, of which one at a time can charge.
    """

    site: Site
    power_type: str
    ports: int
    power_w: int
    calendar: Calendar
    sessions: Sessions
    absences: Absences
    net: Decimal | None
    shared: int

    @property
    def stay_s(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.asarray(self.sessions.end - self.sessions.start)

    @property
    def per_port_day(self) -> float:
        """Sessions a port and day."""
        return len(self.sessions.start) / max(self.ports * self.calendar.days, 1)


def groups_of(site: Site) -> list[Group]:
    """The groups of a site over the 26 weeks before today, or before its last session where that is long ago;
    from its first session on. Groups without a session are left out."""
    latest = last_start(site)
    if latest is None:
        return []
    end = today_at(site)
    after = _local(latest, site) + timedelta(days=1)
    end = after if (end - after).days > STALE_DAYS else end
    evses = EVSE.objects.of(site.organisation_id).filter(station__site=site).prefetch_related("connectors")
    by_type: dict[str, list[EVSE]] = {}
    for evse in evses:
        by_type.setdefault(evse.power_type, []).append(evse)
    groups = (_group(site, kind, own, end) for kind, own in sorted(by_type.items()))
    return [group for group in groups if group is not None]


def _local(moment: datetime, site: Site) -> date:
    return moment.astimezone(ZoneInfo(site.time_zone)).date()


def _group(site: Site, kind: str, evses: list[EVSE], end: date) -> Group | None:
    whole = calendar_of(site.time_zone, end - timedelta(weeks=WEEKS), WEEKS * 7)
    begin, until = (datetime.fromtimestamp(int(whole.edges[at]), UTC) for at in (0, -1))
    until = min(until, timezone.now())
    rows = ChargingSession.objects.of(site.organisation_id).filter(connector__evse__in=evses)
    sessions = as_sessions(rows.filter(started_at__gte=begin - LONGEST, started_at__lt=until), until)
    inside = sessions.start >= whole.edges[0]
    if not inside.any():
        return None
    calendar = whole
    if inside.all() and not rows.filter(started_at__lt=begin).exists():
        first = _local(datetime.fromtimestamp(int(sessions.start[0]), UTC), site)
        calendar = calendar_of(site.time_zone, first, max((end - first).days, 1))
    return Group(
        site,
        kind,
        len(evses),
        max(evse.max_power_w for evse in evses),
        calendar,
        sessions,
        _absences(evses, begin, until),
        _net(site, evses, begin),
        sum(len(evse.connectors.all()) > 1 for evse in evses),
    )


def _absences(evses: list[EVSE], begin: datetime, until: datetime) -> Absences:
    """When a connector of each EVSE was out of service, one at a time."""
    rows = (
        StatusInterval.objects.of(evses[0].organisation_id)
        .filter(connector__evse__in=evses, status__in=GONE, since__lt=until)
        .filter(Q(until__isnull=True) | Q(until__gt=begin))
        .order_by("connector__evse", "since")
        .values_list("connector__evse", "since", "until")
    )
    merged: list[tuple[object, int, int]] = []
    for evse, since, ended in rows:
        first, past = int(since.timestamp()), int((ended or until).timestamp())
        if merged and merged[-1][0] == evse and first <= merged[-1][2]:
            merged[-1] = (evse, merged[-1][1], max(past, merged[-1][2]))
        else:
            merged.append((evse, first, past))
    start, end = np.array([each[1:] for each in merged], dtype=np.int64).reshape(-1, 2).T
    return Absences(start, end)


def _net(site: Site, evses: Iterable[EVSE], begin: datetime) -> Decimal | None:
    later = PricedSession.objects.of(site.organisation_id).filter(
        session=OuterRef("session"), revision__gt=OuterRef("revision")
    )
    found = (
        PricedSession.objects.of(site.organisation_id)
        .filter(
            session__connector__evse__in=list(evses),
            session__started_at__gte=begin,
            currency=site.organisation.currency,
        )
        .exclude(Exists(later))
        .aggregate(mean=Avg(F("net")))
    )
    return None if found["mean"] is None else Decimal(found["mean"])
