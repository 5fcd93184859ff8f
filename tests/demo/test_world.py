"""The demo world is made once, and its history adds each day once."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from accounts.models import Driver, Organisation, RegistryKey
from charging.models import ChargingSession, Reading
from demo import history, world
from demo.stations.credentials import station_password
from stations.models import Connector, Station
from tariffs.assignment import version_in_force

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 30, 14, tzinfo=UTC)  # the day after the clocks changed


def rows() -> tuple[int, ...]:
    models = (Organisation, Station, Connector, Driver, RegistryKey, ChargingSession, Reading)
    return tuple(model.objects.count() for model in models)


def test_building_twice_is_building_once() -> None:
    world.build()
    driver = Driver.objects.get(email="driver@evbilling.example")
    assert history.fill(driver, NOW, days=4) > 0
    first = rows()
    world.build()
    assert history.fill(driver, NOW, days=4) == 0
    assert rows() == first


def test_every_station_can_log_in_and_every_connector_has_a_price() -> None:
    world.build()
    for station in Station.objects.all():
        assert station.check_password(station_password(station.identity))
    for connector in Connector.objects.select_related("evse__station__site"):
        assert version_in_force(connector, world.OPENED).parsed().currency in ("EUR", "GBP")


def test_nobody_charges_twice_at_once_at_a_connector() -> None:
    world.build()
    history.fill(None, NOW, days=6)
    for connector in Connector.objects.all():
        visits = list(connector.sessions.order_by("started_at"))
        assert visits
        assert all(a.ended_at and a.ended_at < b.started_at for a, b in pairwise(visits))
