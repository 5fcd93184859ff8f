"""A gateway process for outside-in tests, and stations that may connect to it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Organisation
from stations.models import Station
from tests.builders import make_organisation, make_site, make_station
from tests.gateway.station import ScriptedStation
from tests.processes import Running, manage, start

PASSWORD = "secret"
Connect = Callable[..., ScriptedStation]


@pytest.fixture(scope="session")
def gateway_process(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One gateway for the tests that don't kill it."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    with start("gateway", *manage("gateway", "--port", "0"), folder=folder) as process:
        process.wait_for_output(r"OCPP gateway at (\S+)/<identity>", timeout_s=60)
        yield process


@pytest.fixture
def gateway(gateway_process: Running, transactional_db: None) -> str:
    """The URL that stations connect to, without their identity."""
    return gateway_process.wait_for_output(r"OCPP gateway at (\S+)/<identity>")[1]


@pytest.fixture
def connect(gateway: str) -> Iterator[Connect]:
    """Connect a station of the database; closed when the test ends."""
    opened = []

    def open_(station: Station, password: str | None = PASSWORD, **more: Any) -> ScriptedStation:
        opened.append(ScriptedStation(gateway, station.identity, password, **more))
        return opened[-1]

    yield open_
    for station in opened:
        station.close()


@pytest.fixture
def organisation(transactional_db: None) -> Organisation:
    return make_organisation()


@pytest.fixture
def station(organisation: Organisation) -> Station:
    """A station of two EVSEs that knows its password."""
    return with_password(make_station(make_site(organisation), evses=2))


def with_password(station: Station, password: str = PASSWORD) -> Station:
    station.set_password(password)
    station.save(update_fields=["password_hash"])
    return station
