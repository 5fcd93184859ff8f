"""Posting to the books, once per idempotency key, and reading balances back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from moneyed import Money

from billing.models import Account, Entry, Journal, Payment, SessionCharge

Kind = Account.Kind


class KeyReused(ValueError):
    """An idempotency key came back with other entries: a bug, never a repeat."""


@dataclass(frozen=True, slots=True)
class Posting:
    """`amount` on an account: positive is a debit, negative a credit."""

    kind: str
    amount: Money
    driver_id: UUID | None = None
    tax_rate: Decimal | None = None
    fleet_id: UUID | None = None


def receivable(owing: SessionCharge | Payment, amount: Money) -> Posting:
    """`amount` on what the fleet, or else the driver, of a charge or payment owes."""
    if owing.fleet_id is not None:
        return Posting(Kind.DRIVER_RECEIVABLE, amount, fleet_id=owing.fleet_id)
    return Posting(Kind.DRIVER_RECEIVABLE, amount, driver_id=owing.driver_id)


@dataclass(frozen=True, slots=True)
class Cause:
    """What brought a journal about: a Journal.Cause and the id of the row behind it."""

    kind: str
    id: UUID
    description: str = ""


@transaction.atomic
def post(
    organisation_id: UUID,
    key: str,
    cause: Cause,
    postings: Sequence[Posting],
    *,
    reverses: Journal | None = None,
    booked_at: datetime | None = None,
) -> Journal:
    """Book `postings` as one journal; the same key again returns the journal that is there.

    Zero amounts are left out. Raises KeyReused when the key stands for other entries, and the database
    refuses, at commit, what doesn't sum to zero per currency.
    """
    moved = [posting for posting in postings if posting.amount.amount != 0]
    if not moved:
        raise ValueError(f"postings of {key}: nothing is moved")
    journal, created = Journal.objects.get_or_create(
        organisation_id=organisation_id,
        idempotency_key=key,
        defaults={
            "cause": cause.kind,
            "cause_id": cause.id,
            "description": cause.description[:200],
            "reverses": reverses,
            "booked_at": booked_at or timezone.now(),
        },
    )
    if created:
        _write(journal, moved)
    elif _written(journal) != sorted(_signature(posting) for posting in moved):
        raise KeyReused(f"journal {key}: is booked with other entries")
    return journal


def _write(journal: Journal, postings: Sequence[Posting]) -> None:
    Entry.objects.bulk_create(
        Entry(
            organisation_id=journal.organisation_id,
            journal=journal,
            account=_account(journal.organisation_id, posting),
            amount=posting.amount,
            booked_at=journal.booked_at,
        )
        for posting in postings
    )


def _account(organisation_id: UUID, posting: Posting) -> Account:
    which: dict[str, Any] = {
        "organisation_id": organisation_id,
        "kind": posting.kind,
        "driver_id": posting.driver_id,
        "fleet_id": posting.fleet_id,
        "tax_rate": posting.tax_rate,
        "currency": str(posting.amount.currency),
    }
    account, _ = Account.objects.get_or_create(**which)
    return account


def _signature(posting: Posting) -> tuple[str, str, str, Decimal, str]:
    rate = "" if posting.tax_rate is None else f"{posting.tax_rate:.4f}"
    amount = posting.amount
    whose = str(posting.driver_id or posting.fleet_id or "")
    return (posting.kind, whose, rate, amount.amount, str(amount.currency))


def _written(journal: Journal) -> list[tuple[str, str, str, Decimal, str]]:
    entries = Entry.objects.filter(
        organisation=journal.organisation_id, journal=journal, booked_at=journal.booked_at
    ).select_related("account")
    return sorted(
        _signature(
            Posting(
                entry.account.kind,
                entry.amount,
                entry.account.driver_id,
                entry.account.tax_rate,
                entry.account.fleet_id,
            )
        )
        for entry in entries
    )


def balance(
    organisation_id: UUID,
    kind: str,
    currency: str,
    *,
    driver_id: UUID | None = None,
    fleet_id: UUID | None = None,
    at: datetime | None = None,
) -> Money:
    """The sum of all entries on accounts of `kind`, of one driver or fleet if named, up to `at` inclusive."""
    entries = Entry.objects.filter(
        organisation=organisation_id, account__kind=kind, account__currency=currency
    )
    if driver_id is not None:
        entries = entries.filter(account__driver=driver_id)
    if fleet_id is not None:
        entries = entries.filter(account__fleet=fleet_id)
    if at is not None:
        entries = entries.filter(booked_at__lte=at)
    return Money(entries.aggregate(total=Sum("amount"))["total"] or Decimal(0), currency)
