"""Each finding opens exactly one work order with what it costs; people work it; all of it is written down."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from accounts.models import Organisation, Role, User
from charging import rating
from charging.models import ChargingSession, StationCommand
from revenue.maintenance import findings, orders, sweeps, windows
from revenue.maintenance.reliability import reliability
from stations.models import Connector, Exclusion, WorkOrder, WorkOrderEntry
from stations.uptime.exclusions import Place
from tests.builders import (
    LONG_AGO,
    add_readings,
    connector_of,
    make_exclusion,
    make_member,
    make_organisation,
    make_session,
    make_site,
    make_station,
    make_status,
    make_tariff,
    make_tariff_document,
    make_user,
)

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def organisation() -> Organisation:
    return make_organisation()


@pytest.fixture
def port(organisation: Organisation) -> Connector:
    """A port at 0.50 EUR/kWh before tax, heard of for long."""
    site = make_site(organisation, time_zone="UTC", name="Harbour")
    connector = connector_of(make_station(site, name="Quay"))
    make_tariff(make_tariff_document("0.50"), organisation=organisation, site=site)
    make_status(connector, since=LONG_AGO)
    return connector


@pytest.fixture
def technician(organisation: Organisation) -> User:
    return make_member(organisation, Role.TECHNICIAN, make_user("tess@example.test", name="Tess Ohm")).user


def charge_daily(port: Connector, days: int, until: datetime, per_day: int = 1) -> None:
    """`per_day` sessions of 10 kWh (5 EUR) on each of the `days` before `until`, priced."""
    for day in range(1, days + 1):
        for number in range(per_day):
            make_session(
                port, start=until - day * DAY + number * 5 * HOUR, energy_wh=10_000, settled_elsewhere=True
            )
    rating.pin_sweep()
    rating.sweep(limit=10_000)


def break_down(port: Connector, since: datetime, code: str = "GroundFailure") -> None:
    make_status(port, "Faulted", since, code)


def actions(order: WorkOrder) -> list[str]:
    return list(order.entries.values_list("action", flat=True))


class TestOutages:
    def test_an_outage_opens_one_order_with_its_loss_and_on_what_it_was_measured(
        self, organisation: Organisation, port: Connector
    ) -> None:
        now = timezone.now()
        charge_daily(port, 20, now - DAY)
        break_down(port, now - 3 * HOUR)
        for _ in range(3):
            sweeps.every_few_minutes()
        order = WorkOrder.objects.get()
        assert (order.kind, order.evse) == ("outage", port.evse)
        assert order.evidence["codes"] == ["GroundFailure"]
        assert order.basis["sessions"] == 20
        assert Decimal("4.50") <= order.loss_per_day.amount <= Decimal("5.10")
        assert actions(order) == ["opened"]

    def test_without_history_the_loss_is_left_open_instead_of_guessed(self, port: Connector) -> None:
        break_down(port, timezone.now() - HOUR)
        sweeps.every_few_minutes()
        order = WorkOrder.objects.get()
        assert order.loss_per_day is None
        assert order.basis == {}

    @pytest.mark.parametrize("minutes", [14, 60])
    def test_a_blip_or_an_excused_outage_opens_none(self, port: Connector, minutes: int) -> None:
        now = timezone.now()
        break_down(port, now - timedelta(minutes=minutes))
        if minutes > 15:
            make_exclusion(port.evse.station, now - DAY, minutes=3000)
        sweeps.every_few_minutes()
        assert not WorkOrder.objects.exists()

    def test_a_port_that_comes_back_before_anybody_took_it_closes_by_itself(self, port: Connector) -> None:
        now = timezone.now()
        break_down(port, now - HOUR)
        sweeps.every_few_minutes()
        make_status(port, "Available", now)
        sweeps.every_few_minutes()
        order = WorkOrder.objects.get()
        assert order.close_reason == "came_back"
        assert actions(order) == ["opened", "cleared", "closed"]

    def test_what_a_technician_took_waits_for_them(self, port: Connector, technician: User) -> None:
        now = timezone.now()
        break_down(port, now - HOUR)
        sweeps.every_few_minutes()
        orders.assign(WorkOrder.objects.get(), technician, technician)
        make_status(port, "Available", now)
        sweeps.every_few_minutes()
        order = WorkOrder.objects.get()
        assert order.is_open
        assert order.cleared_at is not None

    def test_a_fault_that_stands_a_day_after_closing_opens_the_same_order_again(
        self, organisation: Organisation, port: Connector, technician: User
    ) -> None:
        now = timezone.now()
        break_down(port, now - HOUR)
        sweeps.every_few_minutes()
        orders.close(WorkOrder.objects.get(), "repaired", technician, "fuse changed")
        sweeps.search(organisation, sweeps.OFTEN, now + HOUR)
        assert not WorkOrder.objects.get().is_open
        sweeps.search(organisation, sweeps.OFTEN, now + DAY + HOUR)
        order = WorkOrder.objects.get()
        assert order.is_open
        assert actions(order) == ["opened", "closed", "reopened"]

    def test_no_fault_found_is_believed_until_it_fails_anew(
        self, organisation: Organisation, port: Connector, technician: User
    ) -> None:
        now = timezone.now()
        break_down(port, now - HOUR)
        sweeps.every_few_minutes()
        orders.close(WorkOrder.objects.get(), "no_fault", technician)
        sweeps.search(organisation, sweeps.OFTEN, now + 3 * DAY)
        assert not WorkOrder.objects.get().is_open

    def test_two_open_orders_of_a_kind_are_refused_by_the_database(self, port: Connector) -> None:
        break_down(port, timezone.now() - HOUR)
        sweeps.every_few_minutes()
        order = WorkOrder.objects.get()
        with pytest.raises(IntegrityError, match="work_order_one_open"), transaction.atomic():
            WorkOrder.objects.create(
                organisation_id=order.organisation_id, evse=order.evse, kind=order.kind,
                since=order.since, opened_at=order.since, seen_at=order.since,
            )  # fmt: skip

    def test_entries_are_never_rewritten(self, port: Connector) -> None:
        break_down(port, timezone.now() - HOUR)
        sweeps.every_few_minutes()
        for change in (lambda: WorkOrderEntry.objects.update(text="x"), WorkOrderEntry.objects.all().delete):
            with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic():
                change()

    def test_people_are_told_what_is_missing(self, port: Connector, technician: User) -> None:
        break_down(port, timezone.now() - HOUR)
        sweeps.every_few_minutes()
        order = WorkOrder.objects.get()
        with pytest.raises(ValidationError, match="Write what you saw"):
            orders.note(order, "  ", technician)
        with pytest.raises(ValidationError, match="Say what the outcome was"):
            orders.close(order, "whatever", technician)
        with pytest.raises(ValidationError, match="of this organisation"):
            orders.assign(order, make_member(make_organisation(), Role.OWNER).user, technician)
        orders.close(order, "repaired", technician)
        with pytest.raises(ValidationError, match="closed already"):
            orders.note(order, "late", technician)


class TestOtherFindings:
    def test_a_silent_port_is_found_and_cleared_by_the_next_start(
        self, organisation: Organisation, port: Connector
    ) -> None:
        now = timezone.now()
        charge_daily(port, 40, now - 15 * DAY, per_day=2)
        sweeps.search(organisation, sweeps.SELDOM, now)
        order = WorkOrder.objects.get()
        assert order.kind == "silent"
        assert Decimal(order.evidence["expected"]) > Decimal(order.evidence["bound"])
        assert order.basis["sessions"] == 80
        make_session(port, start=now - HOUR, seconds=600)
        sweeps.search(organisation, sweeps.SELDOM, now)
        assert not WorkOrder.objects.get().is_open

    def test_a_port_that_is_down_is_not_silent_as_well(
        self, organisation: Organisation, port: Connector
    ) -> None:
        now = timezone.now()
        charge_daily(port, 40, now - 15 * DAY, per_day=2)
        break_down(port, now - 14 * DAY)
        sweeps.every_few_minutes()
        sweeps.search(organisation, sweeps.SELDOM, now)
        assert [order.kind for order in WorkOrder.objects.all()] == ["outage"]

    def test_a_derated_port_costs_the_difference(self, organisation: Organisation, port: Connector) -> None:
        now = timezone.now()
        for number in range(80):
            power_w = 22_000 if number < 65 else 7_000
            start = now - timedelta(hours=12 * (80 - number))
            session = make_session(port, start=start, energy_wh=power_w // 2, settled_elsewhere=True)
            add_readings(session, [(600, 100)])
            session.readings.update(power_w=power_w)
        rating.pin_sweep()
        rating.sweep(limit=1000)
        (found,) = findings.derated_now(organisation, now)
        assert (found.evidence["usual_w"], found.evidence["now_w"]) == (22_000, 7_000)
        assert found.loss_per_day is not None
        assert found.loss_per_day.amount > 5
        assert found.basis["sessions"] >= 60

    def test_failed_starts_are_told_by_code(self, organisation: Organisation, port: Connector) -> None:
        now = timezone.now()
        charge_daily(port, 8, now)
        for number in (3, 2, 1, 0):
            at = now - number * DAY - 9 * HOUR
            make_status(port, "Preparing", at)
            make_status(port, "Faulted", at + timedelta(minutes=1), "ConnectorLockFailure")
            make_status(port, "Available", at + timedelta(minutes=2))
        for number in range(2):
            make_session(
                port, start=now - number * DAY - 7 * HOUR, seconds=30, energy_wh=0, stop_reason="Other"
            )
        (found,) = findings.failing_starts(organisation, now)
        assert found.evidence["failed"] == 6
        assert found.evidence["codes"] == ["ConnectorLockFailure", "Other"]
        (row,) = reliability(organisation, now - 30 * DAY, now, "site")
        assert (row.name, row.attempts, row.failed) == ("Harbour", 14, 6)
        assert row.codes == {"ConnectorLockFailure": 4, "Other": 2}
        assert row.first_plug_percent == Decimal("57.1")

    def test_a_second_plug_within_ten_minutes_is_the_same_visit(
        self, organisation: Organisation, port: Connector
    ) -> None:
        now = timezone.now()
        make_session(port, start=now - 2 * HOUR, seconds=60, energy_wh=0)
        make_session(port, start=now - 2 * HOUR + timedelta(minutes=4), seconds=3600)
        (row,) = reliability(organisation, now - DAY, now)
        assert (row.attempts, row.visits, row.first_plugs) == (2, 1, 0)

    def test_mean_times_are_of_outages_that_nothing_excuses(
        self, organisation: Organisation, port: Connector
    ) -> None:
        now = timezone.now().replace(microsecond=0)
        for days, hours in ((9, 2), (6, 4), (3, 10)):
            make_status(port, "Faulted", now - days * DAY)
            make_status(port, "Available", now - days * DAY + hours * HOUR)
        make_exclusion(port.evse.station, now - 3 * DAY, minutes=600)
        sweeps.every_few_minutes()
        (row,) = reliability(organisation, now - 10 * DAY, now)
        assert (row.failures, row.to_repair, row.between_failures) == (
            2,
            3 * HOUR,
            (10 * DAY - 16 * HOUR) / 2,
        )


class TestWindows:
    def asked(self) -> list[tuple[str, str]]:
        rows = StationCommand.objects.order_by("created_at")
        return [(row.payload["type"], row.state) for row in rows]

    def answer(self, state: str) -> None:
        StationCommand.objects.filter(state="pending").update(state=state, sent_at=timezone.now())

    def move(self, window: object, hours: float) -> None:
        """Let the window begin `hours` from now; it lasts an hour."""
        since = timezone.now() + hours * HOUR
        type(window).objects.filter(pk=window.pk).update(since=since, until=since + HOUR)  # type: ignore[attr-defined]

    def test_ports_are_closed_for_it_and_opened_again(self, port: Connector, technician: User) -> None:
        now = timezone.now()
        window = windows.plan(
            Place.of_port(port.evse), now + HOUR, now + 2 * HOUR, words="new cable", by=technician
        )
        assert windows.sweep() == 0
        self.move(window, -0.5)
        assert windows.sweep() == 1
        assert windows.sweep() == 0
        self.answer("accepted")
        self.move(window, -2)
        assert windows.sweep() == 1
        self.answer("accepted")
        windows.sweep()
        assert self.asked() == [("Inoperative", "accepted"), ("Operative", "accepted")]
        window.refresh_from_db()
        assert window.settled_at is not None

    def test_a_command_that_does_not_get_through_is_asked_again(
        self, port: Connector, technician: User
    ) -> None:
        now = timezone.now()
        windows.plan(Place.of_port(port.evse), now - HOUR, now + HOUR, words="", by=technician)
        windows.sweep()
        self.answer("offline")
        assert windows.sweep() == 0
        StationCommand.objects.update(created_at=now - HOUR)
        assert windows.sweep() == 1

    def test_its_time_is_excluded_until_it_is_called_off(self, port: Connector, technician: User) -> None:
        now = timezone.now()
        window = windows.plan(Place.of_port(port.evse), now + HOUR, now + 2 * HOUR, words="", by=technician)
        exclusion = Exclusion.objects.get()
        assert (exclusion.category, exclusion.since, exclusion.until) == (
            "maintenance",
            window.since,
            window.until,
        )
        windows.cancel(window, technician)
        exclusion.refresh_from_db()
        assert exclusion.withdrawn_by == technician
        windows.sweep()
        assert self.asked() == []

    def test_ended_early_the_port_opens_and_the_rest_counts_again(
        self, port: Connector, technician: User
    ) -> None:
        now = timezone.now()
        window = windows.plan(Place.of_port(port.evse), now - HOUR, now + 5 * HOUR, words="", by=technician)
        windows.sweep()
        self.answer("accepted")
        windows.cancel(window, technician)
        until = Exclusion.objects.get().until
        assert until is not None
        assert until < now + HOUR
        windows.sweep()
        assert [kind for kind, _state in self.asked()] == ["Inoperative", "Operative"]

    def test_a_whole_station_is_closed_port_by_port(
        self, organisation: Organisation, technician: User
    ) -> None:
        station = make_station(make_site(organisation), evses=3)
        now = timezone.now()
        windows.plan(Place(station.site, station), now - HOUR, now + HOUR, words="", by=technician)
        assert windows.sweep() == 3

    def test_a_window_in_the_past_is_refused(self, port: Connector, technician: User) -> None:
        now = timezone.now()
        with pytest.raises(ValidationError, match="after now"):
            windows.plan(Place.of_port(port.evse), now - 2 * HOUR, now - HOUR, words="", by=technician)


def test_running_sessions_are_no_silence(organisation: Organisation, port: Connector) -> None:
    now = timezone.now()
    charge_daily(port, 40, now - 15 * DAY, per_day=2)
    make_session(port, start=now - 14 * DAY, seconds=None)
    assert ChargingSession.objects.active().count() == 1
    assert list(findings.silent_now(organisation, now)) == []
