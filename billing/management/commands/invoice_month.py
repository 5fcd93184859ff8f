"""Issue the monthly invoices of what drivers and fleets charged on account."""

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.progress import track

from accounts.models import Organisation
from billing import invoicing
from billing.invoice_snapshots import Month


class Command(BaseCommand):
    help = "Issue the invoices of a month that is over; may be repeated, a session is invoiced once"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", help="slug; without it, every organisation")
        parser.add_argument("--month", help="YYYY-MM; without it, the month before this one")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be issued, and issue nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        organisations = Organisation.objects.order_by("name")
        if options["organisation"]:
            organisations = organisations.filter(slug=options["organisation"])
        if not organisations:
            raise CommandError(f"--organisation: there is no {options['organisation']}")
        period = _month(options["month"])
        for organisation in organisations:
            told = self._planned if options["dry_run"] else self._issued
            count, totals = told(organisation, period)
            sums = ", ".join(f"{total:,.2f} {currency}" for currency, total in sorted(totals.items()))
            self.stdout.write(f"{organisation.name:<40} {count:>6} invoices  {sums}")

    def _planned(self, organisation: Organisation, period: date) -> tuple[int, dict[str, Decimal]]:
        found = invoicing.buyers(Month(organisation, period, timezone.now()))
        totals: dict[str, Decimal] = defaultdict(Decimal)
        for buyer in found:
            totals[buyer.currency] += buyer.gross
        return len(found), totals

    def _issued(self, organisation: Organisation, period: date) -> tuple[int, dict[str, Decimal]]:
        totals: dict[str, Decimal] = defaultdict(Decimal)
        count = 0
        try:
            batches = list(track(invoicing.run(organisation, period), description=organisation.name))
        except ValueError as error:
            raise CommandError(str(error)) from error
        for document in (document for batch in batches for document in batch):
            totals[str(document.gross.currency)] += document.gross.amount
            count += 1
        return count, totals


def _month(text: str | None) -> date:
    if text is None:
        return invoicing.month_before(timezone.now().date())
    try:
        return datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007  a month has no zone
    except ValueError as error:
        raise CommandError(f"--month: {text!r} is no month such as 2026-10") from error
