"""Outages are what the status intervals say, kept up step by step or worked out anew."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Organisation
from stations.models import DOWN, EVSE, Connector, Outage, Status
from stations.uptime import outages
from stations.uptime.outages import Down, Told, outages_of
from stations.uptime.spans import FAR
from tests.builders import MONDAY, connector_of, make_organisation, make_site, make_station, make_status

HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    return MONDAY + hours * HOUR


def down(since: float, until: float | None, status: str = Status.FAULTED, connector: int = 1) -> Down:
    return Down(connector, status, "GroundFailure", "", at(since), FAR if until is None else at(until))


def port(downs: list[Down], first: float = 0) -> Told:
    return Told(at(first), downs)


def kept(organisation: Organisation) -> list[tuple[Any, ...]]:
    rows = Outage.objects.of(organisation).order_by("evse", "since")
    return list(rows.values_list("evse", "since", "until", "evidence"))


class TestOfOnePort:
    def test_a_fault_that_becomes_silence_is_one_outage_with_both_for_evidence(self) -> None:
        (one,) = outages_of([port([down(3, 5), down(5, 6, Status.OFFLINE)])])
        assert (one.since, one.until) == (at(3), at(6))
        assert [told["status"] for told in one.evidence] == ["Faulted", "Offline"]
        assert one.evidence[0]["error_code"] == "GroundFailure"

    def test_what_still_lasts_has_no_end(self) -> None:
        (one,) = outages_of([port([down(3, None)])])
        assert one.until is None
        assert one.evidence[0]["until"] is None

    def test_a_port_is_up_while_one_of_its_connectors_is(self) -> None:
        found = outages_of([port([down(1, 5)]), port([down(4, 8, connector=2)])])
        assert [(one.since, one.until) for one in found] == [(at(4), at(5))]
        assert outages_of([port([down(1, 5)]), port([])]) == []

    def test_a_connector_counts_from_its_first_status_on(self) -> None:
        found = outages_of([port([down(1, 5)]), port([], first=3)])
        assert [(one.since, one.until) for one in found] == [(at(1), at(3))]

    @given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 30)), min_size=1, max_size=15), st.randoms())
    def test_the_order_of_intervals_does_not_matter(
        self, pairs: list[tuple[int, int]], chance: random.Random
    ) -> None:
        downs = [down(start, start + long) for start, long in pairs]
        mixed = list(downs)
        chance.shuffle(mixed)
        straight, shuffled = outages_of([port(downs)]), outages_of([port(mixed)])
        assert [(one.since, one.until) for one in straight] == [(one.since, one.until) for one in shuffled]
        hours = {hour for start, long in pairs for hour in range(start, start + long)}
        assert sum(((one.until or FAR) - one.since) // HOUR for one in straight) == len(hours)


@pytest.mark.django_db
class TestUpkeep:
    def test_an_outage_opens_grows_and_ends(self) -> None:
        connector = connector_of(make_station())
        make_status(connector, Status.AVAILABLE, at(0))
        make_status(connector, Status.FAULTED, at(1), "HighTemperature")
        outages.sweep()
        outage = Outage.objects.get()
        assert (outage.since, outage.until) == (at(1), None)
        make_status(connector, Status.OFFLINE, at(2))
        make_status(connector, Status.AVAILABLE, at(5))
        outages.sweep()
        again = Outage.objects.get()
        assert (again.pk, again.since, again.until) == (outage.pk, at(1), at(5))
        assert again.error_codes == ["HighTemperature", "Offline"]

    def test_a_blip_of_no_length_is_nothing(self) -> None:
        connector = connector_of(make_station())
        make_status(connector, Status.FAULTED, at(1))
        make_status(connector, Status.AVAILABLE, at(1))
        outages.sweep()
        assert not Outage.objects.exists()

    def test_a_port_in_order_is_not_looked_at_again(self) -> None:
        connector = connector_of(make_station())
        make_status(connector, Status.FAULTED, at(1))
        make_status(connector, Status.AVAILABLE, at(2))
        assert outages.sweep() == 1
        assert outages.sweep() == 0

    @pytest.mark.parametrize("seed", range(12))
    def test_step_by_step_and_anew_give_the_same(self, seed: int) -> None:
        chance = random.Random(seed)
        organisation = make_organisation()
        station = make_station(make_site(organisation), evses=2)
        evse = EVSE.objects.get(station=station, number=2)
        Connector.objects.create(organisation=organisation, evse=evse, number=2)
        connectors = list(Connector.objects.of(organisation))
        clock = at(0)
        for _step in range(60):
            clock += chance.choice((timedelta(0), timedelta(seconds=1), HOUR))
            status = chance.choice((*DOWN, *DOWN, Status.AVAILABLE, Status.CHARGING))
            make_status(chance.choice(connectors), status, clock)
            if chance.random() < 0.4:
                outages.sweep()
        outages.sweep()
        step_by_step = kept(organisation)
        assert len(step_by_step) > 3
        outages.rebuild(organisation)
        assert kept(organisation) == step_by_step

    def test_rebuilding_touches_no_other_organisation(self) -> None:
        connector = connector_of(make_station())
        make_status(connector, Status.FAULTED, at(1))
        outages.sweep()
        outages.rebuild(make_organisation())
        assert Outage.objects.count() == 1
