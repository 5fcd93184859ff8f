"""Check the books, print what was checked, and exit 1 if anything does not hold."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import books, books_outside
from billing.books import Finding


class Command(BaseCommand):
    help = "Check ledger, charges, payments, documents and history; exit 1 on any mismatch"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--stripe", action="store_true", help="compare with Stripe's own account as well")
        parser.add_argument("--no-files", action="store_true", help="leave the stored PDFs out")

    def handle(self, *args: Any, **options: Any) -> None:
        more = () if options["no_files"] else (books_outside.files,)
        if options["stripe"]:
            more = (*more, books_outside.stripe, books_outside.disputes)
        findings = [self._told(finding) for finding in books.verify(more)]
        wrong = sum(len(finding.wrong) for finding in findings)
        if wrong:
            raise CommandError(f"the books do not hold: {wrong} mismatches", returncode=1)
        self.stdout.write(f"the books hold: {len(findings)} checks")

    def _told(self, finding: Finding) -> Finding:
        verdict = "holds" if finding.holds else f"{len(finding.wrong)} WRONG"
        self.stdout.write(f"{finding.check:<62} {finding.looked_at:>9} looked at  {verdict}")
        for row in finding.wrong[: books.SHOWN]:
            self.stdout.write(f"    {row}")
        if len(finding.wrong) > books.SHOWN:
            self.stdout.write(f"    and {len(finding.wrong) - books.SHOWN} more")
        return finding
