"""What a driver does: stop, add or remove a card, fetch a receipt. Forms post here; every one ends in a page."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from billing import cards, links
from billing.models import Document
from billing.stripe_client import StripeRefused, StripeUnreachable
from charging.models import ChargingSession
from portal.driver.history import entry_of
from portal.driver.starting import stop_charging
from portal.scopes import DriverRequest, driver


@driver
@require_POST
def stop(request: DriverRequest, session_id: UUID) -> HttpResponse:
    """Stop one's own running session."""
    mine = (
        ChargingSession.objects.filter(driver=request.driver, pk=session_id).select_related("station").first()
    )
    if mine is None:
        raise Http404(_("There is nothing here."))
    if stop_charging(mine, cause_kind="driver", cause_id=request.driver.pk) is None:
        messages.info(
            request, _("This session has ended already, or the station can only be stopped at the port.")
        )
    else:
        messages.success(request, _("The station is being told to stop."))
    return redirect("portal:driver-home")


@driver
@require_POST
def add_card(request: DriverRequest) -> HttpResponse:
    """To Stripe's page that saves a card."""
    done = request.build_absolute_uri(reverse("portal:card-added"))
    back = request.build_absolute_uri(reverse("portal:driver-account"))
    try:
        return redirect(cards.start_card_setup(request.driver, done, back))
    except (StripeUnreachable, StripeRefused):
        messages.error(
            request, _("The card page does not answer. Nothing was changed; try again in a minute.")
        )
        return redirect("portal:driver-account")


@driver
@require_GET
def card_added(request: DriverRequest) -> HttpResponse:
    """Back from Stripe's page: look the card up rather than wait for the webhook."""
    try:
        profile = cards.refresh(request.driver)
    except (StripeUnreachable, StripeRefused):
        profile = None
    if profile is not None and profile.has_card:
        messages.success(request, _("Card added. You can charge now."))
    else:
        messages.info(request, _("Your card is being saved. It shows up here in a moment."))
    return redirect("portal:driver-account")


@driver
@require_POST
def remove_card(request: DriverRequest) -> HttpResponse:
    """Forget the card, here and at Stripe."""
    try:
        cards.remove_card(request.driver)
    except (StripeUnreachable, StripeRefused):
        messages.error(request, _("The card could not be removed just now. Try again in a minute."))
    else:
        messages.success(request, _("Card removed."))
    return redirect("portal:driver-account")


@driver
@require_GET
def receipt(request: DriverRequest, session_id: UUID) -> HttpResponse:
    """The receipt of one's own session, as PDF."""
    entry = entry_of(request.driver, session_id)
    if entry is None or entry.receipt_id is None:
        raise Http404(_("There is no receipt yet."))
    document = Document.objects.of(entry.organisation_id).filter(pk=entry.receipt_id).first()
    if document is None:
        raise Http404(_("There is no receipt yet."))
    return redirect(links.document_url(document))
