"""Prices' pages: what moves and why, forms that say what can't hold, and strangers who find nothing."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Role
from portal.words import THIN_SPACE
from revenue.dynamic import sweep as deciding
from revenue.dynamic import switching
from revenue.models import Feed, FeedValue, PriceRule, RuleSet, RuleSetEvent
from tests.builders import make_member, make_organisation
from tests.portal.test_driver import text_of
from tests.revenue.clocks import Clock
from tests.revenue.pricing_world import NOW, Place, fill, heard, make_place, make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(NOW, monkeypatch)


@pytest.fixture
def place(clock: Clock) -> Place:
    """A site with a rule that holds, not switched on."""
    found = make_place(name="Harbour")
    fill(found, 1, clock.at)
    make_rule(found, name="always dearer", percent=10)
    return found


def url(place: Place, name: str, *more: object) -> str:
    return reverse(f"portal:prices-{name}", args=[place.site.organisation.slug, *(more or (place.site.pk,))])


def enter(client: Client, place: Place, role: str = Role.OWNER) -> None:
    client.force_login(make_member(place.site.organisation, role).user)


GUARDRAILS = {
    "normal_price": "0.50", "floor": "0.30", "cap": "0.80", "max_step": "0.10", "max_step_day": "0.30",
    "hysteresis": "0.01", "notice_minutes": "20", "utilisation_max_age_minutes": "15",
}  # fmt: skip


def test_from_nothing_to_a_moving_price_and_back(client: Client, clock: Clock) -> None:
    place = make_place(name="Harbour")
    RuleSetEvent.objects.all().delete()
    RuleSet.objects.all().delete()
    enter(client, place)
    assert "stands still here" in text_of(client.get(url(place, "site")))
    client.post(url(place, "set-up"))
    client.post(url(place, "guardrails"), GUARDRAILS)
    client.post(url(place, "rule-new"), {"name": "dearer", "action": "percent", "percent": "20"})
    client.post(url(place, "on"))
    clock.go(hours=1)
    assert deciding.sweep() == 1
    clock.go(hours=1)
    page = text_of(client.get(url(place, "site")))
    assert "Charging costs 0.60 EUR/kWh now." in page
    assert "moved once, by 1 decision." in page
    assert "Back to the usual tariff" not in page
    client.post(url(place, "off"))
    assert "Back to the usual tariff" in text_of(client.get(url(place, "site")))
    kinds = list(RuleSetEvent.objects.order_by("at", "id").values_list("kind", flat=True))
    assert kinds == ["changed", "changed", "changed", "on", "killed"]


def test_the_preview_tells_announced_from_expected(client: Client, place: Place, clock: Clock) -> None:
    switching.switch_on(place.rule_set)
    clock.go(hours=1)
    heard(place, clock.at)
    deciding.sweep()
    enter(client, place)
    chart = client.get(url(place, "site")).context["chart"]
    firm = [column.words for column in chart.columns if column.blocks[0].kind == "energy"]
    assert firm == [f"13:00: 0.55{THIN_SPACE}EUR"]
    assert len(chart.columns) == 24
    assert chart.columns[5].words == f"17:00: 0.55{THIN_SPACE}EUR"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"floor": "0.60"}, "must lie between floor and cap"),
        ({"max_step": "0.40"}, "must not be below max_step"),
        ({"hysteresis": "0.2"}, "must lie between 0 and max_step"),
        ({"notice_minutes": ""}, "This field is required"),
        ({"notice_minutes": "1"}, "greater than or equal to 5"),
        ({"cap": "0.52"}, "asks for 0.55, outside"),
        ({"floor": "-1"}, "must not be below 0"),
    ],
)
def test_guardrails_that_cannot_hold_are_said_beside_the_field(
    client: Client, place: Place, changed: dict[str, str], words: str
) -> None:
    enter(client, place)
    before = RuleSet.objects.values().get(pk=place.rule_set.pk)
    page = client.post(url(place, "guardrails"), {**GUARDRAILS, **changed})
    assert page.status_code == 200
    assert page.context["form"].errors
    assert words in text_of(page)
    assert RuleSet.objects.values().get(pk=place.rule_set.pk) == before


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"percent": "100"}, "asks for 1, outside"),
        ({"action": "step", "amount": "-0.40"}, "asks for 0.1, outside"),
        ({"from_time": "08:00"}, "Give both times"),
        ({"utilisation_min": "80", "utilisation_max": "50"}, "Must be above"),
        ({"action": "cost_plus", "amount": "0.3"}, "no feed for it"),
        ({"queue_min": "2"}, "no feed for it"),
        ({"name": ""}, "This field is required"),
        ({"days": "9"}, "not one of the available choices"),
    ],
)
def test_a_rule_that_cannot_hold_is_refused_beside_its_field(
    client: Client, place: Place, given: dict[str, str], words: str
) -> None:
    enter(client, place)
    page = client.post(url(place, "rule-new"), {"name": "x", "action": "percent", "percent": "5", **given})
    assert words in text_of(page)
    assert PriceRule.objects.count() == 1


def test_rules_are_edited_moved_and_deleted_and_it_is_kept_who_did(client: Client, place: Place) -> None:
    second = make_rule(place, name="night", from_time="22:00", to_time="06:00", percent=-5)
    enter(client, place)
    assert "22:00–06:00" in text_of(client.get(url(place, "site")))
    assert "never counts" in text_of(client.get(url(place, "site")))
    client.post(url(place, "rule-up", second.pk))
    assert [rule.name for rule in PriceRule.objects.all()] == ["night", "always dearer"]
    changed = {"name": "late", "action": "percent", "percent": "-6", "from_time": "23:00", "to_time": "06:00"}
    client.post(url(place, "rule", second.pk), {**changed, "days": ["0", "1", "2", "3", "4"]})
    second.refresh_from_db()
    assert (second.name, second.percent, second.days) == ("late", Decimal(-6), [0, 1, 2, 3, 4])
    client.post(url(place, "rule-delete", second.pk))
    assert PriceRule.objects.count() == 1
    assert RuleSetEvent.objects.filter(kind="changed", user__isnull=False).count() == 3


def test_a_feed_takes_a_csv_and_says_what_is_wrong_with_one(client: Client, place: Place) -> None:
    enter(client, place)
    new = reverse("portal:prices-feeds", args=[place.site.organisation.slug])
    given = {"name": "Day ahead", "kind": "grid", "every_minutes": "60", "max_age_minutes": "2000"}
    wrong = SimpleUploadedFile("a.csv", b"at,value\n2030-01-07T11:00Z,dear\n")
    assert "row 1: `value` is" in text_of(client.post(new, {**given, "file": wrong}))
    assert not Feed.objects.exists()
    right = SimpleUploadedFile("a.csv", b"at,per_mwh\n2030-01-07T11:00Z,104.5\n")
    assert client.post(new, {**given, "file": right}).status_code == 302
    assert FeedValue.objects.get().value == Decimal("0.1045")
    assert "no user" not in text_of(client.get(new))
    inside = client.post(new, {**given, "name": "b", "url": "https://me:pass@prices.example/"})
    assert "password" in text_of(inside)


def test_decisions_are_listed_and_taken_away(client: Client, place: Place, clock: Clock) -> None:
    switching.switch_on(place.rule_set)
    clock.go(hours=1)
    deciding.sweep()
    enter(client, place, Role.VIEWER)
    page = text_of(client.get(url(place, "decisions")))
    assert "always dearer" in page
    assert "25 % taken" in page
    file = client.get(url(place, "decisions"), {"format": "csv"})
    lines = b"".join(file.streaming_content).decode().splitlines()  # type: ignore[attr-defined]  # it streams
    assert len(lines) == 2
    assert "always dearer" in lines[1]


@pytest.mark.parametrize("name", ["set-up", "on", "off", "guardrails", "rule-new", "plan-publish"])
def test_a_strangers_and_a_viewers_post_changes_nothing(client: Client, place: Place, name: str) -> None:
    before = (RuleSetEvent.objects.count(), PriceRule.objects.count())
    given = {**GUARDRAILS, "name": "x", "action": "percent", "percent": "1"}
    client.force_login(make_member(make_organisation()).user)
    assert client.post(url(place, name), given).status_code == 404
    enter(client, place, Role.VIEWER)
    assert client.post(url(place, name), given).status_code == 403
    assert (RuleSetEvent.objects.count(), PriceRule.objects.count()) == before


@pytest.mark.parametrize("name", ["rule", "rule-up", "rule-delete"])
def test_a_foreign_rule_cannot_be_reached_through_ones_own_organisation(
    client: Client, place: Place, name: str
) -> None:
    other = make_member(make_organisation())
    client.force_login(other.user)
    rule = PriceRule.objects.get()
    address = reverse(f"portal:prices-{name}", args=[other.organisation.slug, rule.pk])
    assert client.post(address, {"name": "mine now", "action": "percent"}).status_code == 404
    rule.refresh_from_db()
    assert rule.name == "always dearer"


def test_drivers_see_what_the_price_will_be_before_they_plug_in(
    client: Client, place: Place, clock: Clock
) -> None:
    station_page = reverse("portal:station", args=[place.station.public_code])
    assert "The price moves" not in text_of(client.get(station_page))
    switching.switch_on(place.rule_set)
    clock.go(hours=1)
    heard(place, clock.at)
    deciding.sweep()
    page = text_of(client.get(station_page))
    assert "The price moves." in page
    assert "From Mon 13:00: 0.66 EUR/kWh" in page  # 0.55 and 20 % tax
    switching.kill(place.rule_set)
    assert "The price moves" not in text_of(client.get(station_page))
    assert clock.at == NOW + timedelta(hours=1)
