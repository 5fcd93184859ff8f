"""Charging without an account: pay first by hosted Checkout, start on the webhook, capture what it cost."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from moneyed import Money

from billing import attempts, holds, intents, payments, stripe_calls
from billing.minor_units import below_minimum, to_minor, zero
from billing.models import Payment, PaymentAttempt
from billing.stripe_client import Obj, StripeRefused, StripeUnreachable
from charging.models import ChargingSession, StationCommand
from stations.models import Connector

State = Payment.State
CHECKOUT_OPEN_S = 31 * 60  # Stripe takes 30 minutes at least
START_WITHIN = timedelta(seconds=getattr(settings, "GUEST_START_WITHIN_S", 300))
LOOK_UP_AFTER = timedelta(seconds=30)


class CheckoutUnavailable(Exception):
    """Stripe can't be reached just now; nothing was reserved, and the guest may try again."""


@dataclass(frozen=True, slots=True)
class GuestCheckout:
    """Where to send the guest, and the payment that it is about."""

    url: str
    payment: Payment


def start_guest_checkout(
    connector: Connector,
    email: str,
    hold: Money,
    success_url: str | Callable[[Payment], str],
    cancel_url: str | Callable[[Payment], str],
) -> GuestCheckout:
    """Open a hosted Checkout that reserves `hold`. Nothing starts until Stripe says the card is good.

    The URLs may be functions of the payment. `email` may be "". Raises ValueError for a hold that Stripe
    would refuse, and CheckoutUnavailable.
    """
    if below_minimum(hold):
        raise ValueError(f"hold: {hold.amount} {hold.currency} is less than Stripe takes")
    with transaction.atomic():
        payment = _new_payment(connector, email, hold)
        attempt = PaymentAttempt(
            organisation_id=payment.organisation_id,
            payment=payment,
            kind=PaymentAttempt.Kind.CHECKOUT,
            amount=hold,
        )
        attempt.request = _request(
            connector, payment, attempt, _url(success_url, payment), _url(cancel_url, payment)
        )
        attempt.save(force_insert=True)
    attempts.run(attempt)
    attempt.refresh_from_db()
    payment.refresh_from_db()
    if attempt.state != PaymentAttempt.State.SUCCEEDED:
        raise CheckoutUnavailable(attempt.failure_message or "The payment page can't be opened just now.")
    return GuestCheckout(attempt.request["url"], payment)


def _url(url: str | Callable[[Payment], str], payment: Payment) -> str:
    return url if isinstance(url, str) else url(payment)


def _new_payment(connector: Connector, email: str, hold: Money) -> Payment:
    nothing = zero(str(hold.currency))
    payment: Payment = Payment.objects.create(
        organisation_id=connector.organisation_id,
        method=Payment.Method.GUEST,
        state=State.CHECKOUT,
        connector=connector,
        email=email,
        due=nothing,
        authorised=nothing,
        captured=nothing,
        refunded=nothing,
        credited=nothing,
    )
    return payment


def _request(
    connector: Connector, payment: Payment, attempt: PaymentAttempt, success_url: str, cancel_url: str
) -> dict[str, Any]:
    ours = intents.metadata(payment, attempt)
    product = {
        "name": f"Charging at {connector.evse.station}",
        "description": "You pay what you charge, at most this.",
    }
    price = {
        "currency": str(attempt.amount.currency).lower(),
        "unit_amount": to_minor(attempt.amount),
        "product_data": product,
    }
    return {
        "mode": "payment",
        "payment_method_types": ["card"],
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_intent_data": {"capture_method": "manual", "metadata": ours, "description": product["name"]},
        "client_reference_id": str(payment.pk),
        "metadata": ours,
        "expires_at": int(time.time()) + CHECKOUT_OPEN_S,
        "success_url": success_url,
        "cancel_url": cancel_url,
        **({"customer_email": payment.email} if payment.email else {}),
    }


