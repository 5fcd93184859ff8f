"""Every site's ports surveyed: demand, who is turned away, what more ports would bring. Kept for the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from django.core.cache import cache

from accounts.models import Organisation
from revenue.forecast.reading import today_at
from revenue.placement.demand import estimate
from revenue.placement.ports import Plan, plan
from revenue.placement.rates import Seen
from revenue.placement.reading import Group, groups_of
from revenue.placement.sites import kind_of
from stations.models import Site

A_DAY_S = 86_400
FORM = 1
"""Of what is kept: a change of Survey begins anew."""


@dataclass(frozen=True)
class Survey:
    """One group of ports of a site over the local days `first` to `last`.

    per_day: arrivals, those turned away included, with the factors low and high of its 90 % interval. doubt: why
    demand can't be known (`few`, `crowded`, `never_free`), else empty. full: the hours (weekday, hour) of which no
    free port tells. net: mean net amount of a session in the organisation's currency.
    """

    site_id: UUID
    site_name: str
    power_type: str
    power_w: int
    ports: int
    shared: int
    first: date
    last: date
    seen: int
    starts: int
    free_share: float
    per_day: float
    low: float
    high: float
    doubt: str
    full: Sequence[tuple[int, int]]
    net: Decimal | None
    plan: Plan
    per_port_day: float

    def as_seen(self) -> Seen:
        """For the rates of new sites."""
        return Seen(self.site_name, kind_of(self.power_w), self.per_port_day)


def survey(group: Group) -> Survey:
    """What a group's sessions say."""
    demand = estimate(group.sessions, group.ports, group.calendar, group.absences)
    return Survey(
        site_id=group.site.pk,
        site_name=group.site.name,
        power_type=group.power_type,
        power_w=group.power_w,
        ports=group.ports,
        shared=group.shared,
        first=group.calendar.first,
        last=group.calendar.first + timedelta(days=group.calendar.days - 1),
        seen=demand.seen,
        starts=demand.starts,
        free_share=demand.free_h / max(demand.service_h, 1e-9),
        per_day=demand.per_day,
        low=demand.low,
        high=demand.high,
        doubt=demand.doubt,
        full=[(int(day), int(hour)) for day, hour in zip(*demand.unknown.nonzero(), strict=True)],
        net=group.net,
        plan=plan(demand, group.stay_s, group.ports, group.net or Decimal(0)),
        per_port_day=demand.seen / max(group.ports * group.calendar.days, 1),
    )


def surveys_of(organisation: Organisation) -> list[Survey]:
    """Of all sites, the group with the most to win first; each site is surveyed once a day."""
    sites = {_key(site): site for site in Site.objects.of(organisation).select_related("organisation")}
    kept: dict[str, list[Survey]] = cache.get_many(sites)
    made = {
        key: [survey(group) for group in groups_of(site)] for key, site in sites.items() if key not in kept
    }
    cache.set_many(made, A_DAY_S)
    found = [each for surveys in (kept | made).values() for each in surveys]
    return sorted(found, key=lambda each: (bool(each.doubt), -each.plan.gain.value, each.site_name))


def _key(site: Site) -> str:
    return f"placement:{FORM}:{site.organisation_id}:{site.pk}:{today_at(site)}"
