"""What was paid for a session and what was booked: payments, documents and journals of one organisation."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from uuid import UUID

from accounts.models import Organisation
from billing.models import Document, Entry, Journal, Payment, SessionCharge


@dataclass(frozen=True)
class Booked:
    """A journal with its entries; `balance` is their sum, zero in books that hold."""

    journal: Journal
    entries: list[Entry]

    @property
    def balance(self) -> Decimal:
        return sum((entry.amount.amount for entry in self.entries), Decimal(0))


@dataclass(frozen=True)
class SessionMoney:
    """All that the books know of one session."""

    payments: list[Payment]
    documents: list[Document]
    journals: list[Booked]


def money_of(organisation: Organisation, session_id: UUID) -> SessionMoney | None:
    """Payments, documents and journals of a session; None while it is not charged."""
    charges = list(SessionCharge.objects.of(organisation).filter(session=session_id))
    payments = list(Payment.objects.of(organisation).filter(session=session_id).prefetch_related("refunds"))
    if not charges and not payments:
        return None
    documents = list(Document.objects.of(organisation).filter(charge__in=charges).order_by("issued_at"))
    causes = chain(charges, payments, documents, *(payment.refunds.all() for payment in payments))
    return SessionMoney(payments, documents, _journals(organisation, [row.pk for row in causes]))


def _journals(organisation: Organisation, cause_ids: list[UUID]) -> list[Booked]:
    journals = Journal.objects.of(organisation).filter(cause_id__in=cause_ids).order_by("booked_at", "id")
    entries = (
        Entry.objects.filter(organisation=organisation, journal__in=journals)
        .select_related("account")
        .order_by("account__kind")
    )
    by_journal: dict[UUID, list[Entry]] = {}
    for entry in entries:
        by_journal.setdefault(entry.journal_id, []).append(entry)
    return [Booked(journal, by_journal.get(journal.pk, [])) for journal in journals]
