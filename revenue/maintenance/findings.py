"""What is wrong now, port by port, and what it costs a day."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, Q
from moneyed import Money

from accounts.models import Organisation
from charging.models import ChargingSession, Reading
from revenue.maintenance import derating, silence
from revenue.maintenance.attempts import Attempt, attempts_of
from revenue.maintenance.losses import CENT, Earnings, earnings, earnings_before
from stations.models import EVSE, WorkOrder
from stations.uptime import PortTimes, port_times, uptime_of
from stations.uptime.hours import closed_spans, hours_of_sites
from stations.uptime.spans import FAR, Span, merged

Kind = WorkOrder.Kind
BLIP = timedelta(minutes=15)
LOOK_BACK = timedelta(days=180)
PEAKS = 240  # sessions whose peaks are looked at
STARTS_OVER = timedelta(days=14)
FAILED_AT_LEAST = 5
FAILED_PERCENT = 30


@dataclass(frozen=True)
class Finding:
    """Something wrong at a port since `since`; `loss_per_day` is None where nothing can be measured."""

    evse: EVSE
    kind: str
    since: datetime
    evidence: dict[str, Any] = field(default_factory=dict)
    loss_per_day: Money | None = None
    basis: dict[str, Any] = field(default_factory=dict)


def outages_now(organisation: Organisation, now: datetime) -> Iterator[Finding]:
    """Ports that are down, have been for 15 minutes that nothing excuses, and are not excused now."""
    for times in port_times(organisation, now - LOOK_BACK, now):
        outage = next((one for one in times.outages if one.until is None), None)
        excused = any(start < now <= end for start, end in times.excluded)
        if outage and not excused and uptime_of(times, outage.since, now).counted >= BLIP:
            before = earnings_before(organisation, times.evse, outage.since)
            evidence = {"codes": outage.error_codes, "told": outage.evidence[-5:]}
            yield _finding(times.evse, Kind.OUTAGE, outage.since, evidence, before)


def silent_now(organisation: Organisation, now: datetime) -> Iterator[Finding]:
    """Ports that say they are in order and where nobody has charged for longer than chance explains."""
    lasts = last_starts(organisation, now)
    closed = hours_of_sites(organisation)
    for times in port_times(organisation, now - LOOK_BACK - silence.WINDOW, now):
        last = lasts.get(times.evse.pk)
        is_down = any(one.until is None for one in times.outages)
        if last is None or is_down or times.since is None or now - last < silence.DAY / 2:
            continue
        zone = ZoneInfo(times.evse.station.site.time_zone)
        hours = closed.get(times.evse.station.site_id, {})
        shut = closed_spans(hours, zone, last - silence.WINDOW, now)
        found = judged(organisation, times, shut, now)
        if found is not None and found.verdict == silence.Verdict.SILENT:
            evidence = {
                "expected": f"{found.expected:.1f}",
                "bound": f"{found.bound:.1f}",
                "per_day": f"{found.per_day:.2f}",
                "starts": found.starts,
            }
            before = earnings_before(organisation, times.evse, found.last + timedelta(seconds=1))
            yield _finding(times.evse, Kind.SILENT, found.last, evidence, before)


def last_starts(organisation: Organisation, now: datetime) -> dict[UUID, datetime]:
    """Port -> latest start of the last half year; ports in use right now are left out."""
    rows = ChargingSession.objects.of(organisation).filter(
        started_at__gte=now - LOOK_BACK, started_at__lt=now
    )
    lasts = dict(
        rows.values("connector__evse").annotate(last=Max("started_at")).values_list("connector__evse", "last")
    )
    running = ChargingSession.objects.of(organisation).active().values_list("connector__evse", flat=True)
    return {evse: last for evse, last in lasts.items() if evse not in set(running)}


def judged(
    organisation: Organisation, times: PortTimes, shut: list[Span], now: datetime
) -> silence.Silence | None:
    """The silence of one port; None where it has no starts."""
    sessions = (
        ChargingSession.objects.of(organisation)
        .filter(connector__evse=times.evse.pk, started_at__gte=now - LOOK_BACK - silence.WINDOW)
        .order_by("started_at")
        .values_list("started_at", "ended_at")
    )
    spans = [(start, end or now) for start, end in sessions]
    if not spans:
        return None
    down = [(one.since, one.until or FAR) for one in times.outages]
    known_since = min(times.since or now, spans[0][0])
    zone = ZoneInfo(times.evse.station.site.time_zone)
    starts = [start for start, _end in spans]
    return silence.judge(starts, merged([*spans, *down, *shut]), zone, known_since, now)


def too_quiet(organisation: Organisation, now: datetime) -> list[EVSE]:
    """Ports whose silence can't be told from chance: fewer than 0.3 starts a day over eight weeks.

    One that an open order already calls silent is not among them.
    """
    recent = Q(connectors__sessions__started_at__gte=now - silence.WINDOW)
    alarmed = WorkOrder.objects.of(organisation).open().filter(kind=Kind.SILENT).values("evse")
    ports = EVSE.objects.of(organisation).exclude(pk__in=alarmed).select_related("station__site")
    enough = math.ceil(silence.LEAST_PER_DAY * (silence.WINDOW / silence.DAY))
    counted = ports.annotate(starts=Count("connectors__sessions", filter=recent))
    return list(counted.filter(starts__lt=enough).order_by("station__site__name", "station__name", "number"))


def derated_now(organisation: Organisation, now: datetime) -> Iterator[Finding]:
    """Ports whose latest sessions all drew far less than usual."""
    for evse in EVSE.objects.of(organisation).select_related("station__site"):
        found = derating.judge(peaks_of(organisation, evse, now))
        if found is None:
            continue
        before = earnings_before(organisation, evse, found.since)
        after = earnings(organisation, evse.pk, found.since, now)
        evidence = {"usual_w": found.usual_w, "now_w": found.now_w, "sessions": found.sessions}
        yield Finding(evse, Kind.DERATED, found.since, evidence, _difference(before, after), before.basis())


def peaks_of(organisation: Organisation, evse: EVSE, now: datetime) -> list[tuple[datetime, int]]:
    """(start, highest power in W) of the port's latest sessions that told any, oldest first."""
    latest = (
        ChargingSession.objects.of(organisation)
        .filter(connector__evse=evse, ended_at__lt=now, started_at__gte=now - LOOK_BACK)
        .order_by("-started_at")
        .values_list("pk", "started_at")[:PEAKS]
    )
    starts = dict(latest)
    rows = Reading.objects.filter(organisation=organisation, session__in=list(starts), power_w__gt=0)
    peaks = rows.values("session").annotate(peak=Max("power_w")).values_list("session", "peak")
    return sorted((starts[session], peak) for session, peak in peaks)


