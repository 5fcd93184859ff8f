"""Rollups add up to the sessions exactly, whatever happens in between, and a wrong row is found."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import Organisation
from charging import curves, quality
from charging.models import PricedSession, Reading
from revenue import rollups
from revenue.models import ElectricityPrice, OwnerHour, RollupMark, StationDay
from stations import uptime
from stations.models import Connector, OpeningHours, Status
from stations.uptime import exclusions
from tests.builders import (
    add_readings,
    connector_of,
    make_exclusion,
    make_organisation,
    make_outage,
    make_status,
    make_user,
)
from tests.revenue.rollup_world import ROLLUPS, close, follows_uptime, make_place, rows, total

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)  # 14:00 in Amsterdam, a Monday


@pytest.fixture
def organisation() -> Organisation:
    return make_organisation()


def settled(organisation: Organisation) -> None:
    """Upkeep has run, and a check finds nothing."""
    rollups.sweep()
    assert not RollupMark.objects.of(organisation).exists()
    assert [str(one) for one in rollups.check(organisation.pk)] == []


def test_a_session_is_split_over_its_hours_by_its_registers(organisation: Organisation) -> None:
    place = make_place(organisation)
    start = NOON + timedelta(minutes=30)
    close(
        place, start=start, seconds=7200, energy_wh=10_001, readings=[(900, 6000), (2700, 8000), (4500, 9001)]
    )
    settled(organisation)
    hours = rows(OwnerHour, organisation)
    # 15:00 lies between the readings at 900 s and 2700 s, 16:00 between 4500 s and the end
    assert [(row["hour"], row["energy_wh"]) for row in hours] == [(14, 7000), (15, 2334), (16, 667)]
    assert [row["sessions"] for row in hours] == [1, 0, 0]
    assert [row["occupied_s"] for row in hours] == [1800, 3600, 1800]
    assert sum(row["net"] for row in hours) == Decimal("5.00")
    assert sum(row["gross"] for row in hours) == Decimal("6.00")
    assert hours[0]["net"] == Decimal("3.50")


def test_each_share_follows_its_own_facts(organisation: Organisation) -> None:
    place = make_place(organisation, energy="0.50", time="3.00", parking="6.00", flat="1.00")
    close(
        place,
        start=NOON,
        seconds=3 * 3600,
        energy_wh=9000,
        readings=[(3600, 9000)],
        states=[(0, "CHARGING"), (3600, "PARKED"), (9000, "WITHHELD")],
    )
    settled(organisation)
    first, second, third = rows(OwnerHour, organisation)
    assert (first["energy_wh"], second["energy_wh"], third["energy_wh"]) == (9000, 0, 0)
    assert (first["energy"], second["energy"], third["energy"]) == (Decimal("4.50"), 0, 0)
    assert (first["charging_s"], first["parked_s"], first["idle_s"]) == (3600, 0, 0)
    assert (second["charging_s"], second["parked_s"], second["idle_s"]) == (0, 3600, 0)
    assert (third["charging_s"], third["parked_s"], third["idle_s"]) == (0, 1800, 1800)
    assert (first["parking"], second["parking"], third["parking"]) == (0, Decimal(6), Decimal(3))
    assert (first["fees"], second["fees"], third["fees"]) == (Decimal(1), 0, 0)
    assert first["time"] + second["time"] + third["time"] == Decimal("3.00")


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 5, 4), 24), (date(2026, 10, 25), 25)]
)
def test_a_local_day_has_as_many_hours_as_it_has(organisation: Organisation, day: date, hours: int) -> None:
    place = make_place(organisation, "Europe/Berlin")
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    close(place, start=start, seconds=hours * 3600, energy_wh=hours * 1000, readings=[])
    settled(organisation)
    (row,) = rows(StationDay, organisation)
    assert (row["day"], row["occupied_s"], row["energy_wh"]) == (day, hours * 3600, hours * 1000)
    found = rows(OwnerHour, organisation)
    assert len(found) == hours
    assert {one["day"] for one in found} == {day}
    assert [one["energy_wh"] for one in found] == [1000] * hours


def test_midnight_is_the_sites_own(organisation: Organisation) -> None:
    kolkata = make_place(organisation, "Asia/Kolkata")
    close(kolkata, start=datetime(2026, 5, 4, 18, 0, tzinfo=UTC), seconds=3600, energy_wh=2000)
    settled(organisation)
    assert [(row["day"], row["energy_wh"]) for row in rows(StationDay, organisation)] == [
        (date(2026, 5, 4), 1000),
        (date(2026, 5, 5), 1000),
    ]
    assert [(row["hour"], row["energy_wh"]) for row in rows(OwnerHour, organisation)] == [
        (23, 1000),
        (0, 1000),
    ]


def test_currencies_never_meet(organisation: Organisation) -> None:
    euros, yen = make_place(organisation), make_place(organisation, currency="JPY", energy="50", tax=None)
    close(euros, start=NOON, energy_wh=3333)
    close(yen, start=NOON + timedelta(minutes=59), energy_wh=3333)
    settled(organisation)
    by_currency = {row["currency"]: row for row in rows(OwnerHour, organisation) if row["hour"] == 14}
    assert set(by_currency) == {"EUR", "JPY"}
    assert by_currency["JPY"]["net"] == by_currency["JPY"]["net"].to_integral_value()


def test_a_correction_takes_exactly_the_old_price_out(organisation: Organisation) -> None:
    session = close(make_place(organisation), start=NOON, energy_wh=10_000, charged=False)
    settled(organisation)
    first = PricedSession.objects.get(session=session)
    net = first.net - first.net / 5
    PricedSession.objects.create(
        organisation=organisation, session=session, revision=2, tariff_version=first.tariff_version,
        policy=first.policy, energy_wh=8000, duration_s=first.duration_s, energy=net, time=first.time,
        parking=first.parking, fees=first.fees, net=net, tax=first.tax, gross=net + first.tax, result={},
    )  # fmt: skip
    settled(organisation)
    for model in ROLLUPS:
        assert total(model, organisation, "net") == Decimal("4.00")
        assert total(model, organisation, "energy_wh") == 8000
        assert total(model, organisation, "sessions") == 1


def test_a_late_reading_moves_energy_between_hours_and_adds_none(organisation: Organisation) -> None:
    session = close(make_place(organisation), start=NOON + timedelta(minutes=30), energy_wh=10_000)
    settled(organisation)
    assert [row["energy_wh"] for row in rows(OwnerHour, organisation)] == [5000, 5000]
    add_readings(session, [(1800, 9000)])
    settled(organisation)
    assert [row["energy_wh"] for row in rows(OwnerHour, organisation)] == [9000, 1000]


def test_readings_that_are_in_curves_alone_split_a_session_as_they_did(organisation: Organisation) -> None:
    start = datetime(2020, 3, 4, 12, 30, tzinfo=UTC)
    place = make_place(organisation, "Asia/Kathmandu")  # whose hours begin at a quarter past
    steps = [(890, 1900), (900, 2000), (2640, 6000), (2700, 8000), (2705, 8100), (4500, 9001), (6100, 9500)]
    session = close(place, start=start, seconds=7200, energy_wh=10_001, readings=steps)
    Reading.objects.filter(session=session, register_wh=8100).update(power_w=44_000)
    settled(organisation)
    before = [rows(model, organisation) for model in ROLLUPS]
    assert len(before[1]) == 3
    assert max(row["peak_w"] for row in before[1]) == 44_000
    curves.archive(organisation.pk, session.pk)
    Reading.objects.filter(session=session).delete()
    settled(organisation)
    rollups.rebuild(organisation.pk)
    assert [rows(model, organisation) for model in ROLLUPS] == before
    add_readings(session, [(2700, 8050)])  # comes late, and counts beside what the curve tells
    settled(organisation)
    assert [rows(model, organisation) for model in ROLLUPS] != before


def test_a_waived_session_leaves_zeros_and_no_row_is_deleted(organisation: Organisation) -> None:
    session = close(make_place(organisation), start=NOON, charged=False)
    settled(organisation)
    kept = StationDay.objects.count(), OwnerHour.objects.count()
    add_readings(session, [(1800, 9000)])
    session.refresh_from_db()
    quality.waive(session, by=make_user(), note="nobody was there")
    settled(organisation)
    assert [rows(model, organisation) for model in ROLLUPS] == [[], []]
    assert (StationDay.objects.count(), OwnerHour.objects.count()) == kept


def test_electricity_costs_what_it_cost_on_the_day(organisation: Organisation) -> None:
    place = make_place(organisation)
    site = place.evse.station.site
    close(place, start=NOON, energy_wh=10_000)
    close(place, start=NOON + timedelta(days=10), energy_wh=10_000)
    settled(organisation)
    assert total(StationDay, organisation, "energy_cost") == 0
    for day, price in ((date(2026, 1, 1), "0.20"), (date(2026, 5, 10), "0.2345")):
        ElectricityPrice.objects.create(
            organisation=organisation, site=site, valid_from=day, per_kwh=Decimal(price), currency="EUR"
        )
    settled(organisation)
    assert [row["energy_cost"] for row in rows(StationDay, organisation)] == [Decimal(2), Decimal("2.345")]
    ElectricityPrice.objects.filter(valid_from=date(2026, 5, 10)).delete()
    settled(organisation)
    assert total(OwnerHour, organisation, "energy_cost") == Decimal(4)


def test_down_time_is_that_of_uptime_once_an_outage_has_ended(organisation: Organisation) -> None:
    station = make_place(organisation).evse.station
    make_status(connector_of(station), since=NOON - timedelta(days=30))
    make_outage(station, NOON, minutes=195)
    still = make_outage(station, NOON + timedelta(hours=12))
    maintenance = make_exclusion(station, NOON + timedelta(hours=1), minutes=120, station=station)
    make_exclusion(station, NOON + timedelta(hours=2), minutes=30)
    settled(organisation)
    for model in ROLLUPS:
        assert total(model, organisation, "down_s") == 195 * 60
        assert total(model, organisation, "down_excluded_s") == 120 * 60
    assert [row["down_excluded_s"] // 60 for row in rows(OwnerHour, organisation)] == [0, 60, 60, 0]
    follows_uptime(organisation)
    exclusions.withdraw(maintenance, make_user())
    still.until = NOON + timedelta(hours=13)
    still.save()
    settled(organisation)
    assert total(OwnerHour, organisation, "down_s") == 255 * 60
    assert total(OwnerHour, organisation, "down_excluded_s") == 30 * 60
    follows_uptime(organisation)


def test_closed_hours_and_days_before_service_are_left_out_afterwards_too(organisation: Organisation) -> None:
    station = make_place(organisation, "Europe/Berlin").evse.station
    make_status(connector_of(station), since=NOON - timedelta(days=300))
    change = datetime(2026, 10, 24, 12, tzinfo=UTC)  # the night in which clocks go back
    make_outage(station, change, minutes=36 * 60)
    make_outage(station, NOON, minutes=60)
    settled(organisation)
    for weekday, opens, closes in ((5, time(6), time(2, 30)), (6, time(2, 30), time(0))):
        OpeningHours.objects.create(
            organisation=organisation, site=station.site, weekday=weekday, opens=min(opens, closes),
            closes=max(opens, closes) if closes else time(0),
        )  # fmt: skip
    settled(organisation)
    follows_uptime(organisation)
    assert total(StationDay, organisation, "down_excluded_s") > 0
    station.in_service_from = date(2026, 10, 25)
    station.save()
    settled(organisation)
    follows_uptime(organisation)
    OpeningHours.objects.all().delete()
    settled(organisation)
    follows_uptime(organisation)
    assert total(StationDay, organisation, "down_s") == 26 * 3600


def test_a_port_of_two_connectors_is_down_once(organisation: Organisation) -> None:
    place = make_place(organisation)
    other = Connector.objects.create(organisation=organisation, evse=place.evse, number=2)
    for connector in (place, other):
        make_status(connector, Status.FAULTED, NOON)
        make_status(connector, Status.AVAILABLE, NOON + timedelta(hours=1))
    uptime.rebuild(organisation)
    settled(organisation)
    assert total(StationDay, organisation, "down_s") == 3600
    follows_uptime(organisation)


def test_a_station_without_sessions_takes_its_down_time_to_another_zone(organisation: Organisation) -> None:
    station = make_place(organisation, "Europe/Amsterdam").evse.station
    make_outage(station, datetime(2026, 5, 4, 21, 30, tzinfo=UTC), minutes=20)
    settled(organisation)
    station.site.time_zone = "Europe/Helsinki"
    station.site.save()
    settled(organisation)
    assert [(row["day"], row["down_s"]) for row in rows(StationDay, organisation)] == [
        (date(2026, 5, 5), 1200)
    ]


def test_a_failed_start_counts_and_brings_no_energy(organisation: Organisation) -> None:
    close(make_place(organisation, flat="1.00"), start=NOON, seconds=60, energy_wh=0)
    settled(organisation)
    (row,) = rows(OwnerHour, organisation)
    assert (row["sessions"], row["failed_starts"], row["energy_wh"]) == (1, 1, 0)
    assert row["net"] == row["fees"] == Decimal("1.00")


def test_a_station_that_moves_to_another_zone_takes_its_days_along(organisation: Organisation) -> None:
    place = make_place(organisation, "Europe/Amsterdam")
    close(place, start=datetime(2026, 5, 4, 21, 30, tzinfo=UTC), seconds=1200, energy_wh=1000)
    settled(organisation)
    assert rows(StationDay, organisation)[0]["day"] == date(2026, 5, 4)
    site = place.evse.station.site
    site.time_zone = "Europe/Helsinki"
    site.save()
    settled(organisation)
    assert [row["day"] for row in rows(StationDay, organisation)] == [date(2026, 5, 5)]


def test_rebuilding_changes_nothing(organisation: Organisation) -> None:
    place = make_place(organisation, parking="1.20", flat="0.30")
    for hour in range(12):
        close(
            place,
            start=NOON + timedelta(hours=hour * 5),
            seconds=4000 + hour * 700,
            energy_wh=777 * (hour + 1),
        )
    settled(organisation)
    before = [list(model.objects.of(organisation).order_by("pk").values()) for model in ROLLUPS]
    assert rollups.rebuild(organisation.pk) == 12
    assert [list(model.objects.of(organisation).order_by("pk").values()) for model in ROLLUPS] == before
    for model in ROLLUPS:
        model.objects.all().delete()
    rollups.rebuild()
    assert [list(model.objects.of(organisation).order_by("pk").values()) for model in ROLLUPS] == before


@pytest.mark.parametrize("column", ["net", "energy_wh", "charged_net", "parked_s", "peak_w"])
@pytest.mark.parametrize("table", ["revenue_stationday", "revenue_ownerhour"])
def test_a_tampered_row_is_found_and_mended(organisation: Organisation, table: str, column: str) -> None:
    close(make_place(organisation), start=NOON)
    settled(organisation)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = {column} + 1")
    found = [str(one) for one in rollups.check(organisation.pk)]
    assert any(one.startswith(f"{table} ") and f"{column} is " in one for one in found)
    with pytest.raises(CommandError, match="differences"):
        call_command("rebuild_rollups", check=True, organisation=organisation.slug)
    call_command("rebuild_rollups", organisation=organisation.slug)
    call_command("rebuild_rollups", check=True)


def test_a_ledger_that_says_otherwise_is_found(organisation: Organisation) -> None:
    close(make_place(organisation), start=NOON)
    settled(organisation)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE billing_entry SET amount = amount * 2 WHERE organisation_id = %s", [organisation.pk]
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
    found = [str(one) for one in rollups.check(organisation.pk)]
    assert any("charged_net" in one and "ledger say 10" in one for one in found), found


def test_nobody_elses_sessions_count(organisation: Organisation) -> None:
    close(make_place(make_organisation()), start=NOON)
    settled(organisation)
    assert [rows(model, organisation) for model in ROLLUPS] == [[], []]


def test_the_command_says_which_slug_it_does_not_know() -> None:
    with pytest.raises(CommandError, match="nowhere"):
        call_command("rebuild_rollups", organisation="nowhere")
