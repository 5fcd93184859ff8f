"""Registering an experiment, stopping it, and reading off what its blocks saw.

Its prices are planned for every hour of its blocks; the hourly decision publishes them like any other price, through
the same guardrails. The arms are drawn again from the registered seed whenever they are needed.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import numpy as np
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Organisation, User
from charging.models import ChargingSession
from revenue.dynamic.engine import SLOT
from revenue.dynamic.reading import rails_of
from revenue.experiments.analysis import Counts, Effect, Neighbours, TooLittle, effect, neighbours
from revenue.experiments.design import Arms, Design
from revenue.experiments.power import Demand, Prices, demand_from, power
from revenue.models import Experiment, ExperimentSite, PlannedPrice, PriceDecision, RuleSet
from stations.models import Site

PAST_WEEKS = 8
SEED_BITS = 62


class CannotRegister(ValueError):
    """Why the experiment can't be; the message begins with the field."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An experiment that may be registered. Percents are of each site's normal price."""

    name: str
    rule_sets: Sequence[RuleSet]
    low_percent: Decimal
    high_percent: Decimal
    block_hours: int
    weeks: int
    starts_on: date
    elasticity: Decimal

    @property
    def prices(self) -> Prices:
        return Prices(float(1 + self.low_percent / 100), float(1 + self.high_percent / 100))

    def design(self, seed: int = 0) -> Design:
        return Design(len(self.rule_sets), self.weeks, self.block_hours, seed)


def past_demand(proposal: Proposal, now: datetime) -> Demand:
    """What the sites saw in the eight weeks before: rates and unevenness by block of the week."""
    design = proposal.design()
    last_monday = now.astimezone(UTC).date() - timedelta(days=now.astimezone(UTC).weekday())
    first = last_monday - timedelta(weeks=PAST_WEEKS)
    sites = [rule_set.site for rule_set in proposal.rule_sets]
    counts = counts_of(sites, first, Design(design.sites, PAST_WEEKS, design.block_hours, 0))
    return demand_from(counts, design.blocks_a_day)


def check(proposal: Proposal, now: datetime) -> None:
    """Raises CannotRegister, naming the field, for what could not run as registered."""
    for problem, wrong in (
        ("starts_on: must be a Monday; pairs of weeks begin there", proposal.starts_on.weekday() != 0),
        ("starts_on: must lie in the future", proposal.starts_on <= now.date()),
        ("high_percent: must be above the low one", proposal.high_percent <= proposal.low_percent),
        ("sites: choose one at least", not proposal.rule_sets),
    ):
        if wrong:
            raise CannotRegister(problem)
    try:
        proposal.design()
    except ValueError as error:
        raise CannotRegister(str(error)) from error
    for rule_set in proposal.rule_sets:
        _check_site(proposal, rule_set)


def _check_site(proposal: Proposal, rule_set: RuleSet) -> None:
    low, high = arm_prices(proposal, rule_set)
    site = rule_set.site
    if not rule_set.floor <= low or not high <= rule_set.cap:
        raise CannotRegister(
            f"sites: at {site} the two prices {low:f} and {high:f} are not within {rule_set.floor:f} and "
            f"{rule_set.cap:f}; widen the guardrails or bring the prices closer"
        )
    if high - low > rule_set.max_step:
        raise CannotRegister(
            f"sites: at {site} the price moves by {high - low:f} between blocks, and a step may be "
            f"{rule_set.max_step:f}; allow the step or bring the prices closer"
        )
    start, end = _span(proposal, site)
    if (
        PlannedPrice.objects.of(site.organisation_id)
        .filter(rule_set=rule_set, slot__gte=start, slot__lt=end)
        .exists()
    ):
        raise CannotRegister(f"sites: {site} has prices planned for these weeks already; choose another time")


def arm_prices(proposal: Proposal, rule_set: RuleSet) -> tuple[Decimal, Decimal]:
    """The low and the high price of a site, in its currency's smallest unit."""
    unit = rails_of(rule_set).unit
    shares = (1 + percent / 100 for percent in (proposal.low_percent, proposal.high_percent))
    low, high = ((rule_set.normal_price * share).quantize(unit, ROUND_HALF_UP) for share in shares)
    return low, high


def _span(proposal: Proposal, site: Site) -> tuple[datetime, datetime]:
    zone = ZoneInfo(site.time_zone)
    first = datetime.combine(proposal.starts_on, datetime.min.time(), zone)
    last = datetime.combine(proposal.starts_on + timedelta(weeks=proposal.weeks), datetime.min.time(), zone)
    return first.astimezone(UTC), last.astimezone(UTC)


@transaction.atomic
def register(organisation: Organisation, proposal: Proposal, user: User | None = None) -> Experiment:
    """Fix length, prices, sites and blocks before the first one runs. Raises CannotRegister."""
    now = timezone.now()
    check(proposal, now)
    if Experiment.objects.of(organisation).filter(name=proposal.name).exists():
        raise CannotRegister("name: there is an experiment of this name already")
    seed = secrets.randbits(SEED_BITS)
    said = power(past_demand(proposal, now), proposal.design(), proposal.prices, float(proposal.elasticity))
    experiment: Experiment = Experiment.objects.create(
        organisation=organisation,
        name=proposal.name,
        low_percent=proposal.low_percent,
        high_percent=proposal.high_percent,
        block_hours=proposal.block_hours,
        weeks=proposal.weeks,
        starts_on=proposal.starts_on,
        seed=seed,
        elasticity_assumed=proposal.elasticity,
        power=Decimal(str(round(said, 3))),
        registered_by=user,
    )
    arms = proposal.design(seed).arms()
    for place, rule_set in enumerate(proposal.rule_sets):
        _plan_site(experiment, proposal, rule_set, place, arms[place])
    return experiment


