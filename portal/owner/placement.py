"""The owner's Placement page: where another port pays, and which new sites to build."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Organisation, Role
from portal import words
from portal.exports import download
from portal.owner.placement_map import Map, draw
from portal.owner.shell import owner_page
from portal.scopes import MemberRequest, member
from revenue.models import Candidate
from revenue.placement.candidates import (
    COLUMNS,
    CandidatesRefused,
    keep_candidates,
    one_candidate,
    read_candidates,
)
from revenue.placement.coverage import Spot
from revenue.placement.ports import Range, payback
from revenue.placement.rates import LeftOut, leave_one_out
from revenue.placement.sites import Chosen, Reason, Scored, chosen_of, score
from revenue.placement.survey import Survey, surveys_of
from stations.models import Site

BUILDERS = (Role.OWNER, Role.MANAGER)
WORTH_SAYING = Decimal(1)
USUAL_REACH_KM, USUAL_MOST = Decimal(3), 3


@dataclass(frozen=True)
class Asked:
    """The page's filters: what a port costs, how far a site reaches, how many new sites, under which budget."""

    cost: Decimal | None
    reach_km: Decimal
    most: int
    budget: Decimal | None


@dataclass(frozen=True)
class PortRow:
    """One group of ports in words."""

    survey: Survey
    doubt: str
    demand: str
    blocked: str
    lost: str
    lost_money: str
    gain: str
    gain_money: str
    payback: str


@dataclass(frozen=True)
class SiteRow:
    """One candidate in words; `place` is its rank among those to build, 0 for none."""

    scored: Scored
    place: int
    per_day: str
    band: str
    won: str
    reasons: list[str]


@member()
@require_GET
def placement(request: MemberRequest) -> HttpResponseBase:
    """Ports first, then new sites; `?format=csv|xlsx` takes the ports away."""
    asked = _asked(request)
    surveys = surveys_of(request.organisation)
    rows = [_port_row(each, asked, request.organisation.currency) for each in surveys]
    file = download(request.GET.get("format", ""), "placement", EXPORT_HEAD, _export(rows))
    return file or _page(request, asked, surveys, rows)


@member(*BUILDERS)
@require_POST
def add(request: MemberRequest) -> HttpResponseBase:
    """Add candidates: a CSV file, or one from the form. What is wrong is said by row and column."""
    file = request.FILES.get("file")
    try:
        if file is not None:
            found = read_candidates(file.read(), request.organisation)
        else:
            found = [
                one_candidate({name: request.POST.get(name, "") for name in COLUMNS}, request.organisation)
            ]
    except CandidatesRefused as refused:
        asked, surveys = _asked(request), surveys_of(request.organisation)
        rows = [_port_row(each, asked, request.organisation.currency) for each in surveys]
        return _page(request, asked, surveys, rows, faults=refused.faults)
    keep_candidates(found, request.organisation)
    return redirect(reverse("portal:placement", args=[request.organisation.slug]) + "#sites")


@member(*BUILDERS)
@require_POST
def remove(request: MemberRequest, candidate_id: UUID) -> HttpResponseBase:
    """Forget a candidate."""
    gone, _by_model = Candidate.objects.of(request.organisation).filter(pk=candidate_id).delete()
    if not gone:
        raise Http404(_("There is nothing here."))
    return redirect(reverse("portal:placement", args=[request.organisation.slug]) + "#sites")


def _page(
    request: MemberRequest,
    asked: Asked,
    surveys: Sequence[Survey],
    rows: list[PortRow],
    *,
    faults: Sequence[str] = (),
) -> HttpResponse:
    organisation = request.organisation
    seen = [each.as_seen() for each in surveys]
    candidates = list(Candidate.objects.of(organisation))
    scored = score(candidates, seen)
    own = list(Site.objects.of(organisation).filter(latitude__isnull=False))
    spots = [Spot(float(site.latitude or 0), float(site.longitude or 0)) for site in own]
    chosen = chosen_of(scored, spots, reach_km=float(asked.reach_km), most=asked.most, budget=asked.budget)
    context: dict[str, Any] = {
        "here": "placement",
        "asked": asked,
        "rows": rows,
        "said": _said(surveys, asked, organisation),
        "candidates": candidates,
        "sites": _site_rows(scored, chosen),
        "chosen": chosen,
        "chosen_said": _chosen_said(chosen, asked, organisation.currency),
        "left_out": _left_out(leave_one_out(seen)),
        "few_sites": bool(candidates) and not scored,
        "unplaced": Site.objects.of(organisation).filter(latitude__isnull=True).count(),
        "map": _map(own, candidates, chosen),
        "may_build": request.membership.role in BUILDERS,
        "faults": faults,
        "typed": request.POST if faults else {},
        "access": Candidate.Access.choices,
        "columns": ", ".join(COLUMNS),
    }
    response = owner_page(request, "owner/placement.html", context)
    if faults:
        response.status_code = 400
    return response


