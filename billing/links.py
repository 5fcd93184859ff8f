"""Signed links: who holds one may see what it names. Readable, not forgeable, good for ninety days."""

from typing import Any

from django.conf import settings
from django.core import signing
from django.urls import reverse

from billing.models import Document, Payment

SALT = "evbilling.guest-link"
MAX_AGE_S = 90 * 24 * 3600
PAY_PATH = "/pay/{signed}/"
"""Where the portal shows a payment that waits for its driver."""


def sign(**named: Any) -> str:
    """A signed text that names ids of rows."""
    return signing.dumps({name: str(value) for name, value in named.items()}, salt=SALT)


def read(signed: str) -> dict[str, str] | None:
    """What a link names; None for one that is forged or too old."""
    try:
        named: dict[str, str] = signing.loads(signed, salt=SALT, max_age=MAX_AGE_S)
    except signing.BadSignature:
        return None
    return named


def sign_payment(payment: Payment) -> str:
    return sign(organisation=payment.organisation_id, payment=payment.pk)


def payment_of(signed: str) -> Payment | None:
    """The payment that a link names."""
    named = read(signed)
    if named is None or "payment" not in named or "organisation" not in named:
        return None
    payment: Payment | None = Payment.objects.of(named["organisation"]).filter(pk=named["payment"]).first()
    return payment


def pay_url(payment: Payment) -> str:
    """Absolute URL of the page where the driver confirms or pays."""
    return str(settings.BASE_URL) + PAY_PATH.format(signed=sign_payment(payment))


def document_url(document: Document) -> str:
    """Absolute URL of a document's PDF."""
    signed = sign(organisation=document.organisation_id, document=document.pk)
    return str(settings.BASE_URL) + reverse("billing:document", args=[signed])


def document_of(signed: str) -> Document | None:
    """The document that a link names."""
    named = read(signed)
    if named is None or "document" not in named or "organisation" not in named:
        return None
    document: Document | None = (
        Document.objects.of(named["organisation"]).filter(pk=named["document"]).first()
    )
    return document
