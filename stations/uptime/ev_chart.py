"""Uptime and outages in the fields of EV-ChART, the reporting platform of 23 CFR 680.112.

`uptime_pct` of a month is over the twelve months that end with it (680.116 (b)); `outage_total` and
`outage_excluded` are the minutes of the same twelve months, so that a row proves itself.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from accounts.models import Organisation
from stations.models import EVSE
from stations.uptime.figures import minutes, month_starts, port_times, uptime_of
from stations.uptime.spans import FAR

MONTHS = 12
UPTIME_HEADER = ("port_id", "station_id", "report_yr_mon", "uptime_pct", "outage_total", "outage_excluded")
OUTAGE_HEADER = (
    "outage_id", "port_id", "station_id", "report_yr_mon", "outage_start", "outage_end",
    "outage_duration", "outage_excluded", "error_code",
)  # fmt: skip


def port_id(evse: EVSE) -> str:
    """The port's id: its station's and its number there."""
    return f"{evse.station.identity}-{evse.number}"


def uptime_rows(organisation: Organisation, month: date, now: datetime) -> Iterator[Sequence[object]]:
    """One row a port for `month`; ports that were not measured by then are left out."""
    edges = _edges(organisation, month, now)
    for times in port_times(organisation, edges[0], edges[-1]):
        year = uptime_of(times, edges[0], edges[-1])
        if year.percent is not None:
            yield (
                port_id(times.evse),
                times.evse.station.identity,
                f"{month:%Y-%m}",
                year.percent,
                minutes(year.outage),
                minutes(year.excluded),
            )


def outage_rows(organisation: Organisation, month: date, now: datetime) -> Iterator[Sequence[object]]:
    """One row for each outage that touches `month`, cut to it, with minutes to a hundredth."""
    start, end = _edges(organisation, month, now)[-2:]
    for times in port_times(organisation, start, end):
        for outage in times.outages:
            since, until = max(outage.since, start), min(outage.until or FAR, end)
            one = uptime_of(times, since, until)
            if one.outage > timedelta():
                yield (
                    f"{port_id(times.evse)}-{outage.since.astimezone(UTC):%Y%m%dT%H%M%SZ}",
                    port_id(times.evse),
                    times.evse.station.identity,
                    f"{month:%Y-%m}",
                    since,
                    until if outage.until and outage.until <= end else None,
                    minutes(one.outage),
                    minutes(one.excluded),
                    " ".join(outage.error_codes),
                )


def _edges(organisation: Organisation, month: date, now: datetime) -> list[datetime]:
    edges = month_starts(month, MONTHS, ZoneInfo(organisation.time_zone))
    return [*edges[:-1], max(edges[-2], min(edges[-1], now))]
