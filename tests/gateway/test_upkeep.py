"""Going away and coming back, floods, TLS, and an orderly end."""

import ipaddress
import json
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.exceptions import ConnectionClosed, InvalidStatus

from charging.models import ChargingSession, Reading
from gateway.models import OcppMessage
from gateway.options import Options
from gateway.presence import mark_offline
from stations.models import EVSE, Connector, Station, StatusInterval
from tests.builders import make_token
from tests.gateway.conftest import PASSWORD, Connect
from tests.gateway.own import own_gateway
from tests.gateway.station import ScriptedStation, stamp
from tests.processes import manage, start, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def status_now(station: Station) -> str:
    interval: StatusInterval = StatusInterval.objects.of(station.organisation_id).get(until__isnull=True)
    return interval.status


def test_a_silent_station_is_shown_offline_and_comes_back_as_it_was(
    station: Station, connect: Connect
) -> None:
    charger = connect(station)
    charger.status("Faulted")
    charger.close()
    wait_until(lambda: OcppMessage.objects.filter(direction="event", verdict="closed").exists())
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    Station.objects.filter(pk=station.pk).update(last_seen_at=long_ago)
    assert mark_offline(timedelta(minutes=3)) == 1
    assert mark_offline(timedelta(minutes=3)) == 0
    assert status_now(station) == "Offline"
    connect(station)
    wait_until(lambda: status_now(station) == "Faulted")


def test_a_replay_after_hours_offline_keeps_its_own_times(station: Station, connect: Connect) -> None:
    """It goes on metering after its end, and delivers the stop late, without booting again."""
    make_token(uid="TAG")
    charger = connect(station)
    number = charger.start("TAG", at=NOON)["transactionId"]
    charger.close()
    charger = connect(station)
    charger.meter(number, 700, at=NOON + timedelta(minutes=30))
    charger.stop(number, 600, at=NOON + timedelta(minutes=20), reason="EVDisconnected")
    session = ChargingSession.objects.get()
    assert (session.ended_at, session.energy_wh) == (NOON + timedelta(minutes=20), 600)
    assert session.quality == "good"


def test_a_station_that_pipelines_is_answered_in_order(station: Station, connect: Connect) -> None:
    charger = connect(station)
    for number in range(300):
        charger.send(2, str(number), "Heartbeat", {})
    assert [charger.receive()[1] for _ in range(300)] == [str(number) for number in range(300)]


def test_a_flood_is_slowed_and_then_closed(station: Station) -> None:
    options = replace(Options(), calls_per_s=1000.0, burst=20, flood_s=0.5)
    with own_gateway(options) as url:
        charger = ScriptedStation(url, station.identity, PASSWORD)
        with pytest.raises(ConnectionClosed):
            flood(charger)
    assert OcppMessage.objects.filter(direction="event", payload="flooding").count() == 1
    assert OcppMessage.objects.filter(action="Heartbeat").count() < 5_000


def flood(charger: ScriptedStation) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        charger.send(2, "flood", "Heartbeat", {})


def collect(charger: ScriptedStation, answered: list[object]) -> None:
    while True:
        answered.append(charger.receive())


def test_a_long_queue_sent_one_by_one_is_slowed_but_never_closed(station: Station) -> None:
    options = replace(Options(), calls_per_s=100.0, burst=10, flood_s=0.05)
    with own_gateway(options) as url, ScriptedStation(url, station.identity, PASSWORD) as charger:
        before = time.monotonic()
        for _ in range(60):
            charger.call("Heartbeat", {})
        assert time.monotonic() - before > 0.3


def test_a_message_in_fragments_is_put_together(station: Station, connect: Connect) -> None:
    charger = connect(station)
    text = json.dumps([2, "f", "Heartbeat", {}])
    charger.socket.send([text[:3], text[3:9], text[9:]])
    assert "currentTime" in charger.answer_to("f")


def test_binary_frames_are_closed_with_1003(station: Station, connect: Connect) -> None:
    charger = connect(station)
    charger.send_raw(b"\x00\x01")
    with pytest.raises(ConnectionClosed) as closed:
        charger.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1003


def test_profile_0_is_let_in_where_it_is_set(station: Station) -> None:
    Station.objects.filter(pk=station.pk).update(security_profile=0)
    options = replace(Options(), allow_profile_0=True)
    with own_gateway(options) as url, ScriptedStation(url, station.identity, None) as charger:
        assert charger.boot()["status"] == "Accepted"


def test_profile_2_is_served_over_tls(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Station.objects.filter(pk=station.pk).update(security_profile=2)
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.num_tickets = 0  # as in test_security
    with own_gateway(tls=context) as url, ScriptedStation(url, station.identity, PASSWORD) as charger:
        assert charger.boot()["status"] == "Accepted"


def test_profile_2_is_served_behind_a_proxy_that_is_trusted(station: Station) -> None:
    Station.objects.filter(pk=station.pk).update(security_profile=2)
    forwarded = {"X-Forwarded-Proto": "https"}
    trusting = replace(Options(), trusted_proxies=("127.0.0.1",))
    with (
        own_gateway(trusting) as url,
        ScriptedStation(url, station.identity, PASSWORD, headers=forwarded) as charger,
    ):
        assert charger.boot()["status"] == "Accepted"
    with own_gateway() as url, pytest.raises(InvalidStatus) as refused:
        ScriptedStation(url, station.identity, PASSWORD, headers=forwarded)
    assert refused.value.response.status_code == 403


def test_an_evse_that_is_set_up_while_the_station_is_connected_counts(station: Station) -> None:
    make_token(uid="TAG")
    options = replace(Options(), ping_idle_s=0.2)
    with own_gateway(options) as url, ScriptedStation(url, station.identity, PASSWORD) as charger:
        assert charger.start("TAG", connector=3)["idTagInfo"]["status"] == "Invalid"
        evse = EVSE.objects.create(organisation_id=station.organisation_id, station=station, number=3)
        Connector.objects.create(organisation_id=station.organisation_id, evse=evse)
        wait_until(lambda: charger.start("TAG", connector=3)["idTagInfo"]["status"] == "Accepted")


def make_certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway of a test")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "gateway.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


def test_at_sigterm_what_was_taken_is_answered_and_stations_are_told(
    station: Station, tmp_path: Path
) -> None:
    make_token(uid="TAG")
    with start("drained", *manage("gateway", "--port", "0"), folder=tmp_path) as process:
        url = process.wait_for_output(r"OCPP gateway at (\S+)/<identity>", timeout_s=40)[1]
        charger = ScriptedStation(url, station.identity, PASSWORD)
        number = charger.start("TAG", at=NOON)["transactionId"]
        for minute in range(1, 101):
            value = {"timestamp": stamp(NOON + timedelta(minutes=minute)), "sampledValue": [{"value": "5"}]}
            payload = {"connectorId": 1, "transactionId": number, "meterValue": [value]}
            charger.send(2, f"v{minute}", "MeterValues", payload)
        process.process.terminate()
        answered: list[object] = []
        with pytest.raises(ConnectionClosed) as closed:
            collect(charger, answered)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        assert process.wait_for_end() == 0
    assert Reading.objects.count() >= len(answered) > 0


def test_a_port_in_use_is_told_with_what_to_do(gateway: str, tmp_path: Path) -> None:
    port = gateway.partition("/ocpp")[0].rpartition(":")[2]
    with start("second", *manage("gateway", "--port", port), folder=tmp_path) as process:
        assert process.wait_for_end(40) == 1
        assert f"port {port}" in process.output()
        assert "--port" in process.output()
