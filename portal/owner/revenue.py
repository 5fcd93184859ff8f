"""Revenue: how much, against the period before, where, when, after which costs; down to sessions and journals."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.http import Http404, HttpResponseBase, QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.models import Organisation, Role
from billing.models import Account, Document, Entry, Journal, SessionCharge
from charging.models import ChargingSession
from portal import words
from portal.exports import download
from portal.owner.period import day_bounds
from portal.owner.revenue_figures import HEADER, TABLES, Figures, Table, cells
from portal.owner.revenue_query import asked_of
from portal.owner.sessions import session_rows, with_cost
from portal.owner.sharing import SHARERS
from portal.owner.shell import owner_page
from portal.scopes import MemberRequest, member
from revenue.models import RollupState
from revenue.rollups import reading

MONEY_ROLES = (Role.OWNER, Role.MANAGER, Role.ACCOUNTANT, Role.VIEWER)
SESSIONS_SHOWN = 200


@member(*MONEY_ROLES)
@require_GET
def revenue(request: MemberRequest) -> HttpResponseBase:
    """The page, or one of its tables as a file: `?table=sites&format=csv`."""
    organisation = request.organisation
    return exported(organisation, request.GET) or owner_page(
        request,
        "owner/revenue.html",
        {
            "here": "revenue",
            "may_share": request.membership.role in SHARERS,
            **figures_of(organisation, request.GET),
        },
    )


@member(*MONEY_ROLES)
@require_GET
def revenue_day(request: MemberRequest, day: str) -> HttpResponseBase:
    """A local day: its sessions, and what is in the books for them."""
    return owner_page(
        request,
        "owner/revenue_day.html",
        {"here": "revenue", **day_of(request.organisation, day)},
    )


def figures_of(organisation: Organisation, query: QueryDict) -> dict[str, Any]:
    """What the revenue page shows; the same for members and for who holds a share link."""
    asked = asked_of(organisation, query)
    figures = Figures(asked)
    places = "stations" if asked.scope.site_id else "sites"
    return {
        "asked": asked,
        "form": asked.form,
        "currency": organisation.currency,
        "tiles": figures.tiles(),
        "chart": figures.trend(),
        "heat_maps": figures.heat_maps(),
        "total": figures.total,
        "tables": [figures.table(key) for key in (places, "tariffs", "trend")],
        "ever": reading.owner_hours(asked.scope).exists() or _ever(organisation),
        "state": RollupState.objects.of(organisation).first(),
    }


def _ever(organisation: Organisation) -> bool:
    return bool(ChargingSession.objects.of(organisation).exists())


def exported(organisation: Organisation, query: QueryDict) -> HttpResponseBase | None:
    """The table that `table` names, if `format` asks for a file."""
    asked_format, key = query.get("format", ""), query.get("table", "trend")
    if not asked_format:
        return None
    asked = asked_of(organisation, query)
    table = Figures(asked, reading.NAMES).table(key) if key in TABLES else None
    if table is None:
        raise Http404(_("There is no such table."))
    return download(
        asked_format, f"revenue-{key}", (table.corner, *HEADER), _rows(table, organisation.currency)
    )


def _rows(table: Table, currency: str) -> list[tuple[object, ...]]:
    return [(row.name, *cells(row.sums, currency)) for row in table.rows]


def day_of(organisation: Organisation, text: str) -> dict[str, Any]:
    """A day's figures, sessions and journals. Raises Http404 for what is no day."""
    try:
        day = date.fromisoformat(text)
        bounds = day_bounds(day, organisation)
    except (ValueError, OverflowError):
        raise Http404(_("There is no such day.")) from None
    found = ChargingSession.objects.of(organisation).filter(
        started_at__gte=bounds[0], started_at__lt=bounds[1]
    )
    shown = with_cost(found.order_by("-started_at", "-id"))[:SESSIONS_SHOWN]
    scope = reading.Scope(organisation, organisation.currency, day, day)
    return {
        "day": day,
        "total": reading.total(scope),
        "currency": organisation.currency,
        "rows": session_rows(shown),
        "count": found.count(),
        "booked": booked_of(organisation, found),
    }


def booked_of(organisation: Organisation, sessions: Any) -> dict[str, Any]:
    """All entries of the journals that the sessions' charges and credit notes caused, by account, and their sum."""
    charges = SessionCharge.objects.of(organisation).filter(session__in=sessions.values("pk"))
    notes = Document.objects.of(organisation).filter(charge__in=charges.values("pk"))
    journals = Journal.objects.of(organisation).filter(
        cause_id__in=charges.values("pk").union(notes.values("pk"))
    )
    accounts = (
        Entry.objects.filter(organisation=organisation, journal__in=journals.values("pk"))
        .values("account__kind", "currency")
        .annotate(amount_sum=Sum("amount"))
        .order_by("currency", "account__kind")
    )
    lines = [
        {"kind": KINDS.get(row["account__kind"], row["account__kind"]), "amount": row["amount_sum"],
         "currency": row["currency"]}
        for row in accounts
    ]  # fmt: skip
    balance = sum((line["amount"] for line in lines), Decimal(0))
    return {
        "lines": lines,
        "balance": balance,
        "words": words.number(balance, 2),
        "journals": journals.count(),
    }


KINDS: dict[str, str] = {value: str(label) for value, label in Account.Kind.choices}
