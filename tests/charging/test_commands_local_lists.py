"""Stations know the cards that may charge while they are offline; what changes is sent until acknowledged."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import DriverBlock, DriverGroup, DriverGroupMember, Organisation, Token
from charging import command_payloads, commands, local_list_sweep
from charging.models import LocalList, StationCommand
from stations.models import Station
from tests.builders import connector_of, make_driver, make_organisation, make_session, make_site, make_station
from tests.builders import make_token as token_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation() -> Organisation:
    return make_organisation()


@pytest.fixture
def station(organisation: Organisation) -> Station:
    return make_station(make_site(organisation), connected_at=timezone.now())


@pytest.fixture
def kept(station: Station) -> LocalList:
    made: LocalList = LocalList.objects.create(organisation_id=station.organisation_id, station=station)
    return made


def member_with_card(organisation: Organisation, uid: str) -> Token:
    group, _ = DriverGroup.objects.get_or_create(organisation=organisation, name="Staff")
    driver = make_driver()
    DriverGroupMember.objects.create(organisation=organisation, group=group, driver=driver)
    return token_of(driver, uid)


def sent() -> dict[str, Any]:
    """The payload of the one command that waits; it has to be good OCPP."""
    command = StationCommand.objects.get(state="pending")
    command_payloads.check(command.action, command.payload)
    return dict(command.payload)


def answer(station: Station, **said: Any) -> None:
    (taken,) = commands.claim({station.pk})
    commands.answered(taken, said)


def sweep() -> int:
    """As if the pauses were over."""
    LocalList.objects.update(next_try_at=None)
    return local_list_sweep.sweep()


def entries(payload: dict[str, Any]) -> dict[str, str | None]:
    """Tag -> status, None for one that is taken off."""
    return {
        entry["idTag"]: entry.get("idTagInfo", {}).get("status")
        for entry in payload["localAuthorizationList"]
    }


def test_the_first_list_is_full_and_holds_the_cards_themselves(
    organisation: Organisation, station: Station, kept: LocalList
) -> None:
    member_with_card(organisation, "04AABBCC")
    lately = make_driver()
    token_of(lately, "04DDEEFF", expires_at=timezone.now() - timedelta(days=1))
    make_session(connector_of(station), driver=lately, start=timezone.now() - timedelta(days=3))
    long_ago = make_driver()
    token_of(long_ago, "04000000")
    make_session(connector_of(station), driver=long_ago, start=timezone.now() - timedelta(days=200))
    member_with_card(make_organisation(), "04999999")
    assert sweep() == 1
    payload = sent()
    assert (payload["updateType"], payload["listVersion"]) == ("Full", 1)
    assert entries(payload) == {"04AABBCC": "Accepted", "04DDEEFF": "Expired"}
    assert sweep() == 0  # one on its way at a time

    answer(station, status="Accepted")
    kept.refresh_from_db()
    assert (kept.state, kept.version, len(kept.entries)) == ("current", 1, 2)
    assert sweep() == 0


def test_what_was_sent_is_not_kept_in_plain_text(
    organisation: Organisation, station: Station, kept: LocalList
) -> None:
    member_with_card(organisation, "04AABBCC")
    sweep()
    answer(station, status="Accepted")
    assert "04AABBCC" not in str(StationCommand.objects.get().payload)
    assert "04AABBCC" not in str(LocalList.objects.values())


def test_changed_tokens_are_sent_as_a_difference(
    organisation: Organisation, station: Station, kept: LocalList
) -> None:
    blocked, gone, stays = (member_with_card(organisation, uid) for uid in ("04AA11", "04BB22", "04CC33"))
    sweep()
    answer(station, status="Accepted")
    DriverBlock.objects.create(organisation=organisation, driver=blocked.driver, reason="debt")
    DriverGroupMember.objects.filter(driver=gone.driver).delete()
    member_with_card(organisation, "04DD44")
    assert sweep() == 1
    payload = sent()
    assert (payload["updateType"], payload["listVersion"]) == ("Differential", 2)
    assert entries(payload) == {"04AA11": "Blocked", "04BB22": None, "04DD44": "Accepted"}
    answer(station, status="Accepted")
    kept.refresh_from_db()
    assert set(kept.entries) == {str(t.pk) for t in (blocked, stays, Token.objects.with_uid("04DD44").get())}


def test_a_version_that_doesn_t_match_is_followed_by_the_whole_list(
    organisation: Organisation, station: Station, kept: LocalList
) -> None:
    member_with_card(organisation, "04AA11")
    sweep()
    answer(station, status="Accepted")
    member_with_card(organisation, "04BB22")
    sweep()
    answer(station, status="VersionMismatch")
    kept.refresh_from_db()
    assert (kept.state, kept.version, kept.failure) == ("retrying", 1, "VersionMismatch")
    assert kept.next_try_at is not None
    assert local_list_sweep.sweep() == 0  # it pauses first
    assert sweep() == 1
    assert (sent()["updateType"], sent()["listVersion"], len(entries(sent()))) == ("Full", 3, 2)


def test_pauses_grow_and_end_at_six_hours(
    organisation: Organisation, station: Station, kept: LocalList
) -> None:
    member_with_card(organisation, "04AA11")
    pauses = []
    for _ in range(12):
        sweep()
        answer(station, status="Failed")
        kept.refresh_from_db()
        assert kept.next_try_at is not None
        pauses.append(round((kept.next_try_at - timezone.now()).total_seconds() / 60))
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == 360


@pytest.mark.parametrize("word", ["NotSupported"])
def test_a_station_that_keeps_no_list_is_left_alone(
    organisation: Organisation, station: Station, kept: LocalList, word: str
) -> None:
    sweep()
    answer(station, status=word)
    kept.refresh_from_db()
    assert kept.state == "unsupported"
    member_with_card(organisation, "04AA11")
    assert sweep() == 0


def test_an_offline_station_waits_and_a_disabled_list_is_not_sent(
    organisation: Organisation, station: Station, kept: LocalList
) -> None:
    Station.objects.update(connected_at=None)
    assert sweep() == 0
    Station.objects.update(connected_at=timezone.now())
    LocalList.objects.update(enabled=False)
    assert sweep() == 0
    LocalList.objects.update(enabled=True)
    assert sweep() == 1


def test_after_a_boot_the_station_is_asked_for_its_version_and_gets_the_list_anew_if_it_lost_it(
    organisation: Organisation, station: Station, kept: LocalList
) -> None:
    member_with_card(organisation, "04AA11")
    sweep()
    answer(station, status="Accepted")
    assert sweep() == 0
    Station.objects.update(boot_at=timezone.now())
    assert sweep() == 1
    assert StationCommand.objects.get(state="pending").action == "GetLocalListVersion"
    answer(station, listVersion=0)
    assert sweep() == 1
    assert sent()["updateType"] == "Full"


def test_a_list_that_somebody_else_wrote_is_written_anew(
    organisation: Organisation, station: Station, kept: LocalList
) -> None:
    sweep()
    answer(station, status="Accepted")
    by_hand = {"listVersion": 9, "updateType": "Full", "localAuthorizationList": []}
    commands.request(station, "SendLocalList", by_hand)
    answer(station, status="Accepted")
    sweep()
    assert sent()["updateType"] == "Full"


def test_long_lists_come_in_parts(organisation: Organisation, station: Station, kept: LocalList) -> None:
    for number in range(local_list_sweep.PER_MESSAGE + 5):
        member_with_card(organisation, f"04{number:08X}")
    sweep()
    assert len(entries(sent())) == local_list_sweep.PER_MESSAGE
    answer(station, status="Accepted")
    sweep()
    assert (sent()["updateType"], len(entries(sent()))) == ("Differential", 5)


def test_a_card_whose_uid_was_never_kept_is_left_out(organisation: Organisation, kept: LocalList) -> None:
    old = member_with_card(organisation, "04AA11")
    Token.objects.filter(pk=old.pk).update(sealed_uid="")
    sweep()
    assert entries(sent()) == {}
