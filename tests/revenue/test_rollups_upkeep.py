"""Upkeep in any order, interleaved with anything, ends where a rebuild does; also side by side and after a crash."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Organisation
from billing import charges
from charging import quality
from charging.models import ChargingSession, PricedSession
from revenue import rollups
from revenue.models import ElectricityPrice, RollupMark, StationDay
from revenue.rollups import upkeep
from stations import uptime
from stations.models import Connector, Exclusion, OpeningHours, Status, StatusInterval
from stations.uptime import exclusions
from stations.uptime.exclusions import Place
from tests.builders import add_readings, make_organisation, make_user
from tests.revenue.rollup_world import ROLLUPS, close, follows_uptime, make_place, rows, total

EVE = datetime(2026, 10, 24, 20, tzinfo=UTC)  # the night in which Europe's clocks go back
STEPS = (
    "close", "reprice", "charge", "late", "waive", "down", "exclude", "withdraw", "open", "serve", "cost", "settle",
)  # fmt: skip


class World:
    """An operator with ports in two zones and two currencies; each step picks by the numbers given."""

    def __init__(self) -> None:
        self.organisation = make_organisation()
        self.places: list[Connector] = [
            make_place(self.organisation, parking="1.20", flat="0.33", time="0.77"),
            make_place(self.organisation, "Asia/Kolkata"),
            make_place(self.organisation, currency="JPY", energy="47", tax="10"),
        ]
        self.user = make_user()
        self.sessions: list[ChargingSession] = []
        self.ends = [EVE] * len(self.places)  # two sessions at a port never overlap

    def do(self, step: str, number: int, size: int) -> None:
        steps: dict[str, Callable[[int, int], object]] = {
            "close": self.close,
            "down": self.down,
            "exclude": self.exclude,
            "withdraw": self.withdraw,
            "open": self.open,
            "serve": self.serve,
            "cost": self.cost,
            "settle": lambda _number, _size: rollups.sweep(),
        }
        if step in steps:
            steps[step](number, size)
        elif self.sessions:
            getattr(self, step)(self.sessions[number % len(self.sessions)], size)

    def close(self, number: int, size: int) -> None:
        at = number % len(self.places)
        start = self.ends[at] + timedelta(seconds=size % 7919)
        seconds = 60 + size % 30_000
        states = [(0, "CHARGING"), (seconds // 3, "PARKED"), (seconds // 2, "WITHHELD")][: 1 + number % 3]
        self.ends[at] = start + timedelta(seconds=seconds + 61)
        session = close(
            self.places[at], charged=bool(number % 2), start=start, seconds=seconds, states=states,
            energy_wh=1 + size % (seconds * 3),
        )  # fmt: skip
        self.sessions.append(session)

    def reprice(self, session: ChargingSession, size: int) -> None:
        last = PricedSession.objects.filter(session=session).latest("revision")
        if last.net.amount:
            PricedSession.objects.create(
                organisation=self.organisation, session=session, revision=last.revision + 1,
                tariff_version=last.tariff_version, policy=last.policy, energy_wh=size % 50_000,
                duration_s=last.duration_s, energy=last.energy, time=last.time, parking=last.parking,
                fees=last.fees + last.energy, net=last.net + last.energy, tax=last.tax,
                gross=last.gross + last.energy, result=last.result,
            )  # fmt: skip

    def charge(self, session: ChargingSession, _size: int) -> None:
        if PricedSession.objects.filter(session=session).count() == 1:
            charges.charge_session(self.organisation.pk, session.pk)

    def late(self, session: ChargingSession, size: int) -> None:
        assert session.ended_at is not None
        length = int((session.ended_at - session.started_at).total_seconds())
        add_readings(session, [(1 + size % length, size % (session.energy_wh + 1))])

    def waive(self, session: ChargingSession, _size: int) -> None:
        session.refresh_from_db()
        quality.waive(session, by=self.user, note="test")

    def down(self, number: int, size: int) -> None:
        statuses = (Status.FAULTED, Status.UNAVAILABLE, Status.OFFLINE, Status.AVAILABLE)
        StatusInterval.objects.create(
            organisation=self.organisation, connector=self.places[number % 3], status=statuses[size % 4],
            since=EVE + timedelta(seconds=size % 90_000), until=EVE + timedelta(seconds=size % 90_000 + size % 9000),
        )  # fmt: skip
        uptime.rebuild(self.organisation)

    def exclude(self, number: int, size: int) -> None:
        station = self.places[number % 3].evse.station
        evse = self.places[number % 3].evse
        place = (Place(station.site), Place(station.site, station), Place.of_port(evse))[size % 3]
        since = EVE + timedelta(seconds=size % 80_000)
        until = since + timedelta(seconds=1 + size % 30_000) if size % 7 else None
        exclusions.exclude(place, "utility", since, until, reason="test", said_by=self.user)

    def withdraw(self, _number: int, _size: int) -> None:
        said = Exclusion.objects.of(self.organisation).filter(withdrawn_at=None).first()
        if said is not None:
            exclusions.withdraw(said, self.user)

    def open(self, number: int, size: int) -> None:
        """Clocks are set back between two and three on the Sunday."""
        OpeningHours.objects.update_or_create(
            organisation=self.organisation, site=self.places[number % 3].evse.station.site, weekday=5 + size % 2,
            opens=time(size % 4, 30), defaults={"closes": time(size % 5 + 4, 0) if size % 5 else time(0)},
        )  # fmt: skip

    def serve(self, number: int, size: int) -> None:
        station = self.places[number % 3].evse.station
        station.in_service_from = (EVE + timedelta(days=size % 3)).date()
        station.save()

    def cost(self, number: int, size: int) -> None:
        ElectricityPrice.objects.update_or_create(
            organisation=self.organisation,
            site=self.places[number % 3].evse.station.site,
            valid_from=(EVE + timedelta(days=size % 3)).date(),
            defaults={"per_kwh": size % 5000, "currency": "EUR"},
        )


step = st.tuples(st.sampled_from(STEPS), st.integers(0, 20), st.integers(0, 100_000))


@pytest.mark.django_db
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(step, min_size=3, max_size=25))
def test_any_order_of_changes_and_upkeep_ends_where_a_rebuild_does(
    changes: list[tuple[str, int, int]],
) -> None:
    with transaction.atomic():
        world = World()
        for change in changes:
            world.do(*change)
        rollups.sweep()
        kept = snapshot(world.organisation)
        assert [str(one) for one in rollups.check(world.organisation.pk)] == []
        follows_uptime(world.organisation)
        for model in ROLLUPS:
            model.objects.all().delete()
        rollups.rebuild(world.organisation.pk)
        assert snapshot(world.organisation) == kept
        transaction.set_rollback(True)


def snapshot(organisation: Organisation) -> list[list[dict[str, Any]]]:
    return [rows(model, organisation) for model in ROLLUPS]


@pytest.mark.django_db(transaction=True)
def test_closes_beside_several_sweeps_are_all_counted_once() -> None:
    organisation = make_organisation()
    places = [make_place(organisation) for _ in range(2)]
    closing = threading.Event()
    failed: list[Exception] = []

    def close_some(place: Connector) -> None:
        for number in range(12):
            close(place, start=EVE + timedelta(hours=number), seconds=3000, energy_wh=1001)

    def sweep_on() -> None:
        while not closing.is_set():
            rollups.sweep()

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    sweepers = [threading.Thread(target=run, args=(sweep_on,)) for _ in range(2)]
    closers = [
        threading.Thread(target=run, args=(lambda place=place: close_some(place),)) for place in places
    ]
    for thread in (*sweepers, *closers):
        thread.start()
    for thread in closers:
        thread.join(60)
    closing.set()
    for thread in sweepers:
        thread.join(60)
    assert failed == []
    rollups.sweep()
    assert [total(model, organisation, "sessions") for model in ROLLUPS] == [24, 24]
    assert [str(one) for one in rollups.check(organisation.pk)] == []


@pytest.mark.django_db(transaction=True)
def test_a_crash_in_the_middle_leaves_the_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    organisation = make_organisation()
    close(make_place(organisation), start=EVE)

    def crash(*_: object) -> None:
        raise RuntimeError("power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(upkeep, "_sum_owner_hours", crash)
        assert rollups.sweep() == 0
    assert RollupMark.objects.of(organisation).exists()
    assert not StationDay.objects.of(organisation).exists()
    assert rollups.sweep() > 0
    assert total(StationDay, organisation, "sessions") == 1


@pytest.mark.django_db(transaction=True)
def test_an_organisation_that_is_being_settled_is_left_alone() -> None:
    organisation = make_organisation()
    place = make_place(organisation)
    close(place, start=EVE)
    rollups.sweep()
    close(place, start=EVE + timedelta(hours=2))
    settled: list[int] = []

    def other() -> None:
        settled.append(rollups.settle(organisation.pk))
        connections.close_all()

    with transaction.atomic():
        assert upkeep.lock(organisation.pk, wait=True)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(30)
    assert settled == [0]
    assert rollups.settle(organisation.pk) > 0


@pytest.mark.django_db
def test_what_is_not_committed_is_not_marked_either() -> None:
    organisation = make_organisation()
    place = make_place(organisation)
    savepoint = transaction.savepoint()
    close(place, start=EVE)
    assert RollupMark.objects.of(organisation).exists()
    transaction.savepoint_rollback(savepoint)
    connection.needs_rollback = False
    assert not RollupMark.objects.of(organisation).exists()
