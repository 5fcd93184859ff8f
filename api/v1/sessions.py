"""Charging sessions with their prices, as the price engine said them."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest
from moneyed import Money
from ninja import Field, Query, Router

from accounts.models import Organisation
from api import keys
from api.problems import Problem
from api.v1 import schemas
from api.v1.paging import TimesAsked, between, page_of, refuse_unknown
from charging.models import ChargingSession, PricedSession
from pricing.currency import MINOR_DIGITS

router = Router(tags=["Sessions"])
PROBLEMS = {frozenset({401, 403, 404, 422, 429}): Problem}
AMOUNTS = ("energy", "time", "parking", "fees", "net", "tax", "gross")
LINE = (
    "kind",
    "element",
    "price",
    "tax_percent",
    "quantity",
    "billed",
    "net",
    "tax",
    "gross",
    "start",
    "end",
)


class SessionsAsked(TimesAsked):
    """Sessions, narrowed."""

    station: str = Field("", max_length=48, description="an OCPP identity")
    state: str = Field("", pattern="^(active|ended|priced|)$", description="active, ended or priced")


def sessions_of(organisation: Organisation) -> QuerySet[ChargingSession]:
    """Sessions with their place and prices, in two queries however many there are."""
    priced = PricedSession.objects.of(organisation).select_related("tariff_version").order_by("-revision")
    found: QuerySet[ChargingSession] = (
        ChargingSession.objects.of(organisation)
        .select_related("station", "connector__evse", "token")
        .prefetch_related(Prefetch("pricings", priced))
    )
    return found


@router.get("/sessions", response={200: schemas.SessionPage, **PROBLEMS}, auth=keys.reads)
def sessions(request: HttpRequest, asked: Query[SessionsAsked]) -> dict[str, Any]:
    """All sessions by start, the newest first."""
    refuse_unknown(request, SessionsAsked)
    rows = sessions_of(keys.organisation_of(request))
    if asked.station:
        rows = rows.filter(station__identity=asked.station)
    if asked.state:
        rows = rows.filter(state=asked.state)
    return page_of(between(rows, "started_at", asked), "started_at", asked, session_json)


@router.get("/sessions/{session_id}", response={200: schemas.Session, **PROBLEMS}, auth=keys.reads)
def session(request: HttpRequest, session_id: UUID) -> dict[str, Any]:
    """One session."""
    return session_json(_one(request, session_id))


@router.get("/transactions/{session_id}", response={200: schemas.Session, **PROBLEMS}, auth=keys.reads)
def transaction(request: HttpRequest, session_id: UUID) -> dict[str, Any]:
    """One transaction, by the `id` that its list gave."""
    return session_json(_one(request, session_id))


def _one(request: HttpRequest, session_id: UUID) -> ChargingSession:
    found = sessions_of(keys.organisation_of(request)).filter(pk=session_id).first()
    if found is None:
        raise Http404
    return found


def session_json(session: ChargingSession) -> dict[str, Any]:
    """As schemas.Session has it."""
    names = (
        "id", "transaction_id", "source", "state", "quality", "hold_reasons", "started_at", "ended_at",
        "meter_start_wh", "energy_wh", "stop_reason", "settled_elsewhere",
    )  # fmt: skip
    pricings = list(session.pricings.all())
    return {name: getattr(session, name) for name in names} | {
        "station": session.station.identity,
        "evse": session.connector.evse.number,
        "connector": session.connector.number,
        "tag": session.token.masked if session.token else None,
        "meter_stop_wh": session.meter_end_wh,
        "price": price_json(pricings[0]) if pricings else None,
    }


def price_json(priced: PricedSession) -> dict[str, Any]:
    """As schemas.Price has it: rounded amounts in the currency's digits, lines exact."""
    return {name: _amount(getattr(priced, name)) for name in AMOUNTS} | {
        "currency": str(priced.gross.currency),
        "revision": priced.revision,
        "tariff": priced.tariff_version.tariff_id,
        "tariff_version": priced.tariff_version.number,
        "priced_at": priced.priced_at,
        "lines": [{name: line.get(name) for name in LINE} for line in priced.result.get("lines", ())],
    }


def _amount(money: Money) -> str:
    digits = MINOR_DIGITS.get(str(money.currency), 4)
    return str(Decimal(money.amount).quantize(Decimal(1).scaleb(-digits)))
