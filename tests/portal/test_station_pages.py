"""Station pages: commands once however often asked, secrets shown once, a log that can be searched."""

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey, Organisation, RegistryKey, Role
from charging.models import LocalList, OcppMessage, Reservation, StationCommand
from portal.owner.stations_forms import WAYS
from portal.owner.stations_page import PAGE_SIZE
from stations.models import EVSE, Site, Station
from tests.builders import connector_of, make_member, make_organisation, make_session, make_site, make_station
from tests.portal.test_driver import text_of

pytestmark = pytest.mark.django_db
NEW = {
    "identity": "HARBOUR-9", "name": "Harbour 9", "site_name": "Harbour", "city": "Kiel", "ports": "2",
    "power_type": "DC", "max_power_kw": "150.5", "standard": "IEC_62196_T2_COMBO", "tethered": "on",
    "time_zone": "Europe/Berlin", "security_profile": "1", "site": "",
}  # fmt: skip


@pytest.fixture
def organisation() -> Organisation:
    return make_organisation()


@pytest.fixture
def station(organisation: Organisation) -> Station:
    return make_station(make_site(organisation), evses=2, name="Harbour 1", connected_at=timezone.now())


def page(name: str, *of: Station, **more: Any) -> str:
    (station,) = of
    return reverse(f"portal:{name}", kwargs={
        "organisation": station.organisation.slug, "station_id": station.pk, **more,
    })  # fmt: skip


def log_in(client: Client, organisation: Organisation, role: str = Role.OWNER) -> None:
    client.force_login(make_member(organisation, role).user)


FILLED: dict[str, dict[str, str]] = {
    "start": {"port": "1", "tag": "04AABBCC"},
    "stop": {"transaction": "77"},
    "unlock": {"port": "2"},
    "availability": {"port": "0", "kind": "Inoperative"},
    "reset": {"kind": "Soft"},
    "trigger": {"message": "Heartbeat"},
    "reserve": {"port": "1", "tag": "04AABBCC", "minutes": "30"},
    "cancel-reservation": {"reservation": "5"},
    "limit": {"port": "0", "amperes": "21.4", "hours": "2"},
    "clear-limits": {},
    "read-settings": {"key": ""},
    "write-setting": {"key": "MeterValueSampleInterval", "value": "30"},
    "clear-cache": {},
    "diagnostics": {"location": "https://files.example/up"},
    "firmware": {"location": "https://files.example/fw.bin"},
    "any": {"what": "TriggerMessage", "text": '{"requestedMessage": "BootNotification"}'},
}


@pytest.mark.parametrize("way", WAYS, ids=[way.name for way in WAYS])
def test_every_form_makes_a_command_that_ocpp_takes_once(client: Client, station: Station, way: Any) -> None:
    make_session(connector_of(station), seconds=None, transaction_id="77")
    asked = StationCommand.objects.create(
        organisation_id=station.organisation_id, station=station, action="ReserveNow", state="offline"
    )
    Reservation.objects.create(
        organisation_id=station.organisation_id, station=station, number=5, evse_number=1, masked="•••• 1",
        expires_at=timezone.now() + timedelta(hours=1), command=asked,
    )  # fmt: skip
    log_in(client, station.organisation, Role.TECHNICIAN)
    url = page("station-command", station, way=way.name)
    once = re.search(r'name="once" value="(\w+)"', client.get(url).content.decode())
    assert once is not None
    for _ in range(2):
        answer = client.post(url, {**FILLED[way.name], "once": once[1]})
        assert answer.status_code == 302, text_of(answer)
    command = StationCommand.objects.exclude(pk=asked.pk).get()
    assert (command.state, command.cause_kind) == ("pending", "member")
    assert command.requested_by is not None


def test_what_can_t_be_sent_is_said_beside_the_field_and_kept(client: Client, station: Station) -> None:
    log_in(client, station.organisation)
    answer = client.post(page("station-command", station, way="any"), {"what": "Reset", "text": "{"})
    assert "This is not JSON" in text_of(answer)
    answer = client.post(
        page("station-command", station, way="any"), {"what": "Reset", "text": '{"type": "x"}'}
    )
    assert "payload.type" in text_of(answer)
    assert "&quot;x&quot;" in answer.content.decode()
    assert not StationCommand.objects.exists()
    assert client.get(page("station-command", station, way="explode")).status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ACCOUNTANT])
