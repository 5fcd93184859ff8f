"""Working off Stripe's events: what an event says is only a hint to look; the object is asked for anew.

Each kind of object ends in a monotone transition of our own row, so that order, repeats and losses of events
don't matter.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import F, Q
from django.utils import timezone

from billing import cards, disputes, guests, intents, refunds, stripe_archive, stripe_calls
from billing.models import PaymentProfile, StripeEventInbox
from billing.stripe_client import StripeRefused, StripeUnreachable

log = logging.getLogger(__name__)

State = StripeEventInbox.State
CLAIM_FOR = timedelta(minutes=2)
RETRIES = 20


def work(row: StripeEventInbox) -> bool:
    """Work off one event; False if another worker has it, or it must be tried again later."""
    if not _claim(row):
        return False
    try:
        known = handle(row)
    except (StripeUnreachable, StripeRefused) as error:
        _update(row, error=str(error)[:500])
        return False
    except Exception as error:
        log.exception("event %s (%s)", row.event_id, row.type)
        _update(row, error=f"{type(error).__name__}: {error}"[:500])
        return False
    state = State.DONE if known else State.UNKNOWN_OBJECT
    _update(row, state=state, processed_at=timezone.now(), error="")
    stripe_archive.keep_event(row.payload)
    return True


def _claim(row: StripeEventInbox) -> bool:
    now = timezone.now()
    free = Q(claimed_at__isnull=True) | Q(claimed_at__lt=now - CLAIM_FOR)
    return bool(
        StripeEventInbox.objects.filter(free, pk=row.pk, state=State.PENDING).update(
            claimed_at=now, tries=F("tries") + 1
        )
    )


def _update(row: StripeEventInbox, **fields: Any) -> None:
    """A failed try keeps its claim: the event comes up again when the claim runs out."""
    StripeEventInbox.objects.filter(pk=row.pk).update(**fields)


def handle(row: StripeEventInbox) -> bool:
    """Look at the object that an event is about; False if it is not one of ours."""
    prefix = row.object_id.split("_")[0]
    handler = HANDLERS.get(prefix)
    if handler is None:
        return row.type.split(".")[0] in NOT_OURS_TO_FOLLOW
    try:
        return handler(row.object_id)
    except ObjectDoesNotExist:
        return False


NOT_OURS_TO_FOLLOW = {"balance", "account", "webhook_endpoint"}


def _intent(intent_id: str) -> bool:
    intent = stripe_calls.retrieve_intent(intent_id)
    owner = intents.owner_of(intent.get("metadata") or {})
    if owner is None:
        return False
    intents.observe(*owner, intent)
    return True


def _charge(charge_id: str) -> bool:
    intent_id = stripe_calls.retrieve_charge(charge_id).get("payment_intent")
    return bool(intent_id) and _intent(str(intent_id))


def _checkout(checkout_id: str) -> bool:
    checkout = stripe_calls.retrieve_checkout(checkout_id)
    if checkout["mode"] == "setup":
        return cards.observe_setup(checkout) is not None
    return guests.observe_checkout(checkout) is not None


def _refund(refund_id: str) -> bool:
    return refunds.observe(stripe_calls.retrieve_refund(refund_id)) is not None


def _dispute(dispute_id: str) -> bool:
    return disputes.look(dispute_id) is not None


def _customer(customer_id: str) -> bool:
    if not PaymentProfile.objects.filter(customer_id=customer_id).exists():
        return False
    stripe_archive.keep_customer(stripe_calls.retrieve_customer(customer_id))
    return True


def _method(method_id: str) -> bool:
    method = stripe_calls.retrieve_method(method_id)
    if not PaymentProfile.objects.filter(customer_id=method.get("customer") or "-").exists():
        return False
    stripe_archive.keep_method(method)
    return True


HANDLERS: dict[str, Callable[[str], bool]] = {
    "pi": _intent,
    "ch": _charge,
    "py": _charge,
    "cs": _checkout,
    "re": _refund,
    "pyr": _refund,
    "du": _dispute,
    "dp": _dispute,
    "cus": _customer,
    "pm": _method,
}


def sweep(limit: int = 50) -> int:
    """Work off what the nudges lost or what failed before; returns how many events were done."""
    now = timezone.now()
    free = Q(claimed_at__isnull=True) | Q(claimed_at__lt=now - CLAIM_FOR)
    waiting = StripeEventInbox.objects.filter(free, state=State.PENDING, tries__lt=RETRIES)
    return sum(work(row) for row in waiting.order_by("received_at")[:limit])


def replay(row: StripeEventInbox) -> bool:
    """Work off an event again, e.g. one whose object was unknown when it came."""
    StripeEventInbox.objects.filter(pk=row.pk).update(state=State.PENDING, claimed_at=None, tries=0)
    row.refresh_from_db()
    return work(row)
