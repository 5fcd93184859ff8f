"""Sessions priced and charged by the rooms that do it in life, and the rollups of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import Organisation
from billing import charges
from charging import rating
from charging.models import ChargingSession
from revenue.models import OwnerHour, StationDay
from stations import uptime
from stations.models import Connector, Outage
from tests.builders import (
    connector_of,
    make_session,
    make_site,
    make_station,
    make_tariff,
    make_tariff_document,
)

ROLLUPS = (StationDay, OwnerHour)


def make_place(organisation: Organisation, zone: str = "Europe/Amsterdam", **prices: Any) -> Connector:
    """A connector with a tariff: 0.50 per kWh, 20 % tax, unless told."""
    connector = connector_of(make_station(make_site(organisation, zone), max_power_w=150_000))
    make_tariff(make_tariff_document(**prices), organisation=organisation, connector=connector)
    return connector


def close(connector: Connector, *, charged: bool = True, **facts: Any) -> ChargingSession:
    """A session that is priced and, unless told otherwise, in the books."""
    session = make_session(connector, **facts)
    priced = rating.rate(session)
    session.refresh_from_db()
    assert priced is not None, session.hold_reasons
    if charged:
        charges.charge_session(session.organisation_id, session.pk)
    session.refresh_from_db()
    return session


def rows(model: Any, organisation: Organisation) -> list[dict[str, Any]]:
    """The rows that hold something, comparable."""
    found = list(model.objects.of(organisation).order_by(*model._meta.pk.field_names).values())
    return [row for row in found if any(value for name, value in row.items() if name in MEASURED)]


def follows_uptime(organisation: Organisation) -> None:
    """Each station day with an outage that has ended says what `stations.uptime` says of that local day."""
    kept = {(row["station_id"], row["day"]): row for row in rows(StationDay, organisation) if row["down_s"]}
    told = set()
    for outage in Outage.objects.of(organisation).exclude(until=None).select_related("evse__station__site"):
        station = outage.evse.station
        zone = ZoneInfo(station.site.time_zone)
        day = outage.since.astimezone(zone).date()
        assert outage.until is not None
        while day <= outage.until.astimezone(zone).date():
            told.add((station.pk, day, zone))
            day += timedelta(days=1)
    for station_id, day, zone in told:
        starts, ends = (
            datetime(each.year, each.month, each.day, tzinfo=zone).astimezone(UTC)
            for each in (day, day + timedelta(days=1))
        )
        says = uptime.down_minutes(organisation, starts, ends)[station_id]
        row = kept.pop((station_id, day), {"down_s": 0, "down_excluded_s": 0})
        assert (row["down_s"], row["down_excluded_s"]) == (
            says.outage.total_seconds(),
            says.excluded.total_seconds(),
        ), (station_id, day)
    assert kept == {}


MEASURED = {
    field.name
    for field in StationDay._meta.get_fields()
    if field.get_internal_type() in ("IntegerField", "BigIntegerField", "DecimalField")
} | {"energy", "net", "tax", "gross"}


def total(model: Any, organisation: Organisation, name: str) -> Decimal | int:
    return sum((row[name] for row in rows(model, organisation)), Decimal(0))
