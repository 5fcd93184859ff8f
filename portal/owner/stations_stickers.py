"""QR stickers as PDF, one for each port: the opaque code of the station, never its technical identity."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from portal.owner.shell import site_asked
from portal.owner.stations_page import station_of
from portal.qr import QR, qr_path
from portal.scopes import MemberRequest, member
from stations.models import EVSE, Station

MOST = 400  # stickers of one sheet


@dataclass(frozen=True)
class Sticker:
    """One port's sticker."""

    title: str
    port: str
    code: str
    link: str
    qr: QR


@member()
@require_GET
def stickers(request: MemberRequest) -> HttpResponse:
    """The stickers of all stations, or of those at `?site=`."""
    rows = Station.objects.of(request.organisation).order_by("site__name", "name", "identity")
    site = site_asked(request)
    return _sheet(request, list(rows.filter(site=site) if site else rows), request.organisation.slug)


@member()
@require_GET
def station_stickers(request: MemberRequest, station_id: UUID) -> HttpResponse:
    """The stickers of one station."""
    station = station_of(request, station_id)
    return _sheet(request, [station], station.public_code)


def _sheet(request: MemberRequest, stations: list[Station], name: str) -> HttpResponse:
    from billing.typesetting import typeset  # Pango and WeasyPrint take a second to load

    by_id = {station.pk: station for station in stations}
    evses = EVSE.objects.of(request.organisation).filter(station__in=by_id).order_by("number")[:MOST]
    made = [_sticker(by_id[evse.station_id], evse) for evse in evses]
    if not made:
        messages.info(request, _("There are no ports to print stickers for yet: add a station first."))
        return redirect("portal:stations", request.organisation.slug)
    order = {station.public_code: place for place, station in enumerate(stations)}
    made.sort(key=lambda one: order[one.code])
    context = {"stickers": made, "operator": request.organisation.name}
    response = HttpResponse(
        typeset(render_to_string("owner/stickers_pdf.html", context)), content_type="application/pdf"
    )
    response["Content-Disposition"] = f'inline; filename="stickers-{name}.pdf"'
    return response


def _sticker(station: Station, evse: EVSE) -> Sticker:
    link = f"{settings.BASE_URL}{reverse('portal:station', args=[station.public_code])}?port={evse.number}"
    return Sticker(
        station.name or station.public_code, str(evse.number), station.public_code, link, qr_path(link)
    )
