"""Letters to drivers: written in the transaction that gives the reason, sent by the worker."""

import logging
from datetime import timedelta
from smtplib import SMTPException
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.utils import timezone

from billing import links
from billing.invoiced_sessions import outstanding
from billing.models import Document, Mail, Payment, PaymentAttempt

log = logging.getLogger(__name__)

Kind = Mail.Kind
CLAIM_FOR = timedelta(minutes=5)
TRIES = 8
SUBJECTS = {
    Kind.DOCUMENT: "Your charging receipt",
    Kind.INVOICE: "Your charging invoice",
    Kind.CONFIRM: "Please confirm your payment",
    Kind.REMINDER: "A payment is open",
    Kind.FINAL: "Last reminder: a payment is open",
    Kind.BLOCKED: "Charging is blocked until you have paid",
    Kind.FAILED: "Your payment did not go through",
}


def write(organisation_id: UUID, kind: str, about_id: UUID, email: str) -> None:
    """Have a letter sent, once for each thing it may be about. No address, no letter."""
    if email:
        Mail.objects.get_or_create(
            organisation_id=organisation_id, kind=kind, about_id=about_id, defaults={"email": email}
        )


def sweep(limit: int = 50) -> int:
    """Send what is waiting; what fails is tried again, later each time. Returns how many went out."""
    now = timezone.now()
    free = Q(claimed_at__isnull=True) | Q(claimed_at__lt=now - CLAIM_FOR)
    waiting = Mail.objects.filter(free, sent_at__isnull=True, tries__lt=TRIES).order_by("created_at")
    return sum(_send(letter) for letter in waiting[:limit] if _claim(letter))


def _claim(letter: Mail) -> bool:
    return bool(
        Mail.objects.of(letter.organisation_id)
        .filter(pk=letter.pk, sent_at__isnull=True, tries=letter.tries)
        .update(claimed_at=timezone.now(), tries=F("tries") + 1)
    )


def _send(letter: Mail) -> bool:
    try:
        EmailMessage(SUBJECTS[Kind(letter.kind)], _text(letter), to=[letter.email]).send()
    except (SMTPException, OSError) as error:
        log.warning("mail %s not sent: %s", letter.pk, error)
        return False
    Mail.objects.of(letter.organisation_id).filter(pk=letter.pk).update(sent_at=timezone.now())
    return True


def _text(letter: Mail) -> str:
    if letter.kind in (Kind.DOCUMENT, Kind.INVOICE):
        document = Document.objects.of(letter.organisation_id).get(pk=letter.about_id)
        context = {"document": document, "url": links.document_url(document)}
        payment = document.payments.first()
        if payment is not None:
            context |= {"payment": payment, "pay_url": links.pay_url(payment)}
    elif letter.kind in (Kind.REMINDER, Kind.FINAL):
        payment = (
            Payment.objects.of(letter.organisation_id).select_related("organisation").get(pk=letter.about_id)
        )
        owed = outstanding(payment) if payment.invoice_id else payment.outstanding
        context = {"payment": payment, "owed": owed, "url": links.pay_url(payment)}
    elif letter.kind == Kind.BLOCKED:
        context = {"organisation": letter.organisation, "url": f"{settings.BASE_URL}/driver/"}
    else:
        attempt = (
            PaymentAttempt.objects.of(letter.organisation_id)
            .select_related("payment")
            .get(pk=letter.about_id)
        )
        context = {"attempt": attempt, "payment": attempt.payment, "url": links.pay_url(attempt.payment)}
    return render_to_string(f"billing/mail/{letter.kind}.txt", context)
