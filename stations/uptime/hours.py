"""When a site is closed: what its opening hours leave of each local day."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from accounts.models import Organisation
from stations.models import OpeningHours
from stations.uptime.spans import Span, clipped, gaps, merged

Hours = Mapping[int, list[tuple[time, time]]]


def hours_of_sites(organisation: Organisation) -> dict[UUID, dict[int, list[tuple[time, time]]]]:
    """Site -> weekday -> (opens, closes); sites that are always open are not in it."""
    found: dict[UUID, dict[int, list[tuple[time, time]]]] = {}
    for row in OpeningHours.objects.of(organisation):
        found.setdefault(row.site_id, {}).setdefault(row.weekday, []).append((row.opens, row.closes))
    return found


def closed_spans(hours: Hours, zone: ZoneInfo, start: datetime, end: datetime) -> list[Span]:
    """The closed time within start..end, in UTC; nothing for a site without hours.

    Local times are turned into UTC day by day, so that a change of the clock moves the right edge.
    """
    if not hours:
        return []
    first, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    days = (first + timedelta(days=at) for at in range((last - first).days + 1))
    opened = merged(span for day in days for span in _open_on(day, hours, zone))
    return gaps(clipped(opened, start, end), start, end)


def _open_on(day: date, hours: Hours, zone: ZoneInfo) -> Iterable[Span]:
    for opens, closes in hours.get(day.weekday(), []):
        until = day if closes > opens else day + timedelta(days=1)
        yield _utc(day, opens, zone), _utc(until, closes, zone)


def _utc(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)
