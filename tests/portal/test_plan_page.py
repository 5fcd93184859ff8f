"""A plan: proposed with its basis, published as shown, carried out hour by hour through the guardrails."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from charging.models import ChargingSession
from portal.owner.plan import SALT
from revenue.dynamic import sweep as deciding
from revenue.dynamic import switching
from revenue.models import Feed, FeedValue, PlannedPrice, PriceDecision, RuleSet, RuleSetEvent
from tests.builders import make_member, make_organisation
from tests.portal.test_driver import text_of
from tests.revenue.clocks import Clock
from tests.revenue.pricing_world import NOW, Place, fill, heard, make_place

pytestmark = pytest.mark.django_db
TOMORROW = datetime(2030, 1, 7, 23, tzinfo=UTC)  # midnight in Amsterdam


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(NOW, monkeypatch)


@pytest.fixture
def place(clock: Clock) -> Place:
    """A site with eight weeks of two sessions a morning and six an evening, 10 kWh each."""
    found = make_place(name="Harbour")
    fill(found, 0, clock.at)
    connector = found.connectors[0]
    ChargingSession.objects.bulk_create(
        ChargingSession(
            organisation_id=connector.organisation_id,
            station_id=connector.evse.station_id,
            connector=connector,
            source_key=f"{day}-{hour}-{number}",
            transaction_id=f"{day}-{hour}-{number}",
            state=ChargingSession.State.ENDED,
            started_at=NOW - timedelta(days=day, hours=10 - hour),
            ended_at=NOW - timedelta(days=day, hours=9 - hour),
            meter_end_wh=10_000,
        )
        for day in range(56)
        for hour, count in ((0, 2), (8, 6))
        for number in range(count)
    )
    return found


def url(place: Place, name: str) -> str:
    return reverse(f"portal:{name}", args=[place.site.organisation.slug, place.site.pk])


def proposed(client: Client, place: Place, **changes: object) -> tuple[str, str]:
    """The page's words and the signed proposal."""
    client.force_login(make_member(place.site.organisation).user)
    asked = {"goal": "revenue", "days": "1", "elasticity": "-0.5", **{k: str(v) for k, v in changes.items()}}
    page = client.get(url(place, "prices-plan"), asked)
    return text_of(page), page.context.get("signed", "")


def test_a_proposal_says_what_it_brings_and_what_that_rests_on(client: Client, place: Place) -> None:
    words, signed = proposed(client, place)
    assert "40.00 EUR; the fullest hour" in words  # 8 sessions of 10 kWh at 0.50
    assert "the mean of 8 weeks, 448 sessions" in words
    assert "an elasticity of −0.50" in words
    assert "only your guardrails end it" in words
    assert "Assumed: nothing has been measured here yet" in words
    prices = signing.loads(signed, salt=SALT)["prices"]
    assert len(prices) == 24
    assert prices[0][0] == TOMORROW.isoformat()
    assert not PlannedPrice.objects.exists()


def test_grid_prices_are_counted_where_they_are_known(client: Client, place: Place, clock: Clock) -> None:
    feed = Feed.objects.create(organisation=place.site.organisation, name="day ahead")
    RuleSet.objects.update(grid_feed=feed)
    for hour in range(24):
        FeedValue.objects.create(
            organisation=feed.organisation,
            feed=feed,
            at=TOMORROW + timedelta(hours=hour),
            value="0.10",
            received_at=NOW,
        )
    words, _signed = proposed(client, place)
    assert "32.00 EUR; the fullest hour" in words
    assert "counted at the prices of the site's grid feed" in words
    assert "only your guardrails end it" not in words


def test_a_published_plan_is_carried_out_as_shown(client: Client, place: Place, clock: Clock) -> None:
    switching.switch_on(place.rule_set)
    _words, signed = proposed(client, place)
    client.post(url(place, "prices-plan-publish"), {"signed": signed})
    shown = [Decimal(price) for _slot, price in signing.loads(signed, salt=SALT)["prices"]]
    assert list(PlannedPrice.objects.values_list("price", flat=True)) == shown
    assert RuleSetEvent.objects.get(kind="planned").detail["hours"] == 24
    clock.at = TOMORROW - timedelta(minutes=95)
    for _ in range(5):
        clock.go(hours=1)
        heard(place, clock.at)
        assert deciding.sweep() == 1
    rows = PriceDecision.objects.filter(slot__gte=TOMORROW).order_by("slot")
    assert [row.price for row in rows] == shown[:5]
    assert {row.outcome for row in rows} == {"plan"}
    assert all(row.changes == [] for row in rows)


def test_a_later_plan_replaces_the_earlier_but_not_an_experiment(client: Client, place: Place) -> None:
    PlannedPrice.objects.create(
        organisation=place.site.organisation,
        rule_set=place.rule_set,
        slot=TOMORROW,
        price="0.40",
        origin="experiment",
    )
    for goal in ("revenue", "flat"):
        _words, signed = proposed(client, place, goal=goal, elasticity="-1.2")
        client.post(url(place, "prices-plan-publish"), {"signed": signed})
    assert PlannedPrice.objects.count() == 24
    assert PlannedPrice.objects.get(slot=TOMORROW).origin == "experiment"


def test_only_what_was_shown_can_be_published(client: Client, place: Place, clock: Clock) -> None:
    _words, signed = proposed(client, place)
    other = make_place(organisation=place.site.organisation, name="Elsewhere")
    for wrong in ("", signed[:-3] + "abc", signing.dumps({"prices": []}, salt="another")):
        page = client.post(url(place, "prices-plan-publish"), {"signed": wrong}, follow=True)
        assert "too old" in text_of(page)
    page = client.post(url(other, "prices-plan-publish"), {"signed": signed}, follow=True)
    assert "of another site" in text_of(page)
    RuleSet.objects.filter(pk=place.rule_set.pk).update(cap="0.51")
    page = client.post(url(place, "prices-plan-publish"), {"signed": signed}, follow=True)
    assert "outside the guardrails by now" in text_of(page)
    client.force_login(make_member(make_organisation()).user)
    assert client.post(url(place, "prices-plan-publish"), {"signed": signed}).status_code == 404
    assert not PlannedPrice.objects.exists()


def test_a_site_nobody_knows_gets_no_plan(client: Client, clock: Clock) -> None:
    words, signed = proposed(client, make_place())
    assert "Too little is known" in words
    assert signed == ""
