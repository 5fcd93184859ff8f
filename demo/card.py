"""The demo driver saves a test card the way a person does: on the hosted page."""

import urllib.error
import urllib.parse
import urllib.request

from django.conf import settings

from accounts.models import Driver
from billing import cards
from billing.models import PaymentProfile

GOOD_CARD = "4242424242424242"


def save_card(driver: Driver) -> None:
    """Fill in the local Stripe's card page for `driver`, unless a card is there."""
    if PaymentProfile.objects.filter(driver=driver).exclude(payment_method_id="").exists():
        return
    url = cards.start_card_setup(driver, settings.BASE_URL + "/", settings.BASE_URL + "/")
    form = urllib.parse.urlencode({"card": GOOD_CARD, "email": driver.email, "name": driver.name})
    opener = urllib.request.build_opener(_StayHere)
    try:
        opener.open(urllib.request.Request(url, form.encode()), timeout=10)  # noqa: S310  loopback, our own
    except urllib.error.HTTPError as answer:
        if not 300 <= answer.code < 400:
            raise
    cards.refresh(driver)


class _StayHere(urllib.request.HTTPRedirectHandler):
    """The page sends the driver back to the portal; nobody needs to look at that."""

    def redirect_request(self, *_: object) -> None:
        return None
