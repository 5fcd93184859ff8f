"""axe finds nothing on the prices' pages, filled as in life, in light and dark, on a phone and a desk."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page

from charging import rating
from charging.models import ChargingSession
from revenue.dynamic import sweep as deciding
from revenue.dynamic import switching
from revenue.dynamic.feeds import store
from revenue.models import Experiment, ExperimentSite, Feed, RuleSet
from tests.browser.conftest import DESK, PHONE, OpenPage, log_in
from tests.browser.test_accessibility import complaints
from tests.builders import make_driver, make_member, make_organisation, make_user
from tests.revenue.pricing_world import Place, fill, make_place, make_rule

PASSWORD = "plug-in-and-charge"
ARRIVALS = (1, 1, 1, 1, 1, 2, 4, 7, 9, 8, 7, 8, 9, 8, 7, 8, 10, 12, 12, 9, 6, 4, 3, 2)


@pytest.fixture
def pages(site: str) -> list[str]:
    """The pages of a site whose prices move, with eight weeks of sessions and an experiment that is over."""
    organisation = make_organisation("harbour-power", name="Harbour Power")
    make_member(organisation, user=make_user("ines@example.test", PASSWORD))
    place = make_place(organisation=organisation, name="Speicherhof", energy="0.52")
    add_sessions(place)
    feed = Feed.objects.create(organisation=organisation, name="Day ahead", url="https://prices.example/nl")
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    values = {hour + timedelta(hours=n): Decimal(60 + 7 * (n % 24)) / 1000 for n in range(-24, 72)}
    store(feed, values, timezone.now())
    RuleSet.objects.filter(pk=place.rule_set.pk).update(grid_feed=feed)
    place.rule_set.refresh_from_db()
    rule = make_rule(
        place, name="Evening rush", percent=15, from_time="16:00", to_time="20:00", days=[0, 1, 2, 3, 4]
    )
    make_rule(place, name="Quiet night", percent=-20, from_time="22:00", to_time="06:00")
    make_rule(place, name="Nearly full", percent=20, utilisation_min=75)
    make_rule(place, name="Dear power", action="cost_plus", percent=10, amount="0.38", grid_min="0.15")
    make_rule(place, name="Nobody waits", action="waive_idle", utilisation_max=30)
    fill(place, 1, timezone.now())
    switching.switch_on(place.rule_set)
    deciding.sweep()
    experiment = add_experiment(place)
    base, at = f"/owner/{organisation.slug}/prices/", place.site.pk
    tried = "days=90&what=window&percent=-20&from_time=06:00&to_time=10:00"
    return [
        base,
        f"{base}{at}/",
        f"{base}{at}/guardrails/",
        f"{base}{at}/rules/new/",
        f"{base}rules/{rule.pk}/",
        f"{base}{at}/decisions/",
        f"{base}{at}/plan/?goal=revenue&days=2&elasticity=-0.5",
        f"{base}feeds/",
        f"{base}feeds/{feed.pk}/",
        f"{base}replay/?site={at}&{tried}",
        f"{base}experiments/",
        f"{base}experiments/new/",
        f"{base}experiments/{experiment.pk}/",
        f"/s/{place.station.public_code}/",
    ]


def add_sessions(place: Place) -> None:
    """Some hundred sessions of the last eight weeks, busy after work, by twenty drivers."""
    chance, drivers = random.Random(1), [make_driver() for _ in range(20)]
    now = timezone.now()
    rows = []
    for number in range(300):
        back, hour = chance.randrange(1, 57), chance.choices(range(24), ARRIVALS)[0]
        start = (now - timedelta(days=back)).replace(hour=hour, minute=chance.randrange(60))
        rows.append(
            ChargingSession(
                organisation_id=place.site.organisation_id,
                station=place.station,
                connector=place.connectors[number % 4],
                driver=chance.choice(drivers),
                source_key=f"past-{number}",
                transaction_id=f"past-{number}",
                state=ChargingSession.State.ENDED,
                started_at=start,
                ended_at=start + timedelta(minutes=chance.randrange(30, 120)),
                meter_end_wh=chance.randrange(5_000, 20_000),
            )
        )
    ChargingSession.objects.bulk_create(rows)
    rating.sweep(limit=300)


def add_experiment(place: Place) -> Experiment:
    """One over the last four weeks."""
    today = datetime.now(UTC).date()
    experiment: Experiment = Experiment.objects.create(
        organisation=place.site.organisation,
        name="Twenty up and down",
        low_percent=-20,
        high_percent=20,
        weeks=4,
        starts_on=today - timedelta(days=today.weekday(), weeks=5),
        seed=7,
        power=Decimal("0.42"),
    )
    ExperimentSite.objects.create(
        organisation=place.site.organisation, experiment=experiment, site=place.site, rule_set=place.rule_set,
        place=0, normal_price="0.52", low_price="0.42", high_price="0.62",
    )  # fmt: skip
    return experiment


@pytest.mark.parametrize(
    ("size", "theme"),
    [(PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark")],
    ids=["phone-light", "phone-dark", "desk-light", "desk-dark"],
)
def test_axe_finds_nothing_and_nothing_sticks_out(
    site: str,
    pages: list[str],
    open_page: OpenPage,
    keep_picture: Callable[[Page, str], None],
    size: dict[str, int],
    theme: str,
) -> None:
    page = open_page(size=size, theme=theme)
    log_in(page, site, "ines@example.test", PASSWORD)
    found = []
    for number, path in enumerate(pages):
        found += complaints(page, site + path)
        keep_picture(page, f"{number:02d}-{Path(path.split('?')[0]).name[:12]}")
    assert found == []
