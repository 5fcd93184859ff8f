"""Stripe's test cards, by number and by ``pm_card_*`` name: https://docs.stripe.com/testing"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from fakestripe.call import Decline


@dataclass(frozen=True, slots=True)
class Card:
    """A test card.

    ``auth`` says when the issuer asks for authentication: ``never``; ``always``; ``on_session`` (a card that
    counts as set up already: only while the customer is there); ``until_setup`` (off session only until it
    was set up).
    """

    number: str
    names: tuple[str, ...]
    label: str = ""
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    decline: Decline | None = None
    attaches: bool = True
    auth: str = "never"
    dispute: str | None = None
    refund: str = "succeeded"
    bypass_pending: bool = False

    @property
    def last4(self) -> str:
        return self.number[-4:]

    def asks(self, *, off_session: bool, set_up: bool) -> bool:
        """Whether the issuer asks for authentication of this payment."""
        if self.auth == "until_setup":
            return not off_session or not set_up
        return self.auth == "always" or (self.auth == "on_session" and not off_session)

    @property
    def fingerprint(self) -> str:
        return sha256(self.number.encode()).hexdigest()[:16]


def _declined(
    decline_code: str, message: str = "Your card was declined.", code: str = "card_declined"
) -> Decline:
    return Decline(code, decline_code, message)


GENERIC = _declined("generic_decline")
INSUFFICIENT = _declined("insufficient_funds", "Your card has insufficient funds.")
FRAUDULENT = _declined("fraudulent")
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
WRONG_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
PROCESSING = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
)
AUTHENTICATION = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
FORCED = {
    decline.decline_code: decline
    for decline in (
        GENERIC, INSUFFICIENT, FRAUDULENT, EXPIRED, WRONG_CVC, PROCESSING, AUTHENTICATION,
        _declined("lost_card"), _declined("stolen_card"), _declined("do_not_honor"), _declined("pickup_card"),
        _declined(
            "card_velocity_exceeded", "Your card was declined for making repeated attempts too frequently."
        ),
    )
}  # fmt: skip

_SUCCESS = (
    Card("4242424242424242", ("visa",), "Pays at once"),
    Card("4000056655665556", ("visa_debit",), funding="debit"),
    Card("5555555555554444", ("mastercard",), brand="mastercard"),
    Card("5200828282828210", ("mastercard_debit",), brand="mastercard", funding="debit"),
    Card("378282246310005", ("amex",), brand="amex"),
    Card("4000000400000008", ("at",), country="AT"),
    Card("4000000560000004", ("be",), country="BE"),
    Card("4000007560000009", ("ch",), country="CH"),
    Card("4000002760000016", ("de",), country="DE"),
    Card("4000002080000001", ("dk",), country="DK"),
    Card("4000007240000007", ("es",), country="ES"),
    Card("4000002500000003", ("fr",), country="FR"),
    Card("4000008260000000", ("gb",), country="GB"),
    Card("4000003720000005", ("ie",), country="IE"),
    Card("4000003800000008", ("it",), country="IT"),
    Card("4000005280000002", ("nl",), country="NL"),
    Card("4000005780000007", ("no",), country="NO"),
    Card("4000006160000005", ("pl",), country="PL"),
    Card("4000007520000008", ("se",), country="SE"),
    Card("4000003920000003", ("jp",), country="JP"),
    Card("4000000000000077", ("bypassPending",), "Pays, available at once", bypass_pending=True),
)
_DECLINES = (
    Card(
        "4000000000000002",
        ("chargeDeclined", "visa_chargeDeclined"),
        "Declined",
        decline=GENERIC,
        attaches=False,
    ),
    Card(
        "4000000000009995",
        ("chargeDeclinedInsufficientFunds", "visa_chargeDeclinedInsufficientFunds"),
        "Insufficient funds",
        decline=INSUFFICIENT,
        attaches=False,
    ),
    Card(
        "4000000000009987",
        ("visa_chargeDeclinedLostCard", "chargeDeclinedLostCard"),
        decline=FORCED["lost_card"],
        attaches=False,
    ),
    Card(
        "4000000000009979",
        ("visa_chargeDeclinedStolenCard", "chargeDeclinedStolenCard"),
        decline=FORCED["stolen_card"],
        attaches=False,
    ),
    Card(
        "4000000000000069",
        ("chargeDeclinedExpiredCard", "visa_chargeDeclinedExpiredCard"),
        "Expired",
        decline=EXPIRED,
        attaches=False,
    ),
    Card("4000000000000127", ("chargeDeclinedIncorrectCvc",), decline=WRONG_CVC, attaches=False),
    Card("4000000000000119", ("chargeDeclinedProcessingError",), decline=PROCESSING, attaches=False),
    Card("4100000000000019", ("chargeDeclinedFraudulent", "radarBlock"), decline=FRAUDULENT, attaches=False),
    Card(
        "4000000000006975",
        ("visa_chargeDeclinedVelocityLimitExceeded",),
        decline=FORCED["card_velocity_exceeded"],
        attaches=False,
    ),
    Card("4000000000000341", ("chargeCustomerFail",), "Saves, then declines", decline=GENERIC),
)
_AUTHENTICATION = (
    Card(
        "4000002500003155",
        ("authenticationRequiredOnSetup",),
        "Asks for authentication once, when it is saved",
        country="FR",
        auth="until_setup",
    ),
    Card(
        "4000002760003184",
        ("authenticationRequired", "authenticationRequiredEveryTime"),
        "Asks for authentication every time",
        country="DE",
        auth="always",
    ),
    Card("4000003800000446", ("authenticationRequiredSetupForOffSession",), country="IT", auth="on_session"),
    Card(
        "4000008260003178",
        ("authenticationRequiredChargeDeclinedInsufficientFunds",),
        "Asks for authentication, then insufficient funds",
        country="GB",
        decline=INSUFFICIENT,
        auth="always",
    ),
    Card("4000000000003220", ("threeDSecure2Required", "threeDSecureRequired"), auth="until_setup"),
    Card("4000008400001629", ("threeDSecureRequiredChargeDeclined",), decline=GENERIC, auth="always"),
    Card("4000000000003055", ("threeDSecureOptional",)),
)
_AFTERMATH = (
    Card(
        "4000000000000259", ("createDispute",), "Pays, then is disputed as fraudulent", dispute="fraudulent"
    ),
    Card(
        "4000000000002685",
        ("createDisputeProductNotReceived",),
        "Pays, then is disputed as not received",
        dispute="product_not_received",
    ),
    Card("4000000000001976", ("createDisputeInquiry",), dispute="inquiry"),
    Card("4000000000007726", ("pendingRefund",), refund="pending"),
    Card("4000000000005126", ("refundFail",), "Pays; a refund fails", refund="fails"),
)

CARDS = (*_SUCCESS, *_DECLINES, *_AUTHENTICATION, *_AFTERMATH)
BY_NUMBER = {card.number: card for card in CARDS}
BY_NAME = {f"pm_card_{name}": card for card in CARDS for name in card.names}
BY_TOKEN = {f"tok_{name}": card for card in CARDS for name in card.names}
OFFERED = tuple(
    BY_NAME[f"pm_card_{name}"]
    for name in (
        "visa",
        "chargeDeclined",
        "chargeDeclinedInsufficientFunds",
        "authenticationRequired",
        "createDispute",
    )
)
"""The cards to click on the hosted page; the others are in a list below."""


def luhn_valid(number: str) -> bool:
    """Whether a card number's check digit fits."""
    digits = [int(digit) for digit in reversed(number)]
    return sum(digits[0::2]) % 10 == -sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2]) % 10
