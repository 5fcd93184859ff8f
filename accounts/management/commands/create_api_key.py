"""`manage.py create_api_key --organisation SLUG`: a key for the REST api, printed once."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from accounts.models import ApiKey, Organisation


class Command(BaseCommand):
    help = "Make an API key of an organisation and print it; only its hash is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organisation", required=True, metavar="SLUG")
        parser.add_argument("--name", default="command line", help="what the key is for")
        parser.add_argument(
            "--scope",
            action="append",
            choices=ApiKey.Scope.values,
            help="what it may do; may be repeated; everything unless told",
        )
        parser.add_argument(
            "--expires", metavar="DATE", help="last use, such as 2027-12-31 (UTC); never unless told"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = Organisation.objects.filter(slug=options["organisation"]).first()
        if organisation is None:
            known = ", ".join(Organisation.objects.values_list("slug", flat=True)[:20]) or "none yet"
            raise CommandError(
                f"--organisation: there is no {options['organisation']!r}; organisations are: {known}"
            )
        scopes = options["scope"] or ApiKey.Scope.values
        row, key = ApiKey.issue(
            organisation, options["name"][:80], scopes, expires_at=_end_of(options["expires"])
        )
        self.stderr.write(f"{row.name} of {organisation}: {', '.join(row.scopes)}. It is not shown again.")
        self.stdout.write(key)


def _end_of(text: str | None) -> datetime | None:
    """The end of a day, or an instant; UTC unless it names a zone."""
    if not text:
        return None
    try:
        day, moment = parse_date(text), parse_datetime(text)
    except ValueError as error:
        raise CommandError(f"--expires: {error}") from error
    if day is not None:
        moment = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
    if moment is None:
        raise CommandError(f"--expires: {text!r} is not a date such as 2027-12-31")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment <= timezone.now():
        raise CommandError(f"--expires: {text} has passed")
    return moment
