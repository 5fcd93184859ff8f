"""New sites: bands that hold, coverage that takes nothing twice, files whose faults are named."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import combinations

import numpy as np
import pytest
from django.core.cache import cache
from django.utils import timezone

from charging.models import ChargingSession
from revenue.models import Candidate
from revenue.placement.candidates import CandidatesRefused, keep_candidates, read_candidates
from revenue.placement.coverage import Spot, choose, kilometres, reached
from revenue.placement.rates import Seen, leave_one_out, rate_of
from revenue.placement.reading import groups_of
from revenue.placement.sites import chosen_of, score
from revenue.placement.survey import surveys_of
from stations.models import EVSE, Connector, Status, StatusInterval
from tests.builders import (
    connector_of,
    make_candidate,
    make_organisation,
    make_session,
    make_site,
    make_station,
)
from tests.revenue.test_forecast_making import record_sessions

AMSTERDAM, UTRECHT = Spot(52.3731, 4.8926), Spot(52.0907, 5.1214)


def near(east_km: float, north_km: float = 0.0) -> Spot:
    """A spot some km from Amsterdam's centre."""
    return Spot(AMSTERDAM.latitude + north_km / 111.2, AMSTERDAM.longitude + east_km / (111.2 * 0.6106))


class TestRates:
    def test_the_band_holds_four_new_sites_of_five(self) -> None:
        rng = np.random.default_rng(1)
        inside = 0
        for _ in range(400):
            seen = [Seen(str(at), "normal", rate) for at, rate in enumerate(np.exp(rng.normal(0, 0.7, 8)))]
            told = rate_of("normal", seen[1:])
            assert told is not None
            inside += told.low <= seen[0].per_port_day <= told.high
        assert inside / 400 == pytest.approx(0.80, abs=0.05)

    def test_a_kind_with_too_few_sites_is_told_from_all(self) -> None:
        seen = [Seen(str(at), "normal", 1.0) for at in range(4)] + [Seen("fast", "rapid", 9.0)]
        normal, rapid = rate_of("normal", seen), rate_of("rapid", seen)
        assert normal is not None
        assert normal.mean == pytest.approx(1.0)
        assert (normal.sites, normal.of_kind) == (4, True)
        assert rapid is not None
        assert (rapid.sites, rapid.of_kind) == (5, False)
        assert rate_of("normal", seen[:2]) is None

    def test_leaving_one_out_tells_how_far_off_such_rates_are(self) -> None:
        seen = [Seen(str(at), "normal", rate) for at, rate in enumerate((1.0, 2.0, 1.0, 2.0))]
        found = leave_one_out(seen)
        assert found is not None
        assert found.sites == 4
        assert found.median == pytest.approx(2 ** (2 / 3))
        assert leave_one_out(seen[:3]) is None
        assert leave_one_out([]) is None