def test_who_may_only_look_sees_no_button_and_sends_nothing(
    client: Client, station: Station, role: Role
) -> None:
    log_in(client, station.organisation, role)
    assert "Ask the station" not in text_of(client.get(page("owner-station", station)))
    answer = client.post(page("station-command", station, way="reset"), {"kind": "Hard"})
    assert answer.status_code == 403
    assert not StationCommand.objects.exists()


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("station-command", {"way": "reset"}),
        ("local-list", {}),
        ("station-password", {}),
        ("station-ports", {}),
    ],
)
def test_a_stranger_s_post_changes_nothing(
    client: Client, station: Station, name: str, more: dict[str, str]
) -> None:
    log_in(client, make_organisation())
    before = (station.password_hash, station.next_password_digest)
    assert client.post(page(name, station, **more), {"kind": "Soft", "enabled": "on"}).status_code == 404
    station.refresh_from_db()
    assert (station.password_hash, station.next_password_digest) == before
    assert not StationCommand.objects.exists()
    assert not LocalList.objects.exists()


def test_the_answer_shows_up_without_the_tag(client: Client, station: Station) -> None:
    StationCommand.objects.create(
        organisation_id=station.organisation_id, station=station, action="RemoteStartTransaction",
        payload={"idTag": "VERYSECRET"}, state="rejected", answer={"status": "Rejected"}, cause_kind="api_key",
        sent_at=timezone.now(),
    )  # fmt: skip
    log_in(client, station.organisation)
    for name in ("owner-station", "station-now", "station-commands"):
        shown = client.get(page(name, station))
        assert "REST api Rejected Rejected" in text_of(shown)
        assert "VERYSECRET" not in shown.content.decode()
    file = b"".join(client.get(page("station-commands", station), {"format": "csv"}))
    assert b"RemoteStartTransaction,rejected,Rejected,REST api" in file
    assert b"VERYSECRET" not in file


def make_messages(station: Station, count: int) -> None:
    now = timezone.now()
    OcppMessage.objects.bulk_create(
        OcppMessage(
            organisation_id=station.organisation_id, station=station, at=now - timedelta(seconds=number),
            direction="in", message_id=f"m{number}", action="Heartbeat" if number % 2 else "MeterValues",
            payload='{"connectorId": 1}', answer="{}", verdict="bad_value" if number == 4 else "ok",
        )
        for number in range(count)
    )  # fmt: skip


def test_every_message_is_on_exactly_one_page(client: Client, station: Station) -> None:
    make_messages(station, PAGE_SIZE + 7)
    log_in(client, station.organisation)
    first = client.get(page("station-messages", station))
    second = client.get(page("station-messages", station), {"after": first.context["older"]})
    shown = [row.message_id for one in (first, second) for row in one.context["rows"]]
    assert shown == [f"m{number}" for number in range(PAGE_SIZE + 7)]
    assert second.context["older"] == ""


def test_the_log_is_narrowed_by_its_filters(client: Client, station: Station) -> None:
    make_messages(station, 6)
    log_in(client, station.organisation)
    url = page("station-messages", station)
    assert len(client.get(url, {"action": "heartbeat"}).context["rows"]) == 3
    assert [row.message_id for row in client.get(url, {"verdict": "not-ok"}).context["rows"]] == ["m4"]
    assert len(client.get(url, {"direction": "out"}).context["rows"]) == 0
    assert len(client.get(url, {"since": "2099-01-01"}).context["rows"]) == 0
    assert "Enter a valid date" in text_of(client.get(url, {"until": "soon"}))
    lines = b"".join(client.get(url, {"format": "csv", "verdict": "not-ok"})).decode().splitlines()
    assert len(lines) == 2
    whole = client.get(page("station-message", station, message_id=OcppMessage.objects.first().id))  # type: ignore[union-attr]  # there are six
    assert '"connectorId": 1' in whole.content.decode().replace("&quot;", '"')


