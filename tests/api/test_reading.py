"""What can be read: exact amounts, whole pages, and errors that say what was misspelt."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Organisation
from charging import rating
from charging.models import OcppMessage
from stations.models import Station, Status, StatusInterval
from tests.api.conftest import Caller, fields_of
from tests.builders import MONDAY, connector_of, make_session, make_tariff, make_tariff_document, make_token

pytestmark = pytest.mark.django_db


def test_a_station_says_what_its_ports_do(caller: Caller, station: Station) -> None:
    connector = connector_of(station, 2)
    StatusInterval.objects.create(
        organisation_id=station.organisation_id, connector=connector, status=Status.FAULTED,
        error_code="GroundFailure", since=MONDAY,
    )  # fmt: skip
    said = caller.get(f"/stations/{station.identity}").json()
    assert said["evses"][1]["connectors"][0]["status"] == "Offline"
    Station.objects.filter(pk=station.pk).update(connected_at=timezone.now())
    said = caller.get(f"/stations/{station.identity}").json()
    ports = [evse["connectors"][0] for evse in said["evses"]]
    assert [port["status"] for port in ports] == ["Unknown", "Faulted"]
    assert (ports[1]["error_code"], ports[1]["status_since"]) == ("GroundFailure", "2024-01-01T00:00:00Z")
    assert (said["connected"], said["time_zone"]) == (True, "Europe/Amsterdam")


def test_a_transaction_carries_its_price_exactly(
    caller: Caller, station: Station, organisation: Organisation
) -> None:
    make_tariff(make_tariff_document("0.50", flat="0.30", tax="20"), organisation=organisation)
    token = make_token(uid="04AABBCCDD")
    make_session(connector_of(station), energy_wh=10_001, token=token, transaction_id="77")
    (said,) = caller.get(f"/stations/{station.identity}/transactions").json()["items"]
    assert said["price"] is None
    rating.sweep()
    (said,) = caller.get(f"/stations/{station.identity}/transactions").json()["items"]
    price = said["price"]
    assert (said["transaction_id"], said["energy_wh"], said["tag"]) == ("77", 10_001, "•••• CCDD")
    assert (price["energy"], price["fees"], price["net"], price["tax"], price["gross"]) == (
        "5.00", "0.30", "5.30", "1.06", "6.36",
    )  # fmt: skip
    energy = next(line for line in price["lines"] if line["kind"] == "ENERGY")
    assert (energy["quantity"], energy["price"], energy["net"]) == (10_001, "0.5", "5.0005")
    assert caller.get(f"/transactions/{said['id']}").json() == said
    assert caller.get(f"/sessions/{said['id']}").json() == said


def test_no_amount_is_ever_a_float(caller: Caller, station: Station, organisation: Organisation) -> None:
    make_tariff(make_tariff_document("0.333333", time="1.7"), organisation=organisation)
    make_session(connector_of(station), energy_wh=12_345)
    rating.sweep()

    def refuse(text: str) -> None:
        pytest.fail(f"a float: {text}")

    for path in ("/sessions", "/tariffs", "/stations", f"/stations/{station.identity}/transactions"):
        json.loads(caller.get(path).content, parse_float=refuse)


def test_transactions_come_in_pages_that_meet_nowhere(caller: Caller, station: Station) -> None:
    connector = connector_of(station)
    starts = [MONDAY + timedelta(hours=hour // 2) for hour in range(7)]  # pairs that start together
    made = [str(make_session(connector, start=start, seconds=60).pk) for start in starts]
    seen: list[str] = []
    after = ""
    while True:
        page = caller.get(f"/stations/{station.identity}/transactions", limit=2, after=after).json()
        seen += [one["id"] for one in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert sorted(seen) == sorted(made)
    assert len(seen) == len(set(seen))


def test_from_and_to_are_a_half_open_span(caller: Caller, station: Station) -> None:
    connector = connector_of(station)
    for hour in range(4):
        make_session(connector, start=MONDAY + timedelta(hours=hour), seconds=60)
    span = {"from": "2024-01-01T01:00:00Z", "to": "2024-01-01T04:00:00+01:00"}
    found = caller.get(f"/stations/{station.identity}/transactions", **span).json()["items"]
    assert [one["started_at"] for one in found] == ["2024-01-01T02:00:00Z", "2024-01-01T01:00:00Z"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"form": "2024-01-01"}, "form"),
        ({"from": "yesterday"}, "from"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"after": "nonsense"}, "after"),
        ({"after": "%%%"}, "after"),
    ],
)
def test_a_filter_that_can_t_be_taken_is_named(
    caller: Caller, station: Station, query: dict[str, str], field: str
) -> None:
    answer = caller.get(f"/stations/{station.identity}/transactions", **query)
    assert (answer.status_code, fields_of(answer)) == (422, {field})


def make_message(station: Station, seconds: int, **fields: str) -> OcppMessage:
    made: OcppMessage = OcppMessage.objects.create(
        organisation_id=station.organisation_id, station=station, at=MONDAY + timedelta(seconds=seconds),
        **{"direction": "in", "message_id": f"m{seconds}", "action": "Heartbeat", "verdict": "ok", **fields},
    )  # fmt: skip
    return made


def test_the_message_log_is_filtered_and_shows_payloads_as_objects(caller: Caller, station: Station) -> None:
    make_message(station, 1, payload="{}", answer='{"currentTime": "2024-01-01T00:00:01Z"}')
    make_message(station, 2, action="Reset", direction="out", payload='{"type": "Soft"}', answer="not JSON")
    make_message(station, 3, action="StartTransaction", verdict="unknown_tag", payload='{"idTag": "•••• 1"}')
    url = f"/stations/{station.identity}/messages"
    said = caller.get(url).json()["items"]
    assert [one["message_id"] for one in said] == ["m3", "m2", "m1"]
    assert (said[1]["payload"], said[1]["answer"]) == ({"type": "Soft"}, "not JSON")
    assert [one["message_id"] for one in caller.get(url, direction="out").json()["items"]] == ["m2"]
    assert [one["message_id"] for one in caller.get(url, verdict="unknown_tag").json()["items"]] == ["m3"]
    assert fields_of(caller.get(url, direction="sideways")) == {"direction"}
    first = caller.get(url, limit=2).json()
    rest = caller.get(url, limit=2, after=first["next"]).json()
    assert [one["message_id"] for one in rest["items"]] == ["m1"]


def test_tariffs_show_their_versions(caller: Caller, organisation: Organisation) -> None:
    version = make_tariff(organisation=organisation)
    (said,) = caller.get("/tariffs").json()["items"]
    assert said["versions"][0]["document"] == version.document
    assert caller.get(f"/tariffs/{version.tariff_id}").json() == said