class TestCoverage:
    def test_distances_are_great_circles(self) -> None:
        assert kilometres([AMSTERDAM], [UTRECHT])[0, 0] == pytest.approx(35.1, abs=0.3)
        assert kilometres([AMSTERDAM], [AMSTERDAM])[0, 0] == 0
        assert reached([AMSTERDAM], [near(1.5)], 3.0)[0, 0] == pytest.approx(0.5, abs=0.01)

    def test_a_site_by_itself_wins_its_own_demand(self) -> None:
        (one,) = choose([near(0)], [5.0], [Decimal(1)], [], reach_km=3, most=3, budget=None)
        assert one.won == pytest.approx(5.0)
        assert one.taken == 0

    def test_two_on_one_spot_share_the_demand(self) -> None:
        chosen = choose([near(0), near(0)], [5.0, 5.0], [Decimal(1)] * 2, [], reach_km=3, most=2, budget=None)
        assert sum(each.won for each in chosen) == pytest.approx(5.0)

    def test_what_an_own_site_serves_is_taken_and_not_won(self) -> None:
        (half,) = choose([near(1.5)], [5.0], [Decimal(1)], [near(0)], reach_km=3, most=1, budget=None)
        assert half.won == pytest.approx(2.5, abs=0.05)
        assert half.won + half.taken == pytest.approx(5.0)
        assert choose([near(0)], [5.0], [Decimal(1)], [near(0)], reach_km=3, most=1, budget=None) == []

    def test_the_budget_and_the_number_are_kept(self) -> None:
        places, demand = [near(10 * at) for at in range(5)], [1.0, 2.0, 3.0, 4.0, 5.0]
        costs = [Decimal(10)] * 5
        three = choose(places, demand, costs, [], reach_km=3, most=3, budget=None)
        assert [each.index for each in three] == [4, 3, 2]
        assert len(choose(places, demand, costs, [], reach_km=3, most=5, budget=Decimal(25))) == 2
        assert choose(places, demand, costs, [], reach_km=3, most=5, budget=Decimal(9)) == []

    def test_a_big_one_is_not_missed_for_a_cheap_one(self) -> None:
        chosen = choose(
            [near(0), near(50)],
            [1.0, 20.0],
            [Decimal(1), Decimal(100)],
            [],
            reach_km=3,
            most=2,
            budget=Decimal(100),
        )
        assert [each.index for each in chosen] == [1]

    def test_greedy_is_close_to_the_best_of_all_choices(self) -> None:
        rng = np.random.default_rng(2)
        for _ in range(30):
            spots = [near(*rng.uniform(0, 8, 2)) for _ in range(9)]
            demand, costs = rng.uniform(1, 9, 9).tolist(), [Decimal(1)] * 9
            greedy = sum(
                each.won for each in choose(spots, demand, costs, [], reach_km=3, most=3, budget=None)
            )
            shares = reached(spots, spots, 3)
            local = np.array(demand) / shares.sum(axis=0)
            best = max(
                float(local @ shares[:, three].max(axis=1)) for three in map(list, combinations(range(9), 3))
            )
            assert greedy >= (1 - 1 / np.e) * best
            assert greedy <= best + 1e-9

    def test_without_candidates_nothing_is_chosen(self) -> None:
        assert choose([], [], [], [near(0)], reach_km=3, most=3, budget=None) == []


@pytest.mark.django_db
class TestCandidates:
    def test_a_file_is_read_with_its_optional_columns(self) -> None:
        organisation = make_organisation(currency="GBP")
        text = "name;latitude;longitude;power_kw;cost;traffic\nMill Lane;56.1;-3.4;50;41000.50;12000\nEast;56,2;-3\n"
        with pytest.raises(CandidatesRefused, match="row 3: latitude: '56,2' is no number from -90 to 90"):
            read_candidates(text.encode(), organisation)
        (one,) = read_candidates(text.split("East", maxsplit=1)[0].encode(), organisation)
        keep_candidates([one], organisation)
        kept = Candidate.objects.of(organisation).get()
        assert (kept.power_w, kept.ports, kept.access) == (50_000, 2, "public")
        assert (kept.traffic, kept.registrations) == (12_000, None)
        assert (kept.cost.amount, str(kept.cost.currency)) == (Decimal("41000.5"), "GBP")

    def test_a_name_that_is_there_is_replaced(self) -> None:
        organisation = make_organisation()
        for ports in (2, 6):
            content = f"name,latitude,longitude,ports\nA,1,2,{ports}\n".encode()
            keep_candidates(read_candidates(content, organisation), organisation)
        assert Candidate.objects.of(organisation).get().ports == 6

    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            (b"name,latitude\nA,1\n", "header: lacks longitude"),
            (b"name,latitude,longitude\n", "file: has a header and no rows"),
            (b"", "header: lacks name, latitude, longitude"),
            (b"\xff\xfe", "file: is no UTF-8 text"),
            (b"name,latitude,longitude\n,1,2\n", "row 2: name: needs 1 to 120"),
            (b"name,latitude,longitude\nA,1,2\nA,1,2\n", "row 3: name: 'A' stands there twice"),
            (b"name,latitude,longitude\nA,91,2\n", "row 2: latitude: '91' is no number from -90 to 90"),
            (b"name,latitude,longitude\nA,NaN,2\n", "row 2: latitude: 'NaN'"),
            (b"name,latitude,longitude,ports\nA,1,2,1.5\n", "row 2: ports: '1.5' is no whole number"),
            (
                b"name,latitude,longitude,access\nA,1,2,all\n",
                "row 2: access: 'all' is none of public, restricted",
            ),
            (b"name,latitude,longitude\nA\x00,1,2\n", "file: holds a NUL"),
            (b"name,latitude,longitude\n,,\n", "row 2: latitude: '' is no number"),
        ],
    )
    def test_faults_name_row_and_column(self, content: bytes, fault: str) -> None:
        with pytest.raises(CandidatesRefused) as refused:
            read_candidates(content, make_organisation())
        assert fault in str(refused.value)

    def test_reasons_stand_beside_the_score_and_are_bounded(self) -> None:
        organisation = make_organisation()
        seen = [Seen(str(at), "normal", 2.0) for at in range(5)]
        plain = make_candidate(organisation, ports=3)
        rich = make_candidate(organisation, ports=3, registrations=9000, distance_m=0, competitors=0)
        poor = make_candidate(organisation, ports=3, registrations=1, distance_m=9000, competitors=40)
        first, middle, last = score([poor, plain, rich], seen)
        assert [each.candidate for each in (first, middle, last)] == [rich, plain, poor]
        assert middle.mean == pytest.approx(6.0)
        assert middle.reasons == []
        assert last.factor == pytest.approx(1 / 3)
        assert {reason.field for reason in last.reasons} == {"registrations", "distance_m", "competitors"}
        assert score([plain], seen[:2]) == []

    def test_the_choice_names_candidates(self) -> None:
        organisation = make_organisation()
        far = make_candidate(organisation, latitude="53.0", ports=9)
        close = make_candidate(organisation)
        scored = score([far, close], [Seen(str(at), "normal", 2.0) for at in range(5)])
        own = [Spot(52.37, 4.89)]
        (only,) = chosen_of(scored, own, reach_km=3, most=2, budget=None)
        assert only.scored.candidate == far