def _asked(request: MemberRequest) -> Asked:
    query = request.GET
    reach = _amount(query.get("reach", "")) or USUAL_REACH_KM
    most = _amount(query.get("most", "")) or Decimal(USUAL_MOST)
    return Asked(
        _amount(query.get("cost", "")),
        min(max(reach, Decimal("0.1")), Decimal(100)),
        int(min(max(most, Decimal(1)), Decimal(50))),
        _amount(query.get("budget", "")),
    )


def _amount(text: str) -> Decimal | None:
    """A positive number from the URL; None for anything else."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 < number < 10**12 else None


def doubt_of(survey: Survey) -> str:
    """Why a site's demand can't be known, in words; empty where it can."""
    if survey.doubt == "few":
        return _("Can't be known yet: %(starts)s starts in free time; thirty are needed.") % {
            "starts": survey.starts
        }
    if survey.doubt == "crowded":
        return _(
            "Can't be known: more cars charged at once than there are ports. Check the ports of this site."
        )
    if survey.doubt == "never_free":
        day, hour = survey.full[0]
        when = {"day": WEEKDAYS[day], "hour": hour}
        return (
            _("Can't be known: no port was ever free on %(day)s at %(hour)02d:00. More came than is seen.")
            % when
        )
    return ""


def _port_row(survey: Survey, asked: Asked, currency: str) -> PortRow:
    now, plan = survey.plan.steps[0], survey.plan
    return PortRow(
        survey,
        doubt_of(survey),
        _("%(mean)s a day (%(low)s to %(high)s)")
        % {
            "mean": words.number(Decimal(survey.per_day), 1),
            "low": words.number(Decimal(survey.per_day * survey.low), 1),
            "high": words.number(Decimal(survey.per_day * survey.high), 1),
        },
        f"{words.number(now.blocked.value * 100, 1)}{words.THIN_SPACE}%",
        _range(now.lost),
        words.money(now.money.value, currency) if survey.net is not None else "",
        _range(plan.gain),
        words.money(plan.gain_money.value, currency) if survey.net is not None else "",
        _payback_words(survey, asked),
    )


def _payback_words(survey: Survey, asked: Asked) -> str:
    if asked.cost is None:
        return ""
    if survey.net is None:
        return _("no priced sessions")
    paid = payback(survey.plan.gain_money, asked.cost)
    return _months(paid) if paid else _("not in sight")


def _range(values: Range) -> str:
    mean, low, high = (words.number(value, 1) for value in (values.value, values.low, values.high))
    return _("%(mean)s (%(low)s to %(high)s)") % {"mean": mean, "low": low, "high": high}


def _months(paid: Range) -> str:
    return _("%(mean)s months (%(low)s to %(high)s)") % {
        "mean": words.number(paid.value),
        "low": words.number(paid.low),
        "high": words.number(paid.high),
    }


def _said(surveys: Sequence[Survey], asked: Asked, organisation: Organisation) -> str:
    """The sentence an owner would say first."""
    sure = [each for each in surveys if not each.doubt]
    if not sure:
        return _("No site's sessions say yet whether another port would pay.")
    best = sure[0]
    gain, money = best.plan.gain, best.plan.gain_money
    if gain.value < WORTH_SAYING:
        return _("No site turns away enough drivers for another port.")
    text = _(
        "Another %(kind)s port at %(site)s would win about %(gain)s sessions a month (%(low)s to %(high)s)."
    ) % {
        "kind": best.power_type,
        "site": best.site_name,
        "gain": words.number(gain.value),
        "low": words.number(gain.low),
        "high": words.number(gain.high),
    }
    if best.net is not None:
        text += " " + _("That is %(money)s a month before tax and electricity.") % {
            "money": words.money(money.value, organisation.currency)
        }
    paid = payback(money, asked.cost) if asked.cost else None
    return f"{text} {_('It has paid for itself after')} {_months(paid)}." if paid else text


def _site_rows(scored: Sequence[Scored], chosen: Sequence[Chosen]) -> list[SiteRow]:
    place = {each.scored.candidate.pk: (at, each) for at, each in enumerate(chosen, start=1)}
    rows = []
    for one in scored:
        at, pick = place.get(one.candidate.pk, (0, None))
        reasons = [_basis(one), *map(_reason, one.reasons)]
        if pick and pick.taken > 0.05:
            reasons.append(
                _("%(taken)s a day would come from sites in reach")
                % {"taken": words.number(Decimal(pick.taken), 1)}
            )
        rows.append(
            SiteRow(
                one,
                at,
                words.number(Decimal(one.mean), 1),
                _("%(low)s to %(high)s")
                % {"low": words.number(Decimal(one.low), 1), "high": words.number(Decimal(one.high), 1)},
                words.number(Decimal(pick.won), 1) if pick else "",
                reasons,
            )
        )
    return sorted(rows, key=lambda row: row.place or 1000)


def _basis(one: Scored) -> str:
    kinds = {"rapid": _("rapid"), "normal": _("normal")}
    basis = {
        "sites": one.rate.sites,
        "kind": kinds[one.kind],
        "rate": words.number(Decimal(one.rate.mean), 2),
    }
    if one.rate.of_kind:
        return _("%(rate)s sessions a port and day at %(sites)s groups of %(kind)s ports") % basis
    return (
        _("%(rate)s sessions a port and day at %(sites)s groups of all kinds: too few are %(kind)s") % basis
    )


def _reason(reason: Reason) -> str:
    texts = {
        "registrations": _("%(value)s electric cars in reach: assumed x %(factor)s"),
        "traffic": _("%(value)s vehicles a day: assumed x %(factor)s"),
        "distance_m": _("%(value)s m away: assumed x %(factor)s"),
        "competitors": _("%(value)s ports of others in reach: assumed x %(factor)s"),
    }
    values = {"value": words.number(reason.value), "factor": words.number(Decimal(reason.factor), 2)}
    return texts[reason.field] % values


def _chosen_said(chosen: Sequence[Chosen], asked: Asked, currency: str) -> str:
    if not chosen:
        return ""
    cost = sum((Decimal(each.scored.candidate.cost.amount) for each in chosen), Decimal(0))
    return _("Build %(names)s: together about %(won)s new sessions a day for %(cost)s.") % {
        "names": ", ".join(each.scored.candidate.name for each in chosen),
        "won": words.number(Decimal(sum(each.won for each in chosen)), 1),
        "cost": words.money(cost, currency),
    }


def _left_out(found: LeftOut | None) -> dict[str, str] | None:
    if found is None:
        return None
    return {
        "sites": words.number(found.sites),
        "median": words.number(Decimal(found.median), 1),
        "p80": words.number(Decimal(found.p80), 1),
    }


def _map(own: Sequence[Site], candidates: Sequence[Candidate], chosen: Sequence[Chosen]) -> Map | None:
    picked = {each.scored.candidate.pk for each in chosen}
    points = [(float(site.latitude or 0), float(site.longitude or 0), "own", site.name) for site in own]
    points += [
        (float(one.latitude), float(one.longitude), "chosen" if one.pk in picked else "candidate", one.name)
        for one in candidates
    ]
    return draw(points)


EXPORT_HEAD = (
    "site", "power_type", "ports", "from", "until", "starts_seen", "starts_counted", "demand_per_day", "factor_low",
    "factor_high", "with_ports", "turned_away", "lost_per_month", "lost_low", "lost_high",
    "lost_net_per_month", "doubt",
)  # fmt: skip


def _export(rows: Sequence[PortRow]) -> Iterator[list[object]]:
    for row in rows:
        one = row.survey
        for step in one.plan.steps:
            yield [
                one.site_name, one.power_type, one.ports, one.first, one.last, one.seen, one.starts,
                round(one.per_day, 3), round(one.low, 3), round(one.high, 3), step.ports, step.blocked.value,
                step.lost.value, step.lost.low, step.lost.high, step.money.value, one.doubt,
            ]  # fmt: skip
