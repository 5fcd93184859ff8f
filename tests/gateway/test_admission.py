"""Who is let in: before the upgrade, on a real socket."""

import base64
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts.models import Organisation
from gateway.models import OcppMessage
from stations.models import Station
from tests.builders import make_site, make_station
from tests.gateway.conftest import PASSWORD, Connect, with_password
from tests.gateway.station import ScriptedStation
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def refusal(url: str, identity: str, password: str | None) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as refused:
        ScriptedStation(url, identity, password)
    return refused.value


@pytest.mark.parametrize("password", ["wrong", "", None])
def test_a_wrong_or_missing_password_is_refused_before_the_upgrade(
    gateway: str, station: Station, password: str | None
) -> None:
    response = refusal(gateway, station.identity, password).response
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Basic realm="ocpp"'


def test_an_unknown_identity_looks_like_a_wrong_password(gateway: str, station: Station) -> None:
    known = refusal(gateway, station.identity, "wrong").response
    unknown = refusal(gateway, "NOBODY", "wrong").response
    assert (unknown.status_code, unknown.body) == (known.status_code, known.body)
    assert list(unknown.headers.raw_items()) == list(known.headers.raw_items())


def test_a_station_without_a_password_cannot_log_in(gateway: str, organisation: Organisation) -> None:
    bare = make_station(make_site(organisation))
    assert refusal(gateway, bare.identity, "").response.status_code == 401


def test_profile_0_is_off_unless_it_is_set(gateway: str, station: Station) -> None:
    Station.objects.filter(pk=station.pk).update(security_profile=0)
    assert refusal(gateway, station.identity, None).response.status_code == 401


def test_a_station_that_must_use_tls_is_refused_without(gateway: str, station: Station) -> None:
    Station.objects.filter(pk=station.pk).update(security_profile=2)
    assert refusal(gateway, station.identity, PASSWORD).response.status_code == 403


def test_another_stations_password_is_of_no_use(
    gateway: str, station: Station, organisation: Organisation
) -> None:
    other = with_password(make_station(make_site(organisation)), "another")
    assert refusal(gateway, station.identity, "another").response.status_code == 401
    ScriptedStation(gateway, other.identity, "another").close()


def test_a_changed_password_counts_from_the_next_connection(gateway: str, station: Station) -> None:
    ScriptedStation(gateway, station.identity, PASSWORD).close()
    with_password(station, "rotated")
    assert refusal(gateway, station.identity, PASSWORD).response.status_code == 401
    ScriptedStation(gateway, station.identity, "rotated").close()


def test_guessing_is_stopped_after_ten_wrong_passwords(gateway: str, station: Station) -> None:
    codes = [refusal(gateway, station.identity, f"guess {n}").response.status_code for n in range(11)]
    assert codes == [401] * 10 + [429]


@pytest.mark.parametrize("offered", ["ocpp1.5", "soap", None])
def test_a_subprotocol_we_do_not_speak_is_closed_after_the_upgrade(
    connect: Connect, station: Station, offered: str | None
) -> None:
    charger = connect(station, subprotocol=offered)
    assert charger.socket.subprotocol is None
    with pytest.raises(ConnectionClosed) as closed:
        charger.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1002


def test_deflate_is_not_granted(connect: Connect, station: Station) -> None:
    response = connect(station).socket.response
    assert response is not None
    assert "Sec-WebSocket-Extensions" not in response.headers


def test_a_second_connection_is_refused_while_the_first_answers_pings(
    connect: Connect, gateway: str, station: Station
) -> None:
    first = connect(station)
    first.boot()
    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(refusal, gateway, station.identity, PASSWORD)
        assert second.result(10).response.status_code == 409
    assert "currentTime" in first.call("Heartbeat", {})
    wait_until(lambda: OcppMessage.objects.filter(direction="event", verdict="refused").exists())


def test_a_second_connection_takes_over_when_the_first_is_dead(
    connect: Connect, gateway: str, station: Station
) -> None:
    with dead_connection(gateway, station) as dead:
        charger = connect(station)
        assert charger.boot()["status"] == "Accepted"
        wait_until(lambda: OcppMessage.objects.filter(direction="event", verdict="replaced").exists())
        assert dead.fileno() >= 0


def test_an_unauthenticated_second_connection_does_not_disturb_the_first(
    connect: Connect, gateway: str, station: Station
) -> None:
    with dead_connection(gateway, station):
        assert refusal(gateway, station.identity, "wrong").response.status_code == 401
        assert not OcppMessage.objects.filter(verdict="replaced").exists()


def dead_connection(gateway: str, station: Station) -> socket.socket:
    """A station's connection that answers nothing, not even pings."""
    host, port = gateway.removeprefix("ws://").partition("/")[0].split(":")
    dead = socket.create_connection((host, int(port)))
    token = base64.b64encode(f"{station.identity}:{PASSWORD}".encode()).decode()
    dead.sendall(
        f"GET /ocpp/{station.identity} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: Basic {token}\r\n\r\n".encode()
    )
    assert b" 101 " in dead.recv(1000)
    return dead


def raw_answer(gateway: str, request: bytes) -> bytes:
    host, port = gateway.removeprefix("ws://").partition("/")[0].split(":")
    with socket.create_connection((host, int(port)), timeout=15) as plain:
        plain.sendall(request)
        return b"".join(iter(lambda: plain.recv(4096), b""))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", 200),
        (b"GET /ocpp/ HTTP/1.1\r\n\r\n", 404),
        (b"GET /ocpp/a%00b HTTP/1.1\r\n\r\n", 404),
        (b"GET /elsewhere HTTP/1.1\r\n\r\n", 404),
        (b"GET /ocpp/CP1 HTTP/1.1\r\n\r\n", 426),
        (b"POST /ocpp/CP1 HTTP/1.1\r\n\r\n", 405),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /ocpp/CP1 HTTP/1.1\r\nbroken\r\n\r\n", 400),
        (b"GET /ocpp/CP1 HTTP/1.1\r\nX: " + b"x" * 20_000, 431),
    ],
)
def test_what_is_no_upgrade_of_a_station_gets_a_plain_answer(
    gateway: str, request_: bytes, status: int
) -> None:
    assert raw_answer(gateway, request_).startswith(b"HTTP/1.1 %d " % status)
