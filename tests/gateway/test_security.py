"""Security profiles on real TLS sockets: what is configured for a station is what it has to show."""

import ssl
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from websockets.exceptions import InvalidStatus, WebSocketException

from gateway.models import OcppMessage
from gateway.options import Options
from gateway.tls import Files, TlsProblem, server_context
from stations.models import Station
from tests.gateway.authority import Authority, fingerprint_of
from tests.gateway.conftest import PASSWORD
from tests.gateway.own import own_gateway
from tests.gateway.station import ScriptedStation
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure(authority: Authority) -> Iterator[str]:
    """The URL of a gateway with TLS that knows the authority of stations."""
    files = Files(str(authority.for_gateway()), client_ca=str(authority.path))
    context = server_context(files, Options())
    context.num_tickets = (
        0  # the client's two threads share a TLS object: reading a ticket may swallow a write
    )
    with own_gateway(tls=context) as url:
        yield url


def profile(station: Station, number: int, **fields: str) -> Station:
    Station.objects.filter(pk=station.pk).update(security_profile=number, **fields)
    return station


def boots(url: str, station: Station, password: str | None = None, tls: ssl.SSLContext | None = None) -> bool:
    with ScriptedStation(url, station.identity, password, tls=tls) as charger:
        return bool(charger.boot()["status"] == "Accepted")


def refusal(
    url: str, station: Station, password: str | None = None, tls: ssl.SSLContext | None = None
) -> tuple[int, bytes]:
    with pytest.raises(InvalidStatus) as refused:
        ScriptedStation(url, station.identity, password, tls=tls)
    return refused.value.response.status_code, bytes(refused.value.response.body or b"")


def test_profile_2_takes_a_password_over_tls_alone(
    secure: str, gateway: str, station: Station, authority: Authority
) -> None:
    profile(station, 2)
    assert boots(secure, station, PASSWORD, authority.client())
    assert refusal(gateway, station, PASSWORD)[0] == 403
    assert refusal(gateway, station, "wrong")[0] == 401
    wait_until(lambda: OcppMessage.objects.filter(direction="event", verdict="refused").exists())


def test_profile_3_takes_a_certificate_with_the_stations_name(
    secure: str, station: Station, authority: Authority
) -> None:
    profile(station, 3)
    assert boots(secure, station, None, authority.client(authority.issue(station.identity)))
    by_dns = authority.issue("a model", x509.DNSName(station.identity))
    assert boots(secure, station, None, authority.client(by_dns))


def test_profile_3_without_its_certificate_looks_like_an_unknown_station(
    secure: str, station: Station, authority: Authority
) -> None:
    profile(station, 3)
    stranger = Station(identity="NOBODY")
    unknown = refusal(secure, stranger, PASSWORD, authority.client())
    another = authority.client(authority.issue("another-station"))
    assert unknown[0] == 401
    assert refusal(secure, station, PASSWORD, authority.client()) == unknown
    assert refusal(secure, station, None, another) == unknown


def test_a_pinned_certificate_is_the_only_one(secure: str, station: Station, authority: Authority) -> None:
    right, other = authority.issue(station.identity), authority.issue(station.identity)
    profile(station, 3, certificate_fingerprint=fingerprint_of(right))
    assert boots(secure, station, None, authority.client(right))
    assert refusal(secure, station, None, authority.client(other))[0] == 401


@pytest.mark.parametrize("kind", ["foreign", "expired"])
def test_a_certificate_that_does_not_verify_ends_the_handshake(
    secure: str, station: Station, authority: Authority, tmp_path: Path, kind: str
) -> None:
    profile(station, 3)
    foreign = Authority(tmp_path / "foreign")
    wrong = (
        foreign.issue(station.identity)
        if kind == "foreign"
        else authority.issue(station.identity, expired=True)
    )
    with pytest.raises((ssl.SSLError, WebSocketException, OSError)) as refused:
        ScriptedStation(secure, station.identity, None, tls=authority.client(wrong))
    assert not isinstance(refused.value, InvalidStatus), "refused before any HTTP"


def test_a_certificate_opens_no_station_that_logs_in_by_password(
    secure: str, station: Station, authority: Authority
) -> None:
    profile(station, 2)
    assert refusal(secure, station, "wrong", authority.client(authority.issue(station.identity)))[0] == 401


def test_tls_1_1_is_not_spoken(secure: str, station: Station, authority: Authority) -> None:
    old = authority.client()
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        ScriptedStation(secure, station.identity, PASSWORD, tls=old)


def test_a_proxy_passes_a_certificate_on_only_if_it_is_trusted(
    station: Station, authority: Authority
) -> None:
    profile(station, 3)
    certificate = authority.issue(station.identity).read_text().partition("-----BEGIN PRIVATE")[0]
    headers = {"X-Forwarded-Proto": "https", "X-Client-Cert": quote(certificate)}
    options = replace(Options(), client_certificate_header="X-Client-Cert")
    trusting = replace(options, trusted_proxies=("127.0.0.0/8",))
    with (
        own_gateway(trusting) as url,
        ScriptedStation(url, station.identity, None, headers=headers) as charger,
    ):
        assert charger.boot()["status"] == "Accepted"
    with own_gateway(options) as url, pytest.raises(InvalidStatus) as refused:
        ScriptedStation(url, station.identity, None, headers=headers)
    assert refused.value.response.status_code == 401


def test_guesses_are_counted_by_the_address_that_a_trusted_proxy_names(station: Station) -> None:
    options = replace(Options(), trusted_proxies=("127.0.0.1",), failures_per_ip=2)
    with own_gateway(options) as url:

        def guess(address: str) -> int:
            headers = {"X-Forwarded-For": f"203.0.113.9, {address}, 127.0.0.1"}
            with pytest.raises(InvalidStatus) as refused:
                ScriptedStation(url, station.identity, "wrong", headers=headers)
            return refused.value.response.status_code

        assert [guess("198.51.100.1") for _ in range(3)] == [401, 401, 429]
        assert guess("198.51.100.2") == 401
        assert [guess("2001:db8::1"), guess("2001:db8::2"), guess("2001:db8::3")] == [401, 401, 429]


def test_under_attack_from_everywhere_the_station_itself_still_gets_in(station: Station) -> None:
    options = replace(Options(), trusted_proxies=("127.0.0.1",), failures_everywhere=3)
    with own_gateway(options) as url:
        assert boots(url, station, PASSWORD)
        for number in range(4):
            headers = {"X-Forwarded-For": f"198.51.100.{number}"}
            with pytest.raises(InvalidStatus):
                ScriptedStation(url, station.identity, "wrong", headers=headers)
        assert boots(url, station, PASSWORD)


def test_what_cannot_be_used_is_told_with_the_option(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(TlsProblem, match="--tls-certificate"):
        server_context(Files(str(tmp_path / "none.pem")), Options())
    with pytest.raises(TlsProblem, match="--tls-client-ca"):
        server_context(Files(str(authority.for_gateway()), client_ca=str(tmp_path / "none")), Options())
    with pytest.raises(TlsProblem, match="GATEWAY_TLS_CIPHERS"):
        server_context(Files(str(authority.for_gateway())), replace(Options(), tls_ciphers="NONSENSE"))
