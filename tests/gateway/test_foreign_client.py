"""A client that is not ours charges at our gateway: the classes of the `ocpp` package, validation and all."""

import asyncio
import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from websockets.asyncio.client import connect as ws_connect
from websockets.typing import Subprotocol

from charging import commands
from charging.models import ChargingSession
from stations.models import Station
from tests.builders import make_token
from tests.gateway.conftest import PASSWORD
from tests.gateway.test_commands import finished

pytestmark = pytest.mark.django_db(transaction=True)


def now() -> str:
    return datetime.now(UTC).isoformat()


class Car201(ChargePoint201):  # type: ignore[misc]  # the package has no types
    """Starts when asked to, showing its tag first: before it answers."""

    asked: asyncio.Event

    @on("RequestStartTransaction")  # type: ignore[untyped-decorator]  # as above
    async def start(self, id_token: dict[str, Any], remote_start_id: int, **more: Any) -> Any:
        self.started = (id_token, remote_start_id)
        self.asked.set()
        return result201.RequestStartTransaction(status="Accepted")


class Car21(ChargePoint21, Car201):  # type: ignore[misc]  # the package has no types
    pass


class Car16(ChargePoint16):  # type: ignore[misc]  # the package has no types
    asked: asyncio.Event

    @on("RemoteStartTransaction")  # type: ignore[untyped-decorator]  # as above
    async def start(self, id_tag: str, **more: Any) -> Any:
        self.started = id_tag
        self.asked.set()
        return result16.RemoteStartTransaction(status="Accepted")


def run(kind: type[Any], subprotocol: str, url: str, station: Station, visit: Any) -> None:
    """Connect, visit, leave; an error of the visit is the test's."""

    async def main() -> None:
        token = base64.b64encode(f"{station.identity}:{PASSWORD}".encode()).decode()
        async with ws_connect(
            f"{url}/{station.identity}",
            additional_headers={"Authorization": f"Basic {token}"},
            subprotocols=[Subprotocol(subprotocol)],
            proxy=None,
        ) as socket:
            charger = kind(station.identity, socket)
            charger.asked = asyncio.Event()
            reading = asyncio.create_task(charger.start_reading())
            try:
                await asyncio.wait_for(visit(charger), 30)
            finally:
                reading.cancel()

    # `start` is the name of the package's reading loop as well as of our handler
    kind.start_reading = ChargePoint16.__mro__[1].start
    asyncio.run(main())


async def visit_2(charger: Any) -> None:
    station = {"vendor_name": "Foreign", "model": "X"}
    booted = await charger.call(call201.BootNotification(charging_station=station, reason="PowerUp"))
    assert booted.status == "Accepted"
    token = {"id_token": "TAG", "type": "ISO14443"}
    authorized = await charger.call(call201.Authorize(id_token=token))
    assert authorized.id_token_info["status"] == "Accepted"
    await charger.call(
        call201.StatusNotification(timestamp=now(), connector_status="Occupied", evse_id=1, connector_id=1)
    )
    for number, (kind, wh) in enumerate((("Started", 0.0), ("Updated", 1500.5), ("Ended", 2000.0))):
        answer = await charger.call(
            call201.TransactionEvent(
                event_type=kind, timestamp=now(), trigger_reason="Authorized", seq_no=number,
                transaction_info={"transaction_id": "foreign", "charging_state": "Charging"},
                evse={"id": 1, "connector_id": 1}, id_token=token,
                meter_value=[{"timestamp": now(), "sampled_value": [{"value": wh}]}],
            )
        )  # fmt: skip
        assert answer.id_token_info["status"] == "Accepted"


@pytest.mark.parametrize(("kind", "subprotocol"), [(Car201, "ocpp2.0.1"), (Car21, "ocpp2.1")])
def test_a_client_of_ocpp_2_charges(
    gateway: str, station: Station, kind: type[Any], subprotocol: str
) -> None:
    make_token(uid="TAG")
    run(kind, subprotocol, gateway, station, visit_2)
    session = ChargingSession.objects.get()
    assert (session.state, session.quality, session.energy_wh) == ("ended", "good", 2000)


@pytest.mark.parametrize(
    ("kind", "subprotocol"), [(Car16, "ocpp1.6"), (Car201, "ocpp2.0.1"), (Car21, "ocpp2.1")]
)
def test_a_client_is_started_from_here(
    gateway: str, station: Station, kind: type[Any], subprotocol: str
) -> None:
    make_token(uid="TAG")
    command = commands.request(station, "RemoteStartTransaction", {"idTag": "TAG", "connectorId": 1})

    async def visit(charger: Any) -> None:
        await charger.asked.wait()
        await charger.call(call16.Heartbeat() if kind is Car16 else call201.Heartbeat())

    run(kind, subprotocol, gateway, station, visit)
    assert finished(command).state == "accepted"


def test_a_client_of_1_6_charges(gateway: str, station: Station) -> None:
    make_token(uid="TAG")

    async def visit(charger: Any) -> None:
        booted = await charger.call(
            call16.BootNotification(charge_point_model="X", charge_point_vendor="Foreign")
        )
        assert booted.status == "Accepted"
        started = await charger.call(
            call16.StartTransaction(connector_id=1, id_tag="TAG", meter_start=0, timestamp=now())
        )
        assert started.id_tag_info["status"] == "Accepted"
        number = started.transaction_id
        await charger.call(
            call16.StopTransaction(meter_stop=2000, timestamp=now(), transaction_id=number, reason="Local")
        )

    run(Car16, "ocpp1.6", gateway, station, visit)
    assert ChargingSession.objects.get().energy_wh == 2000
