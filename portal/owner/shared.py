"""What a share link shows: the revenue page and the sessions, read only."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from charging.models import ChargingSession, PricedSession
from portal.cost import latest
from portal.exports import download
from portal.owner.period import Period
from portal.owner.revenue import exported, figures_of
from portal.owner.revenue_query import Asked, asked_of
from portal.owner.sessions import with_cost
from portal.scopes import guest_link
from revenue.models import ShareLink

SESSION_HEADER = (
    "session", "started_utc", "ended_utc", "site", "station", "energy_kwh", "energy", "time", "parking", "fees",
    "net", "tax", "gross", "currency",
)  # fmt: skip


@guest_link
@require_GET
def shared(request: HttpRequest, named: dict[str, str], signed: str) -> HttpResponseBase:
    """The revenue page for who holds the link; `?table=...&format=...` downloads, sessions too."""
    link = link_of(named)
    if request.GET.get("table") == "sessions":
        return _sessions(request, link)
    context = {
        "organisation": link.organisation,
        "link": link,
        "shared_name": link.name,
        "now": timezone.now(),
        **figures_of(link.organisation, request.GET),
    }
    return exported(link.organisation, request.GET) or render(request, "owner/shared.html", context)


def link_of(named: dict[str, str]) -> ShareLink:
    """The open link that a signed text names. Raises Http404 for one that is over, revoked, or no share at all."""
    found: ShareLink | None = (
        ShareLink.objects.of(named["organisation"])
        .select_related("organisation")
        .filter(pk=named["share"])
        .first()
        if "share" in named and "organisation" in named
        else None
    )
    if found is None or not found.is_open:
        raise Http404(_("This link is not valid any more."))
    ShareLink.objects.of(found.organisation_id).filter(pk=found.pk).update(opened_at=timezone.now())
    return found


def _sessions(request: HttpRequest, link: ShareLink) -> HttpResponseBase:
    asked = asked_of(link.organisation, request.GET)
    file = download(request.GET.get("format", ""), "sessions", SESSION_HEADER, session_rows(asked))
    if file is None:
        raise Http404(_("Sessions come as CSV or XLSX."))
    return file


def session_rows(asked: Asked) -> Iterator[tuple[object, ...]]:
    """Priced sessions that started in the asked days, oldest first: the rows of SESSION_HEADER."""
    scope = asked.scope
    rows = ChargingSession.objects.of(scope.organisation).filter(
        state=ChargingSession.State.PRICED, **_between(asked)
    )
    if scope.site_id:
        rows = rows.filter(station__site=scope.site_id)
    for session in with_cost(rows).order_by("started_at", "id").iterator(chunk_size=1000):
        priced = latest(session.pricings.all())
        if priced is not None:
            yield _session_row(session, priced)


def _between(asked: Asked) -> dict[str, datetime]:
    period = Period(asked.days, asked.scope.last, ZoneInfo(asked.scope.organisation.time_zone))
    return {"started_at__gte": period.start, "started_at__lt": period.end}


def _session_row(session: ChargingSession, priced: PricedSession) -> tuple[object, ...]:
    amounts = (priced.energy, priced.time, priced.parking, priced.fees, priced.net, priced.tax, priced.gross)
    assert session.ended_at is not None
    return (
        str(session.pk),
        session.started_at.astimezone(UTC),
        session.ended_at.astimezone(UTC),
        session.station.site.name,
        str(session.station),
        Decimal(priced.energy_wh) / 1000,
        *(amount.amount for amount in amounts),
        str(priced.gross.currency),
    )