def observe_checkout(checkout: Obj) -> Payment | None:
    """Apply a Checkout Session as retrieved from Stripe; None if it is none of ours."""
    owner = intents.owner_of(checkout.get("metadata") or {})
    if owner is None:
        return None
    organisation_id, payment_id = owner
    _note_email(checkout, *owner)
    intent = checkout.get("payment_intent")
    if isinstance(intent, dict):
        return intents.observe(organisation_id, payment_id, intent)
    with transaction.atomic():
        payment = payments.lock(organisation_id, payment_id)
        if checkout["status"] == "expired":
            payments.move(payment, State.EXPIRED)
    return payment


@transaction.atomic
def _note_email(checkout: Obj, organisation_id: Any, payment_id: Any) -> None:
    """The address that the guest typed at Stripe is where the receipt goes, whichever event came first."""
    email = (checkout.get("customer_details") or {}).get("email") or ""
    payment = payments.lock(organisation_id, payment_id)
    if not email or payment.email:
        return
    payments.keep(payment, email=email)
    if payment.driver is not None and payment.driver.is_guest and not payment.driver.email:
        payment.driver.email = email
        payment.driver.save(update_fields=["email"])


def refresh(payment: Payment) -> Payment:
    """Ask Stripe how a Checkout stands, for a page that waits or a sweep that heard nothing."""
    if payment.state in (State.CHECKOUT, State.EXPIRED) and payment.checkout_id:
        with suppress(StripeUnreachable, StripeRefused):
            observe_checkout(stripe_calls.retrieve_checkout(payment.checkout_id))
        Payment.objects.of(payment.organisation_id).filter(pk=payment.pk).update(looked_up_at=timezone.now())
        payment.refresh_from_db()
    return payment


def sweep_checkouts(limit: int = 20) -> int:
    """Look after Checkouts that no webhook told us about, at growing intervals; close the forgotten ones."""
    now = timezone.now()
    waiting = Payment.objects.filter(state=State.CHECKOUT, created_at__lt=now - LOOK_UP_AFTER)
    looked = 0
    for payment in waiting.order_by("looked_up_at", "created_at")[:limit]:
        last = payment.looked_up_at or payment.created_at
        if now - last >= max(LOOK_UP_AFTER, (now - payment.created_at) / 4):
            _look_after(payment)
            looked += 1
    return looked


def _look_after(payment: Payment) -> None:
    refresh(payment)
    old = timezone.now() - payment.created_at > timedelta(seconds=2 * CHECKOUT_OPEN_S)
    if payment.state == State.CHECKOUT and not payment.checkout_id and old:
        with transaction.atomic():
            payments.move(payments.lock(payment.organisation_id, payment.pk), State.EXPIRED)


def sweep_starts(limit: int = 100) -> int:
    """Tie sessions to the holds they use; release the holds of starts that came to nothing."""
    waiting = Payment.objects.filter(state=State.HELD).order_by("held_at")
    found = list(waiting.values_list("organisation_id", "pk")[:limit])
    return sum(_judge_start(organisation_id, payment_id) for organisation_id, payment_id in found)


@transaction.atomic
def _judge_start(organisation_id: Any, payment_id: Any) -> bool:
    payment = payments.lock(organisation_id, payment_id)
    if payment.state != State.HELD:
        return False
    session = _session_of(payment)
    if session is not None:
        if session.quality == ChargingSession.Quality.WAIVED:
            return holds.let_go(payment, "waived", "The operator waived this session.")
        if payment.session_id is None:
            payments.keep(payment, session=session)
        return False
    return _no_start(payment)


def _session_of(payment: Payment) -> ChargingSession | None:
    session: ChargingSession | None = (
        ChargingSession.objects.of(payment.organisation_id)
        .filter(token=payment.token_id)
        .order_by("started_at")
        .first()
    )
    return session


def _no_start(payment: Payment) -> bool:
    """Release a hold whose start the station refused, or which no session came of in time."""
    asked: Any = payment.start_command_id
    command = StationCommand.objects.of(payment.organisation_id).filter(pk=asked).first()
    refused = (StationCommand.State.REJECTED, StationCommand.State.TIMED_OUT, StationCommand.State.OFFLINE)
    if command is not None and command.state in refused:
        return holds.let_go(
            payment, command.state, f"The station did not start: {command.get_state_display()}."
        )
    if payment.held_at is not None and payment.held_at + START_WITHIN < timezone.now():
        return holds.let_go(payment, "no_start", "No vehicle was plugged in in time.")
    return False