@pytest.mark.django_db
class TestReading:
    @pytest.fixture(autouse=True)
    def _nothing_kept(self) -> None:
        cache.clear()

    def test_ac_and_dc_are_surveyed_apart_from_their_first_session_on(self) -> None:
        site = make_site(time_zone="UTC")
        slow = connector_of(make_station(site, evses=2))
        fast = connector_of(make_station(site, power_type="DC", max_power_w=50_000))
        record_sessions(slow, 40, 4)
        record_sessions(fast, 300, 2, seed=2)
        dc, ac = sorted(groups_of(site), key=lambda group: group.ports)
        assert (ac.power_type, ac.ports, ac.calendar.days) == ("AC", 2, 40)
        assert (dc.power_type, dc.ports, dc.calendar.days) == ("DC", 1, 26 * 7)
        assert ac.per_port_day == pytest.approx(2)

    def test_time_out_of_service_is_merged_by_port(self) -> None:
        connector = connector_of(make_station(make_site(time_zone="UTC")))
        second = Connector.objects.create(
            organisation_id=connector.organisation_id, evse=connector.evse, number=2
        )
        record_sessions(connector, 30, 2)
        now = timezone.now()
        for port, since, until in ((connector, 50, 40), (second, 45, 30), (connector, 100, 99)):
            StatusInterval.objects.create(
                organisation_id=connector.organisation_id, connector=port, status=Status.FAULTED,
                since=now - timedelta(hours=since), until=now - timedelta(hours=until),
            )  # fmt: skip
        (group,) = groups_of(connector.evse.station.site)
        hours = ((group.absences.end - group.absences.start) / 3600).round().tolist()
        assert hours == [1, 20]
        assert group.shared == 1

    def test_old_sessions_are_surveyed_up_to_the_last_of_them(self) -> None:
        connector = connector_of(make_station(make_site(time_zone="UTC")))
        long_ago = timezone.now() - timedelta(days=400)
        for day in range(40):
            make_session(connector, start=long_ago + timedelta(days=day))
        (group,) = groups_of(connector.evse.station.site)
        last = group.calendar.first + timedelta(days=group.calendar.days - 1)
        assert last == (long_ago + timedelta(days=39)).date()

    def test_only_the_organisations_own_sites_and_each_once_a_day(self) -> None:
        connector = connector_of(make_station(make_site(time_zone="UTC")))
        record_sessions(connector, 60, 3)
        other = connector_of(make_station(make_site(time_zone="UTC")))
        record_sessions(other, 60, 5)
        organisation = connector.organisation
        (one,) = surveys_of(organisation)
        assert (one.site_id, one.seen, one.net) == (connector.evse.station.site_id, 180, None)
        ChargingSession.objects.of(organisation).delete()
        assert surveys_of(organisation) == [one]

    def test_a_site_without_sessions_is_left_out(self) -> None:
        site = make_station().site
        assert EVSE.objects.of(site.organisation_id).count() == 1
        assert surveys_of(site.organisation) == []