def _plan_site(experiment: Experiment, proposal: Proposal, rule_set: RuleSet, place: int, arms: Arms) -> None:
    low, high = arm_prices(proposal, rule_set)
    ExperimentSite.objects.create(
        organisation_id=experiment.organisation_id,
        experiment=experiment,
        site=rule_set.site,
        rule_set=rule_set,
        place=place,
        normal_price=rule_set.normal_price,
        low_price=low,
        high_price=high,
    )
    zone = ZoneInfo(rule_set.site.time_zone)
    start, end = _span(proposal, rule_set.site)
    slot = start.replace(minute=0)
    rows = []
    while slot < end:
        week, block = _place_of(slot.astimezone(zone), proposal.starts_on, proposal.block_hours)
        if 0 <= week < proposal.weeks:
            arm = int(arms[week, block])
            rows.append(
                PlannedPrice(
                    organisation_id=experiment.organisation_id,
                    rule_set=rule_set,
                    slot=slot,
                    price=high if arm else low,
                    origin=PlannedPrice.Origin.EXPERIMENT,
                    origin_id=experiment.pk,
                    note=experiment.name,
                )
            )
        slot += SLOT
    PlannedPrice.objects.bulk_create(rows, batch_size=2_000)


def _place_of(local: datetime, starts_on: date, block_hours: int) -> tuple[int, int]:
    """The week of the experiment and the block of that week in which a local moment lies."""
    days = (local.date() - starts_on).days
    return days // 7, (days % 7) * (24 // block_hours) + local.hour // block_hours


@transaction.atomic
def stop(experiment: Experiment) -> None:
    """Let the rules set prices again from the next decision on. What was seen stays, and so does the length."""
    row = Experiment.objects.of(experiment.organisation_id).select_for_update().get(pk=experiment.pk)
    if row.stopped_at is None:
        now = timezone.now()
        row.stopped_at = now
        row.save(update_fields=["stopped_at"])
        own = PlannedPrice.objects.of(row.organisation_id).filter(origin_id=row.pk, slot__gt=now)
        own.delete()


def counts_of(sites: Sequence[Site], starts_on: date, design: Design) -> Counts:
    """Sessions that started in each block, by the local clock: (sites, weeks, blocks a week)."""
    counts = np.zeros((design.sites, design.weeks, design.blocks_a_week))
    for place, site in enumerate(sites):
        zone = ZoneInfo(site.time_zone)
        midnight = datetime.combine(starts_on, datetime.min.time(), zone)
        end = datetime.combine(starts_on + timedelta(weeks=design.weeks), datetime.min.time(), zone)
        starts = (
            ChargingSession.objects.of(site.organisation_id)
            .filter(station__site=site, started_at__gte=midnight, started_at__lt=end)
            .exclude(quality=ChargingSession.Quality.WAIVED)
            .values_list("started_at", flat=True)
        )
        for start in starts.iterator():
            week, block = _place_of(start.astimezone(zone), starts_on, design.block_hours)
            counts[place, week, block] += 1
    return counts


@dataclass(frozen=True, slots=True)
class Reading:
    """What an experiment says so far. weeks: whole pairs of weeks that are over; effect: None before the end.

    as_planned: of the hours decided so far, the share whose price was the registered one.
    """

    weeks: int
    is_over: bool
    sessions: int
    as_planned: float | None
    effect: Effect | None
    neighbours: Neighbours | None
    ratio: float


def read(experiment: Experiment, now: datetime | None = None) -> Reading:
    """Only whole pairs of weeks count, and no effect is told before the registered end or a stop.

    Looking every day until something shows would find something in most experiments without an effect.
    """
    until = min(now or timezone.now(), experiment.stopped_at or datetime.max.replace(tzinfo=UTC))
    over = max((until.date() - experiment.starts_on).days // 7, 0)
    weeks = min(over, experiment.weeks) // 2 * 2
    is_over = experiment.stopped_at is not None or over >= experiment.weeks
    rows = list(
        ExperimentSite.objects.of(experiment.organisation_id)
        .filter(experiment=experiment)
        .select_related("site")
    )
    ratio = float((100 + experiment.high_percent) / (100 + experiment.low_percent))
    planned = _as_planned(experiment)
    if weeks < 2:
        return Reading(weeks, is_over, 0, planned, None, None, ratio)
    whole = Design(len(rows), experiment.weeks, experiment.block_hours, experiment.seed)
    arms = whole.arms()[:, :weeks]
    counts = counts_of(
        [row.site for row in rows], experiment.starts_on, Design(whole.sites, weeks, whole.block_hours, 0)
    )
    found, beside = _judged(counts, arms) if is_over else (None, None)
    return Reading(weeks, is_over, int(counts.sum()), planned, found, beside, ratio)


def _judged(counts: Counts, arms: Arms) -> tuple[Effect | None, Neighbours]:
    try:
        return effect(counts, arms), neighbours(counts, arms)
    except TooLittle:
        return None, neighbours(counts, arms)


def _as_planned(experiment: Experiment) -> float | None:
    """Of the decided hours of its sites, how many had the planned price."""
    ids = (
        ExperimentSite.objects.of(experiment.organisation_id).filter(experiment=experiment).values("rule_set")
    )
    planned = PlannedPrice.objects.of(experiment.organisation_id).filter(origin_id=experiment.pk)
    first = planned.order_by("slot").first()
    if first is None:
        return None
    decided = PriceDecision.objects.of(experiment.organisation_id).filter(
        rule_set__in=ids, slot__gte=first.slot, slot__lt=first.slot + timedelta(weeks=experiment.weeks)
    )
    total = decided.count()
    right = decided.filter(outcome=PriceDecision.Outcome.EXPERIMENT, price=F("wanted")).count()
    return right / total if total else None
