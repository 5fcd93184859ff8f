"""The uptime formula of 23 CFR 680.116 (b), per port and month, exact to the microsecond.

    uptime = (T - (T_outage - T_excluded)) / T x 100

T is the length of the period: 525,600 minutes for twelve months of 365 days, 527,040 with a 29 February, and
for a port that has been measured for less than that, the time since its first status. T_excluded is the time
that is both excluded and an outage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from accounts.models import Organisation
from stations.models import EVSE, Exclusion, Outage, overlapping
from stations.uptime.hours import closed_spans, hours_of_sites
from stations.uptime.outages import by_port, first_statuses
from stations.uptime.spans import FAR, Span, clipped, intersection, length, merged

GOAL = Decimal(97)
"""Percent; a port's twelve months have to be above it."""
MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class PortTimes:
    """A port's times within a period: measured from `since` on (None: never heard of); spans are merged."""

    evse: EVSE
    since: datetime | None
    outages: list[Outage]
    down: list[Span]
    excluded: list[Span]


@dataclass(frozen=True)
class Uptime:
    """One port over one period: how long it was measured, down, and of that excluded."""

    measured: timedelta
    outage: timedelta
    excluded: timedelta

    @property
    def counted(self) -> timedelta:
        """The outage that counts."""
        return self.outage - self.excluded

    @property
    def percent(self) -> Decimal | None:
        """Exact uptime, cut (never rounded up) to a thousandth; None where nothing was measured."""
        if not self.measured:
            return None
        up = Decimal((self.measured - self.counted) // MICROSECOND)
        return (up * 100 / Decimal(self.measured // MICROSECOND)).quantize(Decimal("0.001"), ROUND_DOWN)

    @property
    def reaches_goal(self) -> bool | None:
        return None if self.percent is None else 100 * (self.measured - self.counted) > 97 * self.measured


def minutes(span: timedelta) -> Decimal:
    """Minutes with two digits."""
    return (Decimal(span // MICROSECOND) / Decimal(MINUTE // MICROSECOND)).quantize(Decimal("0.01"))


def port_times(
    organisation: Organisation,
    start: datetime,
    end: datetime,
    *,
    site_id: UUID | None = None,
    evse_id: UUID | None = None,
) -> list[PortTimes]:
    """Every port's outages and exclusions within start..end, in six queries however many ports there are."""
    ports = EVSE.objects.of(organisation).select_related("station__site")
    if site_id is not None:
        ports = ports.filter(station__site=site_id)
    if evse_id is not None:
        ports = ports.filter(pk=evse_id)
    found = list(ports.order_by("station__site__name", "station__name", "station__identity", "number"))
    outages = by_port(Outage.objects.of(organisation).filter(overlapping(start, end), evse__in=found))
    exclusions = list(
        Exclusion.objects.of(organisation).filter(overlapping(start, end), withdrawn_at__isnull=True)
    )
    closed = _closed_by_site(organisation, found, start, end)
    firsts = _first_heard(organisation)
    times = []
    for port in found:
        own = outages.get(port.pk, [])
        down = clipped(((one.since, one.until or FAR) for one in own), start, end)
        said = [(one.since, one.until or FAR) for one in exclusions if one.covers(port)]
        left_out = merged([*said, *closed.get(port.station.site_id, [])])
        since = _measured_from(port, firsts)
        times.append(PortTimes(port, since, own, down, intersection(down, left_out)))
    return times


def uptime_of(times: PortTimes, start: datetime, end: datetime) -> Uptime:
    """The port's uptime over start..end, or over the part of it in which it was measured."""
    if times.since is None or times.since >= end:
        return Uptime(timedelta(), timedelta(), timedelta())
    start = max(start, times.since)
    down = clipped(times.down, start, end)
    return Uptime(end - start, length(down), length(intersection(down, times.excluded)))


def down_minutes(organisation: Organisation, start: datetime, end: datetime) -> dict[UUID, Uptime]:
    """Station -> times down and excluded, summed over its ports, within start..end."""
    found: dict[UUID, Uptime] = {}
    for times in port_times(organisation, start, end):
        one = uptime_of(times, start, end)
        sums = found.get(times.evse.station_id, Uptime(timedelta(), timedelta(), timedelta()))
        found[times.evse.station_id] = Uptime(
            sums.measured + one.measured, sums.outage + one.outage, sums.excluded + one.excluded
        )
    return found


def month_starts(last: date, months: int, zone: ZoneInfo) -> list[datetime]:
    """The beginnings, in UTC, of the `months` local months up to and with that of `last`, and the end."""
    count = last.year * 12 + last.month - 1
    firsts = (divmod(count - back, 12) for back in range(months - 1, -2, -1))
    return [datetime(year, month + 1, 1, tzinfo=zone).astimezone(UTC) for year, month in firsts]


def _closed_by_site(
    organisation: Organisation, ports: Sequence[EVSE], start: datetime, end: datetime
) -> dict[UUID, list[Span]]:
    hours = hours_of_sites(organisation)
    zones = {port.station.site_id: ZoneInfo(port.station.site.time_zone) for port in ports}
    return {
        site: closed_spans(hours[site], zone, start, end) for site, zone in zones.items() if site in hours
    }


def _first_heard(organisation: Organisation) -> dict[UUID, datetime]:
    found: dict[UUID, datetime] = {}
    for _connector, evse, first in first_statuses(organisation.pk):
        found[evse] = min(first, found.get(evse, first))
    return found


def _measured_from(port: EVSE, firsts: dict[UUID, datetime]) -> datetime | None:
    """Since the first status, or since the station was put into service if that came later."""
    heard = firsts.get(port.pk)
    in_service = port.station.in_service_from
    if heard is None or in_service is None:
        return heard
    zone = ZoneInfo(port.station.site.time_zone)
    opened = datetime(in_service.year, in_service.month, in_service.day, tzinfo=zone).astimezone(UTC)
    return max(heard, opened)