def failing_starts(organisation: Organisation, now: datetime) -> Iterator[Finding]:
    """Ports where at least five and three in ten attempts of two weeks failed."""
    own: dict[UUID, list[Attempt]] = {}
    for one in attempts_of(organisation, now - STARTS_OVER, now):
        own.setdefault(one.evse_id, []).append(one)
    ports = EVSE.objects.of(organisation).select_related("station__site").in_bulk(list(own))
    for evse_id, attempts in own.items():
        failed = [one for one in attempts if not one.succeeded]
        if len(failed) >= FAILED_AT_LEAST and len(failed) * 100 >= FAILED_PERCENT * len(attempts):
            yield _failing(organisation, ports[evse_id], attempts, failed)


def _failing(
    organisation: Organisation, evse: EVSE, attempts: list[Attempt], failed: list[Attempt]
) -> Finding:
    """Each failed start costs what a usual session earns."""
    since = failed[0].at
    before = earnings_before(organisation, evse, since)
    codes = sorted({one.reason for one in failed})
    evidence = {"attempts": len(attempts), "failed": len(failed), "codes": codes, "days": STARTS_OVER.days}
    lost = (before.per_session * len(failed) / STARTS_OVER.days).quantize(CENT)
    loss = Money(max(lost, Decimal(0)), before.currency) if before.sessions else None
    return Finding(evse, Kind.FAILED_STARTS, since, evidence, loss, before.basis() if loss else {})


def _finding(evse: EVSE, kind: str, since: datetime, evidence: dict[str, Any], before: Earnings) -> Finding:
    loss = before.per_day
    return Finding(evse, kind, since, evidence, loss, before.basis() if loss is not None else {})


def _difference(before: Earnings, after: Earnings) -> Money | None:
    usual, now = before.per_day, after.per_day
    if usual is None:
        return None
    return Money(max(usual.amount - (now.amount if now else 0), Decimal(0)), usual.currency)
