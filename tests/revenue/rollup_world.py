"""Sessions priced and charged by the rooms that do it in life, and the rollups of them."""

from decimal import Decimal
from typing import Any

from accounts.models import Organisation
from billing import charges
from charging import rating
from charging.models import ChargingSession
from revenue.models import OwnerHour, StationDay
from stations.models import Connector
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


MEASURED = {
    field.name
    for field in StationDay._meta.get_fields()
    if field.get_internal_type() in ("IntegerField", "BigIntegerField", "DecimalField")
} | {"energy", "net", "tax", "gross"}


def total(model: Any, organisation: Organisation, name: str) -> Decimal | int:
    return sum((row[name] for row in rows(model, organisation)), Decimal(0))