def test_the_log_of_another_station_is_not_shown(client: Client, station: Station) -> None:
    other = make_station(station.site)
    make_messages(other, 1)
    log_in(client, station.organisation)
    assert len(client.get(page("station-messages", station)).context["rows"]) == 0
    foreign = page("station-message", station, message_id=OcppMessage.objects.get().id)
    assert client.get(foreign).status_code == 404


def test_a_new_station_shows_its_password_once_and_can_log_in(
    client: Client, organisation: Organisation, settings: Any
) -> None:
    settings.GATEWAY_URL = "wss://ocpp.example/ocpp"
    log_in(client, organisation, Role.MANAGER)
    answer = client.post(reverse("portal:new-station", args=[organisation.slug]), NEW)
    station = Station.objects.of(organisation).get()
    password = answer.context["password"]
    assert station.check_password(password)
    assert "no-store" in answer.headers["Cache-Control"]
    assert "wss://ocpp.example/ocpp/HARBOUR-9" in text_of(answer)
    assert [(e.power_type, e.max_power_w) for e in EVSE.objects.of(organisation)] == [("DC", 150_500)] * 2
    assert RegistryKey.objects.filter(kind="ocpp", key="HARBOUR-9", target_id=station.pk).exists()
    assert (station.site.name, station.site.time_zone) == ("Harbour", "Europe/Berlin")
    for name in ("owner-station", "station-connect", "station-messages"):
        assert password not in client.get(page(name, station)).content.decode()
    assert "Waiting for its first contact" in text_of(client.get(page("station-contact", station)))
    Station.objects.filter(pk=station.pk).update(connected_at=timezone.now(), ocpp_version="2.0.1")
    assert "Connected since" in text_of(client.get(page("station-contact", station)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"identity": "no spaces"}, "letters, digits"),
        ({"identity": "TAKEN"}, "Another station holds this identity"),
        ({"site_name": ""}, "Choose a site above, or name the new one"),
        ({"site_name": "Quay"}, "There is a site of this name"),
        ({"time_zone": "Mars/Base"}, "is not an IANA time zone"),
        ({"ports": "0"}, "greater than or equal to 1"),
        ({"max_power_kw": "lots"}, "Enter a number"),
    ],
)
def test_a_station_that_can_t_be_is_said_beside_the_field_and_not_made(
    client: Client, organisation: Organisation, change: dict[str, str], words: str
) -> None:
    make_site(organisation, name="Quay")
    make_station(identity="TAKEN")
    log_in(client, organisation)
    answer = client.post(reverse("portal:new-station", args=[organisation.slug]), NEW | change)
    assert words in text_of(answer)
    assert "Harbour 9" in answer.content.decode()
    assert not Station.objects.of(organisation).exists()
    assert Site.objects.of(organisation).count() == 1


def test_a_site_of_another_organisation_can_t_be_chosen(client: Client, organisation: Organisation) -> None:
    foreign = make_site(make_organisation())
    log_in(client, organisation)
    answer = client.post(
        reverse("portal:new-station", args=[organisation.slug]), NEW | {"site": str(foreign.pk)}
    )
    assert "Select a valid choice" in text_of(answer)
    assert not Station.objects.exists()


def test_a_new_password_is_shown_once_and_the_old_one_holds_until_it_is_used(
    client: Client, station: Station
) -> None:
    station.set_password("the one in force")
    station.save()
    log_in(client, station.organisation)
    assert client.get(page("station-password", station)).status_code == 200
    answer = client.post(page("station-password", station))
    password = answer.context["password"]
    assert len(password) >= 16
    station.refresh_from_db()
    assert station.check_password("the one in force")
    assert station.next_password_digest
    command = StationCommand.objects.get()
    assert password not in str(command.payload)
    assert "sealed:" not in client.get(page("owner-station", station)).content.decode()


