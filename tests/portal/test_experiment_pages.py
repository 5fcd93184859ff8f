"""Experiments from plan to result: power before, prices by the ordinary path, no result before its time."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from charging.models import ChargingSession
from revenue.dynamic import sweep as deciding
from revenue.dynamic import switching
from revenue.experiments import running
from revenue.experiments.design import Design
from revenue.models import Experiment, PlannedPrice, PriceDecision, RuleSet
from stations.models import Connector
from tests.builders import make_member, make_organisation
from tests.portal.test_driver import text_of
from tests.revenue.clocks import Clock
from tests.revenue.pricing_world import NOW, Place, fill, make_place

pytestmark = pytest.mark.django_db
STARTS = date(2030, 1, 14)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(NOW, monkeypatch)


@pytest.fixture
def place(clock: Clock) -> Place:
    """A site whose guardrails leave room for 20 % up and down."""
    found = make_place(name="Harbour")
    fill(found, 0, clock.at)
    RuleSet.objects.update(max_step=Decimal("0.20"), max_step_day=Decimal("0.25"))
    found.rule_set.refresh_from_db()
    return found


def given(place: Place, **changes: object) -> dict[str, object]:
    return {
        "name": "Twenty up and down", "sites": [str(place.rule_set.pk)], "low_percent": "-20", "high_percent": "20",
        "block_hours": "24", "weeks": "4", "starts_on": "2030-01-14", "elasticity": "-0.5", **changes,
    }  # fmt: skip


def address(place: Place, name: str, *more: object) -> str:
    return reverse(f"portal:{name}", args=[place.site.organisation.slug, *more])


def registered(client: Client, place: Place, **changes: object) -> Experiment:
    client.force_login(make_member(place.site.organisation).user)
    answer = client.post(address(place, "experiment-new"), {**given(place, **changes), "register": ""})
    assert answer.status_code == 302, text_of(answer)
    found: Experiment = Experiment.objects.get()
    return found


def add_sessions(connector: Connector, starts: list[datetime]) -> None:
    ChargingSession.objects.bulk_create(
        ChargingSession(
            organisation_id=connector.organisation_id,
            station_id=connector.evse.station_id,
            connector=connector,
            source_key=f"x{number}",
            transaction_id=f"x{number}",
            state=ChargingSession.State.ENDED,
            started_at=start,
            ended_at=start + timedelta(hours=1),
            meter_end_wh=1000,
        )
        for number, start in enumerate(starts)
    )


def test_the_power_is_said_before_and_a_weak_one_is_warned_of(client: Client, place: Place) -> None:
    add_sessions(place.connectors[0], [NOW - timedelta(hours=7 * n) for n in range(1, 190)])
    client.force_login(make_member(place.site.organisation).user)
    page = text_of(client.post(address(place, "experiment-new"), given(place)))
    assert "sees it with a chance of" in page
    assert "Less than four in five" in page
    assert "in the last 8 weeks" in page
    assert not Experiment.objects.exists()
    strong = text_of(client.post(address(place, "experiment-new"), given(place, weeks="52", elasticity="-2")))
    assert "Less than four in five" not in strong


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"starts_on": "2030-01-15"}, "must be a Monday"),
        ({"starts_on": "2029-12-31"}, "must lie in the future"),
        ({"weeks": "5"}, "must be even"),
        ({"high_percent": "-30"}, "must be above the low one"),
        ({"high_percent": "80"}, "not within"),
        ({"low_percent": "-25", "high_percent": "25"}, "a step may be"),
        ({"sites": []}, "This field is required"),
    ],
)
def test_what_could_not_run_is_refused_beside_its_field(
    client: Client, place: Place, changes: dict[str, object], words: str
) -> None:
    client.force_login(make_member(place.site.organisation).user)
    page = client.post(address(place, "experiment-new"), {**given(place, **changes), "register": ""})
    assert words in text_of(page)
    assert not Experiment.objects.exists()


def test_its_blocks_are_priced_by_the_ordinary_path(client: Client, place: Place, clock: Clock) -> None:
    experiment = registered(client, place)
    assert PlannedPrice.objects.count() == 4 * 168
    by_day = Design(1, 4, 24, experiment.seed).arms()[0]
    switching.switch_on(place.rule_set)
    for day in (0, 1, 7, 8):
        midnight = datetime(2030, 1, 13, 23, tzinfo=UTC) + timedelta(days=day)  # 00:00 in Amsterdam
        for hour in (0, 1):
            clock.at = midnight + timedelta(hours=hour) - timedelta(minutes=40)
            assert deciding.sweep() == 1
        decision = PriceDecision.objects.get(slot=midnight + timedelta(hours=1))
        assert decision.outcome == "experiment"
        assert decision.price == (Decimal("0.60") if by_day[day // 7, day % 7] else Decimal("0.40"))
    assert running.read(experiment).as_planned == 5 / 8  # after a gap, a first hour had the normal price


def test_the_result_is_told_at_the_registered_end_and_not_before(
    client: Client, place: Place, clock: Clock
) -> None:
    experiment = registered(client, place)
    arms = Design(1, 4, 24, experiment.seed).arms()[0].ravel()
    rng = np.random.default_rng(1)
    starts = [
        datetime(2030, 1, 14, tzinfo=UTC) + timedelta(days=day, hours=8, minutes=int(minute))
        for day, arm in enumerate(arms)
        for minute in rng.integers(0, 600, 10 if arm else 30)
    ]
    add_sessions(place.connectors[0], starts)
    url = address(place, "experiment", experiment.pk)
    clock.at = datetime(2030, 2, 1, tzinfo=UTC)
    early = client.get(url)
    assert "The result is told on 11 Feb 2030, as registered; 2 of 4 weeks are over" in text_of(early)
    assert early.context["result"] is None
    clock.at = datetime(2030, 2, 12, tzinfo=UTC)
    page = text_of(client.get(url))
    assert "The high price changed demand by −66.7 %" in page
    assert "measured on 560 sessions in 4 weeks" in page
    assert "an elasticity of −2.71" in page  # log(1/3) / log(0.60/0.40)
    assert "Did demand only move?" in page


def test_a_stopped_experiment_gives_the_prices_back(client: Client, place: Place, clock: Clock) -> None:
    experiment = registered(client, place)
    clock.at = datetime(2030, 1, 20, tzinfo=UTC)
    client.post(address(place, "experiment-stop", experiment.pk))
    experiment.refresh_from_db()
    assert experiment.stopped_at == clock.at
    assert not PlannedPrice.objects.filter(slot__gt=clock.at).exists()
    assert "too little happened" in text_of(client.get(address(place, "experiment", experiment.pk)))


def test_what_is_registered_cannot_be_changed_and_not_overlap(client: Client, place: Place) -> None:
    experiment = registered(client, place)
    with pytest.raises(DatabaseError), transaction.atomic():
        Experiment.objects.filter(pk=experiment.pk).update(weeks=2)
    again = client.post(address(place, "experiment-new"), {**given(place, name="again"), "register": ""})
    assert "prices planned for these weeks already" in text_of(again)


def test_strangers_neither_register_nor_stop(client: Client, place: Place) -> None:
    experiment = registered(client, place)
    stranger = make_member(make_organisation())
    client.force_login(stranger.user)
    assert client.post(address(place, "experiment-stop", experiment.pk)).status_code == 404
    own = reverse("portal:experiment-stop", args=[stranger.organisation.slug, experiment.pk])
    assert client.post(own).status_code == 404
    foreign = reverse("portal:experiment-new", args=[stranger.organisation.slug])
    page = client.post(foreign, {**given(place, name="mine"), "register": ""})
    assert "Select a valid choice" in text_of(page)
    assert Experiment.objects.count() == 1
