"""Pages of a driver. Every query starts with the driver that the scope looked up."""

from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from billing.models import PaymentProfile
from charging.models import ChargingSession, PricedSession
from portal.charts import KINDS
from portal.cost import latest
from portal.driver.history import entries_of, entry_of, history_of, history_row, months_of
from portal.driver.now import now_fragment, now_of, with_pass
from portal.scopes import DriverRequest, driver, public
from portal.why import why_lines
from stations.models import Station

LATEST_SHOWN = 3
HALF_A_YEAR = timedelta(days=183)


@driver
@require_GET
def home(request: DriverRequest) -> HttpResponse:
    """What is charging now, and the last sessions."""
    context = {
        "here": "home",
        "now": now_of(request.driver),
        "months": months_of(entries_of(request.driver)[:LATEST_SHOWN]),
        "has_card": PaymentProfile.objects.filter(driver=request.driver)
        .exclude(payment_method_id="")
        .exists(),
    }
    return render(request, "driver/home.html", context)


@require_GET
@with_pass
@driver
def now(request: DriverRequest) -> HttpResponse:
    """What is charging now, alone, for the page to refresh itself."""
    return now_fragment(request, request.driver.pk)


@driver
@require_GET
def history(request: DriverRequest) -> HttpResponse:
    """Months with totals; filters in the URL."""
    context = {
        "here": "history",
        "history": history_of(request.driver, request.GET.dict()),
        "kinds": list(KINDS.items()),
    }
    return render(request, "driver/history.html", context)


@driver
@require_GET
def session(request: DriverRequest, session_id: UUID) -> HttpResponse:
    """One session: what was paid, and why it cost that."""
    entry = entry_of(request.driver, session_id)
    if entry is None:
        return _not_charged_yet(request, session_id)
    pricings = PricedSession.objects.of(entry.organisation_id).filter(session=session_id)
    priced = latest(pricings.select_related("tariff_version__tariff"))
    row = history_row(entry)
    context: dict[str, Any] = {
        "here": "history",
        "row": row,
        "shares": row.shares,
        "line": row.shares.line(title=_("Price")),
    }
    if priced is not None:
        context["lines"] = why_lines(priced, priced.tariff_version.document, ZoneInfo(entry.time_zone))
        context["tariff"] = priced.tariff_version
    return render(request, "driver/session.html", context)


def _not_charged_yet(request: DriverRequest, session_id: UUID) -> HttpResponse:
    found = (
        ChargingSession.objects.filter(driver=request.driver, pk=session_id)
        .select_related("station__site", "connector__evse", "organisation")
        .first()
    )
    if found is None:
        raise Http404(_("There is nothing here."))
    if found.state == ChargingSession.State.ACTIVE:
        return redirect("portal:driver-home")
    return render(request, "driver/session_soon.html", {"here": "history", "session": found})


@driver
@require_GET
def charge(request: DriverRequest) -> HttpResponse:
    """Find a station by its code; the ones used lately are one tap away."""
    lately = (
        Station.objects.filter(
            sessions__driver=request.driver, sessions__started_at__gte=timezone.now() - HALF_A_YEAR
        )
        .select_related("site")
        .distinct()[:LATEST_SHOWN]
    )
    return render(request, "driver/charge.html", {"here": "charge", "lately": lately})


@driver
@require_GET
def account(request: DriverRequest) -> HttpResponse:
    """Card, tags, log-in."""
    context = {
        "here": "account",
        "card": PaymentProfile.objects.filter(driver=request.driver).exclude(payment_method_id="").first(),
        "tokens": request.driver.tokens.filter(kind="rfid").order_by("-created_at"),
        "is_member": request.user.memberships.exists(),
    }
    return render(request, "driver/account.html", context)


@public
@require_GET
def find_station(request: HttpRequest) -> HttpResponse:
    """From a typed code to the station's page."""
    code = "".join(request.GET.get("code", "").split()).upper()
    if not code:
        return redirect("portal:start")
    return redirect("portal:station", code[:12])
