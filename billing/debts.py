"""Who owes what, and whether that keeps him from charging: decided in the transaction that moved the money."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, F, Min, Q, QuerySet, Sum
from django.utils import timezone

from accounts.models import DriverBlock
from billing import ledger, mail
from billing.ledger import Cause, Posting
from billing.models import Debtor, DebtPolicy, Journal, Payment

State = Payment.State
OWING = (State.FAILED, State.SHORT, State.ACTION)

NEVER_AGAIN = frozenset([
    "lost_card", "stolen_card", "pickup_card", "restricted_card", "fraudulent", "invalid_account",
    "expired_card", "incorrect_number", "revocation_of_all_authorizations", "revocation_of_authorization",
    "stop_payment_order", "card_not_supported", "currency_not_supported", "no_card", "no_driver", "merchant_blacklist",
])  # fmt: skip
"""Declines after which the networks forbid, or sense forbids, to try the same card again."""


@dataclass(frozen=True, slots=True)
class Debt:
    """What a driver owes an organisation; `total` in the organisation's currency."""

    count: int
    total: Decimal
    oldest_at: datetime | None


def owed(organisation_id: UUID, driver_id: UUID) -> QuerySet[Payment]:
    """The driver's payments that went wrong. A session on an invoice is owed by its invoice's payment."""
    found: QuerySet[Payment] = Payment.objects.of(organisation_id).filter(driver=driver_id, state__in=OWING)
    return found.exclude(method=Payment.Method.ACCOUNT)


def debt_of(organisation_id: UUID, driver_id: UUID) -> Debt:
    rows = owed(organisation_id, driver_id)
    sums = rows.aggregate(
        count=Count("pk"),
        oldest=Min("created_at"),
        total=Sum(F("due") - F("captured") - F("credited"), filter=Q(currency=F("organisation__currency"))),
        invoiced=Sum("invoice__gross", filter=Q(currency=F("organisation__currency"))),
    )
    total = (sums["total"] or Decimal(0)) + (sums["invoiced"] or Decimal(0))
    return Debt(sums["count"], total, sums["oldest"])


def policy_of(organisation_id: UUID) -> DebtPolicy:
    """The organisation's own policy, or the defaults."""
    own: DebtPolicy | None = DebtPolicy.objects.of(organisation_id).first()
    return own or DebtPolicy(organisation_id=organisation_id)


def review(organisation_id: UUID, driver_id: UUID, now: datetime | None = None) -> bool:
    """Block a driver whose debt asks for it, or lift the block; inside the caller's transaction.

    Returns whether the driver is blocked for a debt now.
    """
    now = now or timezone.now()
    debtor = _lock(organisation_id, driver_id)
    debt = debt_of(organisation_id, driver_id)
    debtor.unpaid, debtor.oldest_at = debt.count, debt.oldest_at
    debtor.save(update_fields=["unpaid", "oldest_at", "reviewed_at"])
    if _blocks(policy_of(organisation_id), debt, now):
        _block(organisation_id, driver_id, debt, now)
        return True
    DriverBlock.objects.of(organisation_id).filter(
        driver=driver_id, kind=DriverBlock.Kind.DEBT, lifted_at__isnull=True
    ).update(lifted_at=now)
    return False


def _lock(organisation_id: UUID, driver_id: UUID) -> Debtor:
    Debtor.objects.bulk_create(
        [Debtor(organisation_id=organisation_id, driver_id=driver_id)], ignore_conflicts=True
    )
    debtor: Debtor = Debtor.objects.of(organisation_id).select_for_update().get(driver=driver_id)
    return debtor


def _blocks(policy: DebtPolicy, debt: Debt, now: datetime) -> bool:
    if debt.oldest_at is None:
        return False
    return (
        debt.count >= policy.block_at_count
        or debt.total >= policy.block_at_total
        or now - debt.oldest_at >= timedelta(days=policy.block_after_days)
    )


def _block(organisation_id: UUID, driver_id: UUID, debt: Debt, now: datetime) -> None:
    """A driver who is blocked already, by hand or for a debt, stays so."""
    open_blocks = DriverBlock.objects.of(organisation_id).filter(driver=driver_id, lifted_at__isnull=True)
    if open_blocks.exists():
        return
    block = DriverBlock.objects.create(
        organisation_id=organisation_id,
        driver_id=driver_id,
        kind=DriverBlock.Kind.DEBT,
        reason=f"{debt.count} unpaid",
        blocked_at=now,
    )
    oldest = owed(organisation_id, driver_id).order_by("created_at").first()
    if oldest is not None:
        mail.write(organisation_id, mail.Kind.BLOCKED, block.pk, oldest.email)


def retry_time(payment: Payment, code: str, now: datetime) -> datetime | None:
    """When a declined payment is tried again by itself; None for never."""
    days = policy_of(payment.organisation_id).retry_after_days
    if code in NEVER_AGAIN or payment.method == Payment.Method.GUEST or payment.retries >= len(days):
        return None
    return now + timedelta(days=days[payment.retries])


def reverse_loss(payment: Payment) -> None:
    """Reverse the loss of a locked payment that came in although it was given up."""
    loss = (
        Journal.objects.of(payment.organisation_id).filter(idempotency_key=f"write-off:{payment.pk}").first()
    )
    if loss is None:
        return
    ledger.post(
        payment.organisation_id,
        f"write-off-reversed:{payment.pk}",
        Cause(Journal.Cause.WRITE_OFF, payment.pk, "Paid after all"),
        [
            Posting(
                entry.account.kind, -entry.amount, entry.account.driver_id, fleet_id=entry.account.fleet_id
            )
            for entry in loss.entries.select_related("account")
        ],
        reverses=loss,
    )
