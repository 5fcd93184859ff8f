"""Pages of an organisation. Every query starts with the organisation that the scope looked up."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Prefetch
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from charging.models import ChargingSession
from portal.cost import latest, shares_of
from portal.owner import books, figures
from portal.owner.board import board_fragment, board_of, with_pass
from portal.owner.period import LENGTHS, period_of
from portal.owner.sessions import SessionFilter, page_of, session_rows, state_of, with_cost
from portal.owner.shell import organisations_of, owner_page, site_asked
from portal.qr import qr_path
from portal.scopes import DriverRequest, MemberRequest, driver, member
from portal.why import why_lines
from stations.models import EVSE, Site, Station

LATEST_SHOWN = 8


@driver
@require_GET
def organisations(request: DriverRequest) -> HttpResponse:
    """Choose an organisation one is a member of."""
    return render(request, "owner/organisations.html", {"organisations": organisations_of(request)})


@member()
@require_GET
def today(request: MemberRequest) -> HttpResponse:
    """Figures beside the period before, the revenue chart, the live board, the latest sessions."""
    organisation = request.organisation
    period = period_of(request.GET, ZoneInfo(organisation.time_zone))
    site_id = site_asked(request)
    days = figures.figures_by_day(organisation, period, site_id)
    rows = ChargingSession.objects.of(organisation).order_by("-started_at", "-id")
    if site_id:
        rows = rows.filter(station__site=site_id)
    context = {
        "here": "today",
        "sites": Site.objects.of(organisation),
        "site_id": site_id,
        "lengths": LENGTHS,
        "period": period,
        "tiles": figures.tiles(days, period, organisation.currency),
        "chart": figures.revenue_chart(days, period, organisation.currency),
        "board": board_of(organisation, site_id),
        "rows": session_rows(with_cost(rows)[:LATEST_SHOWN]),
        "held": ChargingSession.objects.of(organisation).filter(quality=ChargingSession.Quality.HELD).count(),
    }
    return owner_page(request, "owner/today.html", context)


@require_GET
@with_pass
@member()
def board(request: MemberRequest) -> HttpResponse:
    """The live board alone, for the page to refresh itself."""
    return board_fragment(request, request.organisation.pk, request.organisation.slug)


@member()
@require_GET
def sessions(request: MemberRequest) -> HttpResponse:
    """All sessions, newest first, with filters in the URL."""
    rows = ChargingSession.objects.of(request.organisation)
    chosen = SessionFilter(request.GET, queryset=rows, organisation=request.organisation)
    page = page_of(chosen.qs, request.GET.get("after", ""))
    return owner_page(request, "owner/sessions.html", {"here": "sessions", "filter": chosen, "page": page})


@member()
@require_GET
def session(request: MemberRequest, session_id: UUID) -> HttpResponse:
    """One session: where its price comes from, what was paid, what was booked."""
    found = (
        with_cost(ChargingSession.objects.of(request.organisation))
        .prefetch_related(None)
        .prefetch_related("pricings__tariff_version__tariff")
        .select_related("driver")
        .filter(pk=session_id)
        .first()
    )
    if found is None:
        raise Http404(_("There is nothing here."))
    zone = ZoneInfo(found.station.site.time_zone)
    context: dict[str, Any] = {"here": "sessions", "session": found, "zone": zone, "state": state_of(found)}
    priced = latest(found.pricings.all())
    if priced is not None:
        context |= {
            "priced": priced,
            "shares": shares_of(priced),
            "line": shares_of(priced).line(title=_("Price")),
            "lines": why_lines(priced, priced.tariff_version.document, zone),
        }
    context["money"] = books.money_of(request.organisation, found.pk)
    return owner_page(request, "owner/session.html", context)


@member()
@require_GET
def stations(request: MemberRequest) -> HttpResponse:
    """Stations by site, with the link that each one's QR code carries."""
    found = (
        Station.objects.of(request.organisation)
        .select_related("site")
        .prefetch_related(Prefetch("evses", EVSE.objects.order_by("number")))
        .order_by("site__name", "name", "identity")
    )
    return owner_page(request, "owner/stations.html", {"here": "stations", "stations": found})


@member()
@require_GET
def station_code(request: MemberRequest, station_id: UUID) -> HttpResponse:
    """The QR code of a station, to look at and to print."""
    found = Station.objects.of(request.organisation).select_related("site").filter(pk=station_id).first()
    if found is None:
        raise Http404(_("There is nothing here."))
    link = request.build_absolute_uri(reverse("portal:station", args=[found.public_code]))
    context = {"here": "stations", "station": found, "link": link, "qr": qr_path(link)}
    return owner_page(request, "owner/station_code.html", context)
