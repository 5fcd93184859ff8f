"""Month end: tax by country and rate, the accounts' movements, what is still open, and files for the accountant."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from accounts.models import Organisation, Role
from billing import datev, month_end
from billing.month_end import Span
from portal.exports import download
from portal.owner.shell import owner_page
from portal.scopes import MemberRequest, member

OPEN_WORDS = {
    "held": gettext_lazy("Sessions held for review"),
    "unbilled": gettext_lazy("Sessions priced and not charged"),
    "on_account": gettext_lazy("Sessions waiting for an invoice"),
    "failed": gettext_lazy("Payments that did not go through"),
    "unanswered": gettext_lazy("Payment attempts without an answer"),
    "without_fee": gettext_lazy("Payments whose Stripe fee is not booked"),
}
MONTHS_SHOWN = 13


@member(Role.OWNER, Role.ACCOUNTANT)
@require_GET
def page(request: MemberRequest) -> HttpResponseBase:
    """The month of `?month=2026-10`, or the last one; `?table=taxes|accounts&format=csv|xlsx|datev` is a file."""
    span = Span(request.organisation, _month(request.organisation, request.GET.get("month", "")))
    error = ""
    if request.GET.get("format") == "datev":
        try:
            return _datev(span, request.GET)
        except ValueError as refused:
            error = str(refused)
    file = _table(span, request.GET)
    response = file or owner_page(request, "owner/month_end.html", _shown(span, request.GET, error))
    if error:
        response.status_code = 400
    return response


def _month(organisation: Organisation, asked: str) -> date:
    """The first day of the month asked for; that of the last one where none, or none that was, is."""
    today = timezone.now().astimezone(ZoneInfo(organisation.time_zone or "UTC")).date()
    try:
        first = date.fromisoformat(f"{asked}-01")
    except ValueError:
        return _before(today)
    return first if date(2000, 1, 1) <= first <= today else _before(today)


def _before(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def _shown(span: Span, query: QueryDict, error: str) -> dict[str, Any]:
    months = [timezone.now().astimezone(ZoneInfo(span.organisation.time_zone or "UTC")).date().replace(day=1)]
    while len(months) < MONTHS_SHOWN:
        months.append(_before(months[-1]))
    review = {"held": f"{reverse('portal:sessions', args=[span.organisation.slug])}?show=held"}
    return {
        "here": "month-end",
        "span": span,
        "months": months if span.first in months else [*months, span.first],
        "taxes": month_end.taxes(span),
        "movements": month_end.movements(span),
        "open": [
            (OPEN_WORDS[reason], count, review.get(reason, ""))
            for reason, count in month_end.still_open(span).items()
        ],
        "charts": datev.CHARTS,
        "asked": query,
        "error": error,
    }


def _table(span: Span, query: QueryDict) -> HttpResponseBase | None:
    tables: dict[str, tuple[Sequence[str], Iterable[Sequence[object]]]] = {
        "taxes": (
            [_("Country"), _("Treatment"), _("Rate in percent"), _("Net"), _("Tax"), _("Currency")],
            ([line.country, line.treated, line.rate, line.net, line.tax, line.currency]
             for line in month_end.taxes(span)),
        ),
        "accounts": (
            [_("Account"), _("Opening"), _("Debit"), _("Credit"), _("Closing"), _("Currency")],
            ([each.name, each.opening, each.debit, each.credit, each.closing, each.currency]
             for each in month_end.movements(span)),
        ),
    }  # fmt: skip
    asked = query.get("table", "")
    if asked not in tables:
        return None
    header, rows = tables[asked]
    return download(query.get("format", ""), f"{asked}-{span.first:%Y-%m}", header, rows)


def _datev(span: Span, query: QueryDict) -> HttpResponse:
    batch = datev.Batch(
        _number(query, "consultant"),
        _number(query, "client"),
        query.get("chart", ""),
        span.organisation.currency,
    )
    response = HttpResponse(
        datev.export(span, batch, timezone.now()), content_type="text/csv; charset=cp1252"
    )
    name = f"EXTF_Buchungsstapel_{span.first:%Y-%m}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _number(query: QueryDict, name: str) -> int:
    given = query.get(name, "")
    if not (given.isascii() and given.isdigit()):
        raise ValueError(f"{name}: {given!r} is no number")
    return int(given)