def test_ports_of_another_kind_are_numbered_on(client: Client, station: Station) -> None:
    log_in(client, station.organisation)
    client.post(page("station-ports", station), {
        "ports": "2", "power_type": "AC", "max_power_kw": "22", "standard": "IEC_62196_T2",
    })  # fmt: skip
    assert list(station.evses.values_list("number", flat=True)) == [1, 2, 3, 4]


def test_a_list_is_kept_and_given_up_as_the_owner_says(client: Client, station: Station) -> None:
    log_in(client, station.organisation)
    for said in ("on", "off", "on"):
        client.post(page("local-list", station), {"enabled": said})
        assert LocalList.objects.get().enabled == (said == "on")


def test_stickers_show_the_opaque_code_and_never_the_identity(
    client: Client, station: Station, settings: Any
) -> None:
    from pypdf import PdfReader

    settings.BASE_URL = "https://charging.example"
    log_in(client, station.organisation, Role.TECHNICIAN)
    for url in (
        page("station-stickers", station),
        reverse("portal:stickers", args=[station.organisation.slug]),
    ):
        answer = client.get(url)
        assert answer.headers["Content-Type"] == "application/pdf"
        printed = "".join(one.extract_text() for one in PdfReader(io.BytesIO(answer.content)).pages)
        assert printed.replace(" ", "").count(station.public_code) == 2  # one for each port
        assert station.identity not in printed.replace(" ", "")


def test_the_sticker_of_a_port_leads_to_that_port(client: Client, station: Station) -> None:
    from portal.owner.stations_stickers import _sticker

    link = _sticker(station, station.evses.get(number=2)).link
    assert link.endswith(f"/s/{station.public_code}/?port=2")
    assert client.get(link).status_code == 200


def test_an_api_key_is_shown_once_and_can_be_revoked(client: Client, organisation: Organisation) -> None:
    log_in(client, organisation)
    url = reverse("portal:api-keys", args=[organisation.slug])
    key = client.post(url, {"name": "Fleet system", "scopes": ["read"]}).context["shown"]
    assert ApiKey.find(key) is not None
    assert key not in client.get(url).content.decode()
    row = ApiKey.objects.get()
    assert row.scopes == ["read"]
    revoke = reverse("portal:revoke-api-key", args=[organisation.slug, row.pk])
    assert client.get(revoke).status_code == 200
    assert ApiKey.find(key) is not None
    client.post(revoke)
    assert ApiKey.find(key) is None
    assert "Revoked" in text_of(client.get(url))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"name": "", "scopes": ["read"]}, "This field is required"),
        ({"name": "x"}, "This field is required"),
        ({"name": "x", "scopes": ["rule"]}, "Select a valid choice"),
        ({"name": "x", "scopes": ["read"], "expires": "2020-01-01"}, "This day has passed"),
    ],
)
def test_a_key_that_can_t_be_is_not_made(
    client: Client, organisation: Organisation, asked: dict[str, Any], words: str
) -> None:
    log_in(client, organisation)
    answer = client.post(reverse("portal:api-keys", args=[organisation.slug]), asked)
    assert words in text_of(answer)
    assert not ApiKey.objects.exists()


def test_a_stranger_revokes_no_key(client: Client, organisation: Organisation) -> None:
    row, key = ApiKey.issue(organisation, "mine")
    stranger = make_member(make_organisation())
    client.force_login(stranger.user)
    for slug in (organisation.slug, stranger.organisation.slug):
        assert client.post(reverse("portal:revoke-api-key", args=[slug, row.pk])).status_code == 404
    assert ApiKey.find(key) is not None


def test_the_station_page_asks_the_database_as_often_however_much_happened(
    client: Client, station: Station, django_assert_max_num_queries: Any
) -> None:
    log_in(client, station.organisation)
    make_messages(station, 60)
    for _ in range(30):
        StationCommand.objects.create(
            organisation_id=station.organisation_id, station=station, action="ClearCache"
        )
    for name, budget in (("owner-station", 20), ("station-messages", 10), ("station-commands", 10)):
        client.get(page(name, station))
        with django_assert_max_num_queries(budget):
            client.get(page(name, station))
