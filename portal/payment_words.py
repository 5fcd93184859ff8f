"""What became of the money, in the reader's words: the look of a payment's state, and how it was paid."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.models import Payment

State = Payment.State

LOOK_OF: dict[str, str] = {
    State.CHECKOUT: "pending",
    State.HELD: "held",
    State.DUE: "pending",
    State.ACTION: "confirm",
    State.PAID: "paid",
    State.SHORT: "partly_paid",
    State.FAILED: "failed",
    State.CARRIED: "carried",
    State.ON_ACCOUNT: "on_account",
    State.AWAITED: "open",
    State.WRITTEN_OFF: "failed",
    State.NOTHING_DUE: "free",
    State.RELEASING: "released",
    State.RELEASED: "released",
    State.EXPIRED: "expired",
}

HOW: dict[str, str | Promise] = {
    Payment.Method.CARD: gettext_lazy("Card"),
    Payment.Method.GUEST: gettext_lazy("Card, without account"),
    Payment.Method.ACCOUNT: gettext_lazy("On account"),
    Payment.Method.INVOICE: gettext_lazy("Invoice"),
}


@dataclass(frozen=True)
class PaymentWords:
    """`state` is a key of the looks, `how` says by which means, `is_owed` that something is still to be paid."""

    state: str
    how: str
    is_owed: bool


def words_for(state: str, method: str, card: str, refunded: Decimal, captured: Decimal) -> PaymentWords:
    """The words for a payment; a refund counts over being paid. `card` is its brand and last digits."""
    look = LOOK_OF.get(state, state)
    if refunded > 0:
        look = "refunded" if refunded >= captured else "partly_refunded"
    return PaymentWords(look, card.capitalize() or str(HOW.get(method, _("Card"))), state in Payment.OWED)


def words_for_payment(payment: Payment) -> PaymentWords:
    """The words for a payment row."""
    card = f"{payment.card_brand} •••• {payment.card_last4}" if payment.card_last4 else ""
    return words_for(payment.state, payment.method, card, payment.refunded.amount, payment.captured.amount)
