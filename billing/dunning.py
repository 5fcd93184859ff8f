"""Going after debts by the clock: tries again, reminders, blocks that come with age, and giving up."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from moneyed import Money

from billing import debts, history, ledger, mail, payments, recovery
from billing.invoiced_sessions import outstanding
from billing.ledger import Cause, Posting
from billing.models import Account, Debtor, Journal, Payment, PaymentAttempt

State = Payment.State

REVIEW_EVERY = timedelta(hours=6)


class NotGivenUp(ValueError):
    """The debt is not written off; nothing was written. The message names the field."""


def sweep_retries(limit: int = 50) -> int:
    """Try again what was declined and whose time has come, each with a new key; returns how many."""
    due = Payment.objects.filter(state=State.FAILED, retry_at__lte=timezone.now()).order_by("retry_at")
    return sum(_retry(payment) for payment in due[:limit])


def _retry(payment: Payment) -> bool:
    with transaction.atomic():
        locked = payments.lock(payment.organisation_id, payment.pk)
        if locked.state != State.FAILED or locked.retry_at is None or locked.retry_at > timezone.now():
            return False
        payments.keep(locked, retry_at=None, retries=locked.retries + 1)
    recovery.retry(locked)
    return True


def sweep_debtors(limit: int = 200) -> int:
    """Review those who owe, and remind them; returns how many were reviewed."""
    now = timezone.now()
    owing = Debtor.objects.filter(unpaid__gt=0, reviewed_at__lt=now - REVIEW_EVERY).order_by("reviewed_at")
    found = list(owing.values_list("organisation_id", "driver_id")[:limit])
    for organisation_id, driver_id in found:
        _go_after(organisation_id, driver_id, now)
    return len(found)


@transaction.atomic
def _go_after(organisation_id: UUID, driver_id: UUID, now: datetime) -> None:
    debts.review(organisation_id, driver_id, now)
    policy = debts.policy_of(organisation_id)
    for payment in debts.owed(organisation_id, driver_id):
        age = now - payment.created_at
        if age >= timedelta(days=policy.final_after_days):
            mail.write(organisation_id, mail.Kind.FINAL, payment.pk, payment.email)
        elif age >= timedelta(days=policy.remind_after_days):
            mail.write(organisation_id, mail.Kind.REMINDER, payment.pk, payment.email)


@transaction.atomic
def write_off(payment: Payment, reason: str) -> Journal:
    """Give a debt up: what is still owed becomes a loss. Raises NotGivenUp."""
    locked = payments.lock(payment.organisation_id, payment.pk)
    left = outstanding(locked) if locked.invoice_id else locked.outstanding
    if not reason.strip():
        raise NotGivenUp("reason: say why the debt is given up")
    if locked.method == Payment.Method.ACCOUNT:
        raise NotGivenUp("payment: stands on an invoice; give up the invoice")
    if payments.open_attempt(locked) is not None or left.amount <= 0:
        raise NotGivenUp("payment: nothing is owed, or it is being paid just now")
    if not payments.move(locked, State.WRITTEN_OFF, retry_at=None):
        raise NotGivenUp(f"payment: is {locked.get_state_display().lower()}, no debt to give up")
    history.project(locked)
    return _book_loss(locked, left, reason)


def _book_loss(payment: Payment, left: Money, reason: str) -> Journal:
    return ledger.post(
        payment.organisation_id,
        f"write-off:{payment.pk}",
        Cause(Journal.Cause.WRITE_OFF, payment.pk, reason),
        [Posting(Account.Kind.BAD_DEBT, left), ledger.receivable(payment, -left)],
    )


def waiting_for_us(organisation_id: UUID) -> QuerySet[Payment]:
    """Debts that nothing will be done about by itself any more: a person decides."""
    under_way = PaymentAttempt.objects.filter(state__in=PaymentAttempt.OPEN).values("payment")
    given = Payment.objects.of(organisation_id).filter(state__in=(State.FAILED, State.SHORT))
    stuck: QuerySet[Payment] = given.filter(retry_at__isnull=True).exclude(pk__in=under_way)
    return stuck.order_by("created_at")
