"""Decisions become ordinary tariff versions, once an hour, and every one of them leaves a row."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.mail import EmailMessage
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

import pricing
from charging.rating import pin_tariff
from charging.rating import sweep as rate_all
from revenue.dynamic import sweep as deciding
from revenue.dynamic import switching
from revenue.dynamic.documents import document_at, energy_price
from revenue.dynamic.observing import observe
from revenue.models import Feed, FeedValue, PlannedPrice, PriceDecision, RuleSet, RuleSetEvent
from tariffs.assignment import version_in_force
from tariffs.models import TariffAssignment, TariffVersion
from tests.builders import (
    connector_of,
    make_member,
    make_organisation,
    make_session,
    make_station,
    make_tariff_document,
)
from tests.revenue.clocks import Clock
from tests.revenue.pricing_world import Place, fill, heard, make_place, make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(clock: Clock) -> Place:
    """Its rules are on since an hour; four free ports; 11:05 in Amsterdam, the next hour to decide is 12:00."""
    found = make_place()
    fill(found, 0, clock.at)
    switching.switch_on(found.rule_set)
    clock.go(hours=1)
    heard(found, clock.at)
    return found


def price_at(place: Place, at: datetime) -> Decimal:
    """The price per kWh by which a session that starts at `at` is priced."""
    document = version_in_force(place.connectors[0], at).document
    return Decimal(document["elements"][0]["price_components"][0]["price"])


def decided() -> PriceDecision:
    assert deciding.sweep() == 1
    found: PriceDecision = PriceDecision.objects.latest("id")
    return found


def test_a_rule_becomes_a_version_of_the_tariff_that_drivers_pay_by(place: Place, clock: Clock) -> None:
    make_rule(place, name="four in ten", percent=10, utilisation_min=40)
    fill(place, 2, clock.at)
    row = decided()
    assert row.slot == datetime(2030, 1, 7, 12, tzinfo=UTC)
    assert (row.outcome, row.rule, row.price) == ("rule", "four in ten", Decimal("0.55"))
    assert row.inputs["utilisation"] == {
        "value": "50", "measured_at": clock.at.isoformat(), "fault": "",
    }  # fmt: skip
    assert row.version == version_in_force(place.connectors[0], row.slot)
    assert price_at(place, row.slot - timedelta(seconds=1)) == Decimal("0.50")
    assert price_at(place, row.slot) == Decimal("0.55")


def test_a_session_keeps_the_price_of_its_start(place: Place, clock: Clock) -> None:
    make_rule(place, name="up", percent=10)
    row = decided()
    clock.go(hours=3)
    before = make_session(place.connectors[0], start=row.slot - timedelta(minutes=1), energy_wh=10_000)
    after = make_session(place.connectors[1], start=row.slot, energy_wh=10_000)
    pin_tariff(before)
    pin_tariff(after)
    assert rate_all() == 2
    assert [str(one.pricings.get().net.amount) for one in (before, after)] == ["5.0000", "5.5000"]


def test_only_the_energy_price_moves(place: Place) -> None:
    make_rule(place, percent=10)
    document = decided().version.document  # type: ignore[union-attr]
    idle = document["elements"][1]["price_components"]
    assert [(one["type"], one["price"]) for one in idle] == [("PARKING_TIME", "3.00")]
    assert document["elements"][0]["price_components"][0]["vat"] == "20"


def test_an_hour_is_decided_once_however_often_the_sweep_runs(place: Place, clock: Clock) -> None:
    make_rule(place)
    decided()
    versions = TariffVersion.objects.count()
    clock.go(minutes=5)
    assert deciding.sweep() == 0
    assert TariffVersion.objects.count() == versions
    clock.go(hours=1)
    heard(place, clock.at)
    assert deciding.sweep() == 1


def test_a_scheduler_that_stops_leaves_the_normal_price_behind(place: Place) -> None:
    make_rule(place)
    row = decided()
    assert price_at(place, row.slot + timedelta(minutes=59)) == Decimal("0.55")
    assert price_at(place, row.slot + timedelta(hours=1)) == Decimal("0.50")


def test_the_same_price_goes_on_without_a_gap(place: Place, clock: Clock) -> None:
    make_rule(place)
    first = decided()
    clock.go(hours=1)
    second = decided()
    moments = [first.slot + timedelta(minutes=m) for m in (0, 59, 60, 119)]
    assert [price_at(place, at) for at in moments] == [Decimal("0.55")] * 4
    assert second.before == Decimal("0.55")


def test_a_stale_signal_brings_the_normal_price_an_alert_and_a_row(place: Place, clock: Clock) -> None:
    make_rule(place, name="busy", utilisation_min=80)
    clock.go(minutes=45)
    row = decided()
    assert (row.outcome, row.price) == ("fallback", Decimal("0.50"))
    assert "'busy': signal utilisation is stale: 45 min old" in row.alerts[0]
    assert row.version is not None


@pytest.mark.django_db(transaction=True)
def test_a_spell_of_doubt_brings_one_letter(
    place: Place, clock: Clock, mailoutbox: list[EmailMessage]
) -> None:
    owner = make_member(place.site.organisation)
    make_member(place.site.organisation, "viewer")
    make_rule(place, name="busy", utilisation_min=80)
    for _ in range(3):
        clock.go(hours=1)
        decided()
    assert [letter.bcc for letter in mailoutbox] == [[owner.user.email]]
    assert "signal utilisation is stale" in str(mailoutbox[0].body)
    heard(place, clock.go(hours=1))
    assert decided().alerts == []
    clock.go(hours=1)
    decided()
    assert len(mailoutbox) == 2


def test_hours_without_the_scheduler_bring_the_normal_price_and_an_alert(place: Place, clock: Clock) -> None:
    make_rule(place)
    decided()
    clock.go(hours=5)
    row = decided()
    assert row.outcome == "fallback"
    assert "4 hours went by" in row.alerts[0]
    clock.go(hours=1)
    assert decided().outcome == "rule"


def test_a_clock_that_goes_back_decides_nothing_twice_and_then_waits(place: Place, clock: Clock) -> None:
    make_rule(place)
    decided()
    clock.go(hours=-1)
    row = decided()
    assert row.outcome == "fallback"
    assert "went back" in row.alerts[0]
    assert price_at(place, row.slot) == Decimal("0.50")


def test_the_grid_price_of_the_hour_is_read_from_its_feed(place: Place, clock: Clock) -> None:
    feed = Feed.objects.create(organisation=place.site.organisation, name="day ahead")
    RuleSet.objects.update(grid_feed=feed)
    make_rule(place, name="cost plus", action="cost_plus", percent=10, amount="0.35")
    slot = datetime(2030, 1, 7, 12, tzinfo=UTC)
    FeedValue.objects.create(
        organisation=feed.organisation, feed=feed, at=slot, value=Decimal("0.20"), received_at=clock.at
    )
    assert decided().price == Decimal("0.57")
    clock.go(hours=1)
    assert decided().outcome == "fallback"


def test_an_idle_fee_is_waived_while_the_site_is_quiet(place: Place, clock: Clock) -> None:
    make_rule(place, name="quiet", action="waive_idle", utilisation_max=30)
    row = decided()
    assert row.waives_idle
    tariff = version_in_force(place.connectors[0], row.slot).parsed()
    parked = pricing.quote(tariff, "UTC", row.slot, energy_wh=1000, power_w=11_000, parked_s=3600)
    assert str(parked.total.net) == "0.50"
    fill(place, 4, clock.go(hours=1))
    assert not decided().waives_idle


def test_a_planned_price_goes_before_the_rules(place: Place) -> None:
    make_rule(place)
    slot = datetime(2030, 1, 7, 12, tzinfo=UTC)
    PlannedPrice.objects.create(
        organisation=place.site.organisation, rule_set=place.rule_set, slot=slot, price=Decimal("0.45"),
        origin="plan", note="quiet noon",
    )  # fmt: skip
    row = decided()
    assert (row.outcome, row.price, row.rule) == ("plan", Decimal("0.45"), "quiet noon")


def test_what_the_law_forbids_is_not_published(place: Place, clock: Clock) -> None:
    make_rule(place)
    unlawful = {**make_tariff_document("0.50", time="6.00"), "id": "x"}
    dc = make_station(place.site, power_type="DC", max_power_w=150_000)
    TariffVersion.objects.create(
        organisation=place.site.organisation,
        tariff=place.base.tariff,
        number=2,
        document=unlawful,
        valid_from=clock.at,
    )
    row = decided()
    assert (row.outcome, row.price, row.version) == ("refused", None, None)
    assert "AFIR" in row.why_no_version
    assert row.alerts == [row.why_no_version]
    assert dc.evses.count() == 1


def test_switching_on_starts_with_the_normal_price_after_the_notice(clock: Clock) -> None:
    place = make_place()
    from_ = switching.switch_on(place.rule_set)
    assert from_ == clock.at + timedelta(minutes=30)
    assert version_in_force(place.connectors[0], clock.at).tariff == place.base.tariff
    assert version_in_force(place.connectors[0], from_).tariff == place.rule_set.tariff
    with pytest.raises(switching.CannotSwitchOn, match="already"):
        switching.switch_on(place.rule_set)


def test_one_click_brings_back_the_usual_tariff_and_is_recorded(place: Place, clock: Clock) -> None:
    make_rule(place)
    row = decided()
    switching.kill(place.rule_set, why="too dear")
    assert version_in_force(place.connectors[0], clock.at).tariff == place.base.tariff
    assert version_in_force(place.connectors[0], row.slot).tariff == place.base.tariff
    assert RuleSetEvent.objects.get(kind="killed").detail == {"why": "too dear"}
    assert deciding.sweep() == 0
    switching.kill(place.rule_set)
    assert RuleSetEvent.objects.filter(kind="killed").count() == 1


def test_what_was_announced_before_does_not_come_back_when_it_is_switched_on_again(
    place: Place, clock: Clock
) -> None:
    make_rule(place)
    row = decided()
    switching.kill(place.rule_set)
    clock.go(minutes=1)
    switching.switch_on(place.rule_set)
    assert price_at(place, row.slot) == Decimal("0.50")


def test_killed_before_it_began_it_never_begins(clock: Clock) -> None:
    place = make_place()
    from_ = switching.switch_on(place.rule_set)
    switching.kill(place.rule_set)
    assert version_in_force(place.connectors[0], from_ + timedelta(seconds=1)).tariff == place.base.tariff


def test_rules_that_contradict_guardrails_are_not_switched_on(clock: Clock) -> None:
    place = make_place()
    make_rule(place, name="double", percent=100)
    with pytest.raises(switching.CannotSwitchOn, match="double"):
        switching.switch_on(place.rule_set)
    assert not TariffAssignment.objects.filter(tariff=place.rule_set.tariff).exists()


def test_a_site_without_a_tariff_gets_no_rules() -> None:
    station = make_station()
    with pytest.raises(switching.CannotSwitchOn, match="No tariff"):
        switching.rule_set_for(station.site)
    assert connector_of(station) is not None


def test_a_decision_is_never_changed(place: Place) -> None:
    row = decided()
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        PriceDecision.objects.filter(pk=row.pk).update(rule="another")


def test_one_site_that_fails_stops_no_other(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    other = make_place(organisation=make_organisation())
    RuleSet.objects.filter(pk=other.rule_set.pk).update(is_on=True)

    def broken(rule_set: RuleSet, *rest: object) -> object:
        if rule_set.pk == place.rule_set.pk:
            raise RuntimeError("a meter on fire")
        return observe(rule_set, *rest)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr("revenue.dynamic.sweep.observe", broken)
    assert deciding.sweep() == 1
    assert PriceDecision.objects.get().site == other.site


def test_asking_again_costs_few_queries(place: Place) -> None:
    decided()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        deciding.sweep()
    assert len(asked) <= 5


def test_the_document_replaces_all_energy_prices_by_one() -> None:
    bands = {
        "currency": "EUR",
        "elements": [
            {"price_components": [{"type": "ENERGY", "price": 0.6, "vat": 19}],
             "restrictions": {"start_time": "17:00", "end_time": "21:00"}},
            {"price_components": [{"type": "ENERGY", "price": 0.4, "vat": 19}, {"type": "FLAT", "price": 1}]},
        ],
    }  # fmt: skip
    assert energy_price(bands) == Decimal("0.4")
    moved = document_at(bands, Decimal("0.4500"))
    assert [[c["type"] for c in e["price_components"]] for e in moved["elements"]] == [["ENERGY"], ["FLAT"]]
    assert moved["elements"][0]["price_components"][0] == {"type": "ENERGY", "price": "0.45", "vat": 19}
    with pytest.raises(pricing.PricingError, match="no ENERGY"):
        energy_price(make_tariff_document(None, time="1"))
