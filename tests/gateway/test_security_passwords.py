"""Passwords: remembered without paying a slow hash each time, and changed without locking a station out."""

from typing import Any

import pytest
from django.contrib.auth import hashers
from websockets.exceptions import InvalidStatus

from accounts.sealing import BrokenSeal, seal, unseal
from charging import credentials
from charging.models import StationCommand
from gateway import logins
from gateway.logins import Logins, Proof
from gateway.models import OcppMessage
from gateway.privacy import without_password
from stations.credentials import issue_password
from stations.models import Station
from tests.gateway.conftest import PASSWORD, Connect
from tests.gateway.station import ScriptedStation
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def slow_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each slow hash that a log-in costs."""
    paid: list[str] = []

    def counted(password: str | None, encoded: str, *rest: Any, **more: Any) -> bool:
        paid.append(encoded)
        return hashers.check_password(password, encoded, *rest, **more)

    monkeypatch.setattr(logins, "check_password", counted)
    monkeypatch.setattr("stations.models.places.check_password", counted)
    return paid


def check(known: Logins, station: Station, password: str | None, **more: Any) -> bool:
    return known.check(station.identity, Proof(station.identity, password), **more) is not None


def test_a_storm_of_reconnects_costs_one_slow_hash_a_station(
    station: Station, slow_hashes: list[str]
) -> None:
    known = Logins()
    assert all(check(known, station, PASSWORD) for _ in range(5))
    assert len(slow_hashes) == 1


def test_another_process_and_the_next_one_need_no_slow_hash_either(
    station: Station, slow_hashes: list[str]
) -> None:
    assert check(Logins(), station, PASSWORD)
    assert check(Logins(), station, PASSWORD)
    assert len(slow_hashes) == 1
    assert not check(Logins(), station, "wrong")
    assert len(slow_hashes) == 2


@pytest.mark.parametrize(
    "what", ["wrong", "unknown", "no password", "wrong user", "profile 3", "being changed"]
)
def test_every_refusal_costs_exactly_one_slow_hash(
    station: Station, slow_hashes: list[str], what: str
) -> None:
    proof = Proof(station.identity, "wrong")
    if what == "unknown":
        station.identity = "NOBODY"
    elif what == "no password":
        proof = Proof(station.identity, None)
    elif what == "wrong user":
        proof = Proof("another", PASSWORD)
    elif what == "profile 3":
        Station.objects.filter(pk=station.pk).update(security_profile=3)
    elif what == "being changed":
        issue_password(station)
    assert Logins().check(station.identity, proof) is None
    assert len(slow_hashes) == 1


def test_both_passwords_hold_until_the_station_has_used_the_new_one(station: Station) -> None:
    known = Logins()
    assert check(known, station, PASSWORD)
    new = issue_password(station)
    assert check(known, station, PASSWORD)
    assert check(known, station, new)
    assert check(known, station, new)
    assert not check(known, station, PASSWORD)
    assert not check(Logins(), station, PASSWORD)


def test_a_station_may_log_in_with_the_hexadecimal_form_it_was_sent(station: Station) -> None:
    new = issue_password(station)
    assert check(Logins(), station, new.encode().hex())
    assert check(Logins(), station, new.encode().hex())


def test_under_attack_only_what_was_right_before_counts(station: Station) -> None:
    known = Logins()
    assert not check(known, station, PASSWORD, only_remembered=True)
    assert check(known, station, PASSWORD)
    assert check(known, station, PASSWORD, only_remembered=True)


def test_a_rotation_reaches_the_station_and_nobody_else(
    station: Station, connect: Connect, gateway: str
) -> None:
    charger = connect(station)
    rotation = credentials.rotate_password(station)
    sent = charger.wait_for_call("ChangeConfiguration")
    assert sent == {"key": "AuthorizationKey", "value": rotation.password.encode().hex()}
    command = StationCommand.objects.get(pk=rotation.command.pk)
    assert rotation.password not in str(command.payload)
    wait_until(lambda: OcppMessage.objects.filter(direction="out").exists())
    assert sent["value"] not in OcppMessage.objects.get(direction="out").payload
    charger.close()
    ScriptedStation(gateway, station.identity, rotation.password).close()
    with pytest.raises(InvalidStatus):
        ScriptedStation(gateway, station.identity, PASSWORD)


def test_a_seal_opens_only_in_time_and_with_the_same_key(settings: Any) -> None:
    sealed = seal("secret")
    assert "secret" not in sealed
    assert unseal(sealed) == "secret"
    with pytest.raises(BrokenSeal):
        unseal(sealed, within_s=-1)
    settings.SECRET_KEY = "another"
    with pytest.raises(BrokenSeal):
        unseal(sealed)


@pytest.mark.parametrize(
    "text",
    [
        '{"key":"AuthorizationKey","value":"AB12\\"x"}',
        '{"value":"AB12","key":"AuthorizationKey"}',
        '{"setVariableData":[{"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"},'
        '"attributeValue":"AB12"}]}',
        '{"setVariableData":[{"attributeValue":"AB12","component":{"name":"SecurityCtrlr"},'
        '"variable":{"name":"BasicAuthPassword"}}]}',
    ],
)
def test_the_log_hides_a_password_in_every_version(text: str) -> None:
    assert "AB12" not in without_password(text)
    assert "••••" in without_password(text)
