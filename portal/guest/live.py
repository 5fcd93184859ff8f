"""A guest's charge by signed link: waiting for the card, waiting for the plug, charging, done."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from billing import guests, links
from billing.models import Document, DocumentKind, Payment
from charging.models import ChargingSession, PricedSession
from portal.cost import Shares, latest, shares_of
from portal.driver.now import RunningSession, running_sessions
from portal.driver.starting import stop_charging
from portal.live import Fragment, name_of, polled, viewer_of
from portal.payment_words import words_for_payment
from portal.scopes import guest_link
from stations.models import Connector

State = Payment.State
STANDS_S = 10
ENDED_WITHOUT_CHARGING = (State.RELEASING, State.RELEASED, State.EXPIRED)


@dataclass(frozen=True)
class GuestCharge:
    """Where a guest's charge stands. `step`: card, plug, charging, review, settling, done, off."""

    payment: Payment
    connector: Connector
    step: str
    running: RunningSession | None
    shares: Shares | None
    receipt_url: str

    @property
    def is_settled(self) -> bool:
        """Nothing will change any more, so that the page stops asking."""
        return self.step == "off" or (self.step == "done" and bool(self.receipt_url or not self.shares))


@guest_link
@require_GET
def live(request: HttpRequest, named: dict[str, str], signed: str) -> HttpResponse:
    """The whole page."""
    payment = guests.refresh(_payment(named))
    return render(request, "guest/live.html", _context(payment, signed))


@guest_link
@require_GET
def state(request: HttpRequest, named: dict[str, str], signed: str) -> HttpResponse:
    """What changes on the page, for it to refresh itself. 286 tells htmx to stop asking."""

    def make() -> Fragment:
        context = _context(_payment(named), signed)
        charge: GuestCharge = context["charge"]
        status = 286 if charge.is_settled else 200
        response = render(request, "guest/state.html", context, status=status)
        charging = charge.step == "charging"
        return Fragment(response, [charge.connector.evse.station_id], STANDS_S if charging else 0)

    return polled(request, f"guest:{name_of(signed)}:{viewer_of(request)}", make)


@guest_link
@require_POST
def stop(request: HttpRequest, named: dict[str, str], signed: str) -> HttpResponse:
    """Stop the session that this payment started."""
    payment = _payment(named)
    session = _session(payment)
    if session is not None:
        stop_charging(session, cause_kind="payment", cause_id=payment.pk)
    return redirect("portal:guest-live", signed)


def charge_of(payment: Payment) -> GuestCharge:
    """How far the guest has come; reads, never changes."""
    session = _session(payment)
    connector = _connector(payment)
    running = None
    if session is not None and session.state == ChargingSession.State.ACTIVE:
        running = running_sessions([session])[0]
    priced = _priced(payment, session)
    step = _step(payment, session)
    return GuestCharge(
        payment, connector, step, running, shares_of(priced) if priced else None, _receipt_url(payment)
    )


def _connector(payment: Payment) -> Connector:
    if payment.connector_id is None:
        raise Http404(_("There is nothing here."))
    places = Connector.objects.of(payment.organisation_id).select_related("evse__station__site")
    connector: Connector = places.get(pk=payment.connector_id)
    return connector


def _step(payment: Payment, session: ChargingSession | None) -> str:
    if payment.state == State.CHECKOUT:
        return "card"
    if payment.state in ENDED_WITHOUT_CHARGING and session is None:
        return "off"
    if session is None:
        return "plug"
    if session.state == ChargingSession.State.ACTIVE:
        return "charging"
    if session.quality == ChargingSession.Quality.HELD:
        return "review"
    return "settling" if payment.state in (State.HELD, State.DUE) else "done"


def _payment(named: dict[str, str]) -> Payment:
    if "payment" not in named:
        raise Http404(_("There is nothing here."))
    found = (
        Payment.objects.of(named.get("organisation"))
        .filter(pk=named["payment"], method=Payment.Method.GUEST)
        .select_related("organisation")
        .first()
    )
    if found is None:
        raise Http404(_("There is nothing here."))
    payment: Payment = found
    return payment


def _session(payment: Payment) -> ChargingSession | None:
    if payment.token_id is None:
        return None
    found: ChargingSession | None = (
        ChargingSession.objects.of(payment.organisation_id)
        .filter(token=payment.token_id)
        .select_related("connector__evse__station__site", "tariff_version", "station__site")
        .order_by("started_at")
        .first()
    )
    return found


def _priced(payment: Payment, session: ChargingSession | None) -> PricedSession | None:
    if session is None:
        return None
    return latest(PricedSession.objects.of(payment.organisation_id).filter(session=session))


def _receipt_url(payment: Payment) -> str:
    if payment.charge_id is None:
        return ""
    receipt = (
        Document.objects.of(payment.organisation_id)
        .filter(charge=payment.charge_id, kind=DocumentKind.RECEIPT)
        .first()
    )
    return links.document_url(receipt) if receipt else ""


def _context(payment: Payment, signed: str) -> dict[str, Any]:
    charge = charge_of(payment)
    line = charge.shares.line(title=_("Price")) if charge.shares else None
    return {"charge": charge, "signed": signed, "line": line, "words": words_for_payment(payment)}
