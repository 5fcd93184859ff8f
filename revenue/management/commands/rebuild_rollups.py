"""Sum the rollups anew, or check them against sessions and ledger."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Organisation
from revenue import rollups
from revenue.rollups.check import SHOWN

BAR = 40


class Command(BaseCommand):
    help = (
        "Build the revenue rollups anew from the sessions; with --check only compare, exit 1 if rows differ"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="change nothing, compare with sessions and ledger"
        )
        parser.add_argument("--organisation", metavar="SLUG", help="only this one; all without it")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation_id = self._organisation(options["organisation"])
        if options["check"]:
            self._check(organisation_id)
        else:
            count = rollups.rebuild(organisation_id, self._progress)
            self.stdout.write(f"{count} sessions summed")

    def _organisation(self, slug: str | None) -> UUID | None:
        if slug is None:
            return None
        found = Organisation.objects.filter(slug=slug).first()
        if found is None:
            raise CommandError(f"--organisation: there is no {slug!r}; give the slug that stands in its URLs")
        return found.pk

    def _check(self, organisation_id: UUID | None) -> None:
        found = rollups.check(organisation_id, self._progress)
        for difference in found[:SHOWN]:
            self.stdout.write(str(difference))
        if found:
            more = f", {SHOWN} of them above" if len(found) > SHOWN else ""
            raise CommandError(
                f"{len(found)} differences{more}; `rebuild_rollups` without --check mends rows"
            )
        self.stdout.write("rollups, sessions and ledger agree")

    def _progress(self, done: int, of: int) -> None:
        """A bar on a terminal, nothing in a log."""
        if self.stderr.isatty():
            filled = BAR * done // max(of, 1)
            end = "\n" if done >= of else "\r"
            self.stderr.write(f"[{'#' * filled}{'.' * (BAR - filled)}] {done} of {of} sessions", ending=end)
