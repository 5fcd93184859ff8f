"""A station's public page, and starting to charge there: with an account, or by card without one."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Driver
from billing import links
from billing.guests import CheckoutUnavailable, start_guest_checkout
from billing.models import Payment, PaymentProfile
from portal import words
from portal.driver.starting import StartRefused, start_charging
from portal.guest.station_page import PortOffer, page_of, station_of
from portal.owner.period import uuid_of
from portal.scopes import driver_of, public
from stations.models import Station


@public
@require_GET
def station(request: HttpRequest, code: str) -> HttpResponse:
    """The price before anything else, then the ports, then one button."""
    found = _station(code)
    driver = _driver(request)
    page = page_of(found, driver.pk if driver else None)
    usable = [offer for offer in page.offers if offer.can_start]
    context = {
        "page": page,
        "driver": driver,
        "has_card": driver is not None and _has_card(driver),
        "chosen": _chosen(request, usable),
        "hold_text": _hold_text(usable or page.offers),
    }
    return render(request, "guest/station.html", context)


@public
@require_POST
def start(request: HttpRequest, code: str) -> HttpResponse:
    """Start at the chosen port: the driver's own start, or Stripe's page for a guest."""
    found = _station(code)
    driver = _driver(request)
    page = page_of(found, driver.pk if driver else None)
    asked = uuid_of(request.POST.get("port", ""))
    offer = next((one for one in page.offers if one.port.connector.pk == asked), None)
    if offer is None or not offer.can_start:
        messages.error(request, _("This port is not free any more. Choose another one."))
        return redirect("portal:station", found.public_code)
    if driver is not None and request.POST.get("way") == "account":
        return _start_with_account(request, driver, offer, found)
    return _start_as_guest(request, offer, found)


def _start_with_account(
    request: HttpRequest, driver: Driver, offer: PortOffer, station: Station
) -> HttpResponse:
    try:
        start_charging(driver, offer.port.connector)
    except StartRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("portal:station", station.public_code)
    return redirect("portal:driver-home")


def _start_as_guest(request: HttpRequest, offer: PortOffer, station: Station) -> HttpResponse:
    back = request.build_absolute_uri(reverse("portal:station", args=[station.public_code]))

    def live(payment: Payment) -> str:
        return request.build_absolute_uri(reverse("portal:guest-live", args=[links.sign_payment(payment)]))

    if offer.hold is None:
        raise Http404(_("There is nothing here."))
    try:
        checkout = start_guest_checkout(offer.port.connector, "", offer.hold, live, back)
    except CheckoutUnavailable:
        messages.error(
            request, _("The payment page does not answer. Nothing was held; try again in a minute.")
        )
        return redirect(back)
    return redirect(checkout.url)


def _chosen(request: HttpRequest, usable: list[PortOffer]) -> UUID | None:
    """The port whose sticker was scanned (`?port=2`), if it can be used; else the first that can."""
    asked = request.GET.get("port", "")
    scanned = [offer for offer in usable if str(offer.port.connector.evse.number) == asked]
    chosen = (scanned or usable)[:1]
    return chosen[0].port.connector.pk if chosen else None


def _station(code: str) -> Station:
    found = station_of(code)
    if found is None:
        raise Http404(_("No station has this code."))
    return found


def _driver(request: HttpRequest) -> Driver | None:
    return driver_of(request.user) if request.user.is_authenticated else None


def _has_card(driver: Driver) -> bool:
    return PaymentProfile.objects.filter(driver=driver).exclude(payment_method_id="").exists()


def _hold_text(offers: list[PortOffer]) -> str:
    hold = next((offer.hold for offer in offers if offer.hold is not None), None)
    return words.short_money(hold.amount, str(hold.currency)) if hold else ""
