"""No money moves on facts that can't be right; a person decides, and it is written down who and why."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from charging import quality, rating
from charging.facts import Facts
from charging.models import ChargingSession, PricedSession, QuarantinedFact
from charging.plausibility import findings
from stations.models import Status, StatusInterval
from tests.builders import MONDAY, connector_of, make_session, make_station, make_tariff, make_user

HOUR = 3600


def facts(energy_wh: int = 10_000, duration_s: int = HOUR, **fields: Any) -> Facts:
    return Facts(
        **{
            "start": MONDAY,
            "duration_s": duration_s,
            "meter_start_wh": 500,
            "meter_end_wh": 500 + energy_wh,
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("reasons", "doubtful"),
    [
        ([], facts()),
        ([], facts(registers=((600, 2_000), (1200, 4_000), (3600, 10_500)))),
        ([], facts(registers=((600, 2_000), (4000, 10_500)))),
        ([], facts(0, 900)),
        ([], facts(22_000, HOUR)),
        ([], facts(60_000, 48 * HOUR)),
        ([], facts(0, 0)),
        ([], facts(duration_s=5 * HOUR, registers=((2400, 10_500), (5 * HOUR, 10_500)))),
        (["register_backwards"], facts(registers=((600, 4_000), (1200, 3_000)))),
        (["register_backwards"], facts(registers=((3000, 10_600),))),
        (["register_reset"], facts(registers=((600, 4_000), (1200, 0)))),
        (["register_reset"], facts(-300)),
        (["reading_gap"], facts(20_000, 5 * HOUR, registers=((600, 2_000), (4 * HOUR, 18_000)))),
        (["zero_energy"], facts(5, 2 * HOUR)),
        (["clock_drift"], facts(registers=((-86_400, 1_000),))),
        (["clock_drift"], facts(registers=((86_400, 11_000),))),
        (["implausible_power"], facts(30_000, HOUR)),
        (["implausible_power"], facts(20_000, HOUR, registers=((60, 8_000),))),
        (["implausible_power"], facts(1_000, 0)),
        (["open_too_long"], facts(60_000, 73 * HOUR)),
        (["stop_before_start"], facts(0, -60)),
    ],
)
def test_each_doubt_has_its_name_and_an_honest_session_none(reasons: list[str], doubtful: Facts) -> None:
    assert [finding.reason for finding in findings(doubtful)] == reasons


def test_evidence_says_what_was_seen() -> None:
    (finding,) = findings(facts(registers=((600, 4_000), (1200, 3_000))))
    assert finding.evidence == {"from_s": 600, "from_wh": 4_000, "to_s": 1200, "to_wh": 3_000}


def make_priceable(**fields: Any) -> ChargingSession:
    connector = connector_of(make_station())
    make_tariff(organisation=connector.organisation)
    return make_session(connector, **fields)


@pytest.mark.django_db
class TestTheGate:
    def test_a_doubtful_session_is_held_with_all_its_reasons_and_not_priced(self) -> None:
        session = make_priceable(energy_wh=900_000, seconds=80 * HOUR, readings=[(600, 3_000), (660, 2_000)])
        rating.sweep()
        session.refresh_from_db()
        assert session.hold_reasons == ["register_backwards", "reading_gap", "open_too_long"]
        assert (session.state, session.quality) == ("ended", "held")
        assert set(session.reviews.get().evidence) == set(session.hold_reasons)
        assert not PricedSession.objects.exists()
        assert rating.sweep() == 0

    def test_two_sessions_at_once_on_one_connector_are_both_held(self) -> None:
        first = make_priceable()
        second = make_session(first.connector, start=first.started_at + timedelta(minutes=30))
        rating.sweep()
        for session, other in ((first, second), (second, first)):
            session.refresh_from_db()
            assert session.hold_reasons == ["overlap"]
            assert session.reviews.get().evidence["overlap"]["sessions"] == [str(other.pk)]

    def test_neighbours_within_a_minute_are_no_overlap(self) -> None:
        first = make_priceable()
        assert first.ended_at is not None
        second = make_session(first.connector, start=first.ended_at - timedelta(seconds=50))
        rating.sweep()
        for session in (first, second):
            session.refresh_from_db()
            assert session.state == "priced"

    def test_a_session_that_lost_its_stop_does_not_hold_the_next_one(self) -> None:
        lost = make_priceable(seconds=None)
        following = make_session(lost.connector, start=lost.started_at + timedelta(hours=1))
        rating.sweep()
        following.refresh_from_db()
        assert following.state == "priced"

    def test_a_stop_in_the_future_is_clock_drift(self) -> None:
        session = make_priceable(start=timezone.now())
        rating.sweep()
        session.refresh_from_db()
        assert session.hold_reasons == ["clock_drift"]

    def test_a_quarantined_fact_holds_its_session_until_it_is_resolved(self) -> None:
        session = make_priceable()
        fact = QuarantinedFact.objects.create(
            organisation_id=session.organisation_id,
            source="ocpp",
            source_key="f",
            session=session,
            reason="conflicting_stop",
            raw="[]",
        )
        assert [finding.reason for finding in quality.judge(session)] == ["conflicting_stop"]
        fact.resolved_at = timezone.now()
        fact.save()
        assert quality.judge(session) == []


@pytest.mark.django_db
class TestAPersonDecides:
    def held(self, **fields: Any) -> ChargingSession:
        session = make_priceable(**{"energy_wh": 0, "seconds": 2 * HOUR, **fields})
        rating.sweep()
        session.refresh_from_db()
        assert session.quality == "held"
        return session

    def test_a_released_session_is_priced_as_it_stands(self) -> None:
        session, user = self.held(), make_user()
        quality.release(session, by=user, note="vehicle was full")
        rating.sweep()
        session.refresh_from_db()
        assert (session.state, session.quality) == ("priced", "released")
        review = session.reviews.last()
        assert review is not None
        assert (review.action, review.by, review.note) == ("released", user, "vehicle was full")
        assert review.reasons == ["zero_energy"]

    def test_a_waived_session_is_never_priced(self) -> None:
        session = self.held()
        quality.waive(session, by=make_user(), note="station was broken")
        assert rating.sweep() == 0
        session.refresh_from_db()
        assert (session.state, session.quality) == ("ended", "waived")

    @pytest.mark.parametrize("decide", [quality.release, quality.waive])
    def test_a_decision_needs_a_reason(self, decide: Callable[..., ChargingSession]) -> None:
        with pytest.raises(ValidationError, match="Say why"):
            decide(self.held(), by=make_user(), note="  ")

    def test_a_repeated_decision_changes_nothing(self) -> None:
        session = self.held()
        quality.waive(session, by=make_user(), note="broken")
        quality.release(session, by=make_user(), note="second thoughts")
        session.refresh_from_db()
        assert session.quality == "waived"
        assert session.reviews.count() == 2

    def test_a_register_that_ran_backwards_can_only_be_waived(self) -> None:
        session = make_priceable(
            seconds=HOUR, energy_wh=-5, quality="held", hold_reasons=["register_backwards"]
        )
        with pytest.raises(ValidationError, match="waive it"):
            quality.release(session, by=make_user(), note="go")
        quality.waive(session, by=make_user(), note="meter was swapped")

    def test_a_released_session_still_without_tariff_is_held_again(self) -> None:
        session = make_session()
        rating.sweep()
        quality.release(session, by=make_user(), note="try again")
        rating.sweep()
        session.refresh_from_db()
        assert (session.quality, session.hold_reasons) == ("held", ["no_tariff"])


@pytest.mark.django_db
class TestStaleSessions:
    now = MONDAY + timedelta(days=2)
    begun = MONDAY + timedelta(hours=10)

    def running(self, **fields: Any) -> ChargingSession:
        fields = {"last_reading_at": self.begun + timedelta(hours=1), "last_register_wh": 9_000, **fields}
        return make_session(seconds=None, start=self.begun, **fields)

    def free_since(self, session: ChargingSession, since: datetime) -> None:
        StatusInterval.objects.create(
            organisation_id=session.organisation_id,
            connector=session.connector,
            status=Status.AVAILABLE,
            since=since,
        )

    def test_a_session_whose_station_went_on_ends_at_its_last_sign_of_life(self) -> None:
        session = self.running()
        self.free_since(session, self.begun + timedelta(hours=3))
        assert quality.close_stale(self.now) == 1
        session.refresh_from_db()
        assert (session.state, session.quality) == ("ended", "held")
        assert session.hold_reasons[0] == "stale"
        assert session.ended_at == self.begun + timedelta(hours=1)
        assert (session.energy_wh, session.stop_reason) == (9_000, "Stale")
        assert session.reviews.count() == 1
        assert quality.close_stale(self.now) == 0

    def test_a_newer_session_at_the_connector_tells_that_it_is_over(self) -> None:
        session = self.running()
        make_session(session.connector, start=self.begun + timedelta(hours=5))
        assert quality.close_stale(self.now) == 1

    def test_a_reboot_tells_that_it_is_over(self) -> None:
        session = self.running()
        session.station.boot_at = self.begun + timedelta(hours=2)
        session.station.save()
        assert quality.close_stale(self.now) == 1

    def test_a_silent_station_may_still_be_charging(self) -> None:
        self.running()
        assert quality.close_stale(self.now) == 0

    def test_after_a_week_of_silence_nobody_is(self) -> None:
        self.running()
        assert quality.close_stale(self.begun + timedelta(days=8)) == 1

    def test_recent_silence_is_left_alone(self) -> None:
        session = self.running(last_reading_at=self.now - timedelta(hours=5))
        self.free_since(session, self.now - timedelta(hours=1))
        assert quality.close_stale(self.now) == 0

    def test_a_session_without_any_reading_ends_where_it_began(self) -> None:
        session = self.running(last_reading_at=None, last_register_wh=None)
        assert quality.close_stale(self.begun + timedelta(days=8)) == 1
        session.refresh_from_db()
        assert (session.ended_at, session.energy_wh) == (self.begun, 0)
