"""`manage.py export_ev_chart`: the files that NEVI-funded stations report every quarter."""

import csv
from argparse import ArgumentTypeError
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Organisation
from revenue.maintenance import ev_chart as sessions
from stations.uptime import ev_chart


class Command(BaseCommand):
    help = "Write a quarter's uptime, outages and sessions in EV-ChART's fields as CSV files."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organisation", help="slug of the organisation that reports")
        parser.add_argument("--quarter", required=True, type=_quarter, help="for example 2026Q3")
        parser.add_argument("--folder", type=Path, default=Path(), help="where the files go; made if needed")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = Organisation.objects.filter(slug=options["organisation"]).first()
        if organisation is None:
            raise CommandError(f"organisation: there is none called {options['organisation']!r}")
        first: date = options["quarter"]
        months = [first.replace(month=first.month + at) for at in range(3)]
        now, folder = timezone.now(), options["folder"]
        folder.mkdir(parents=True, exist_ok=True)
        uptimes = [row for month in months for row in ev_chart.uptime_rows(organisation, month, now)]
        outages = [row for month in months for row in ev_chart.outage_rows(organisation, month, now)]
        name = sessions.quarter_of(first)
        self._write(folder / f"uptime-{name}.csv", ev_chart.UPTIME_HEADER, uptimes)
        self._write(folder / f"outages-{name}.csv", ev_chart.OUTAGE_HEADER, outages)
        rows = sessions.session_rows(organisation, first)
        self._write(folder / f"sessions-{name}.csv", sessions.HEADER, rows)

    def _write(self, path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        count = 0
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for row in rows:
                writer.writerow(row)
                count += 1
        self.stdout.write(f"{path}: {count} rows")


def _quarter(text: str) -> date:
    year, _q, number = text.upper().partition("Q")
    if not (year.isdigit() and len(year) == 4 and number in {"1", "2", "3", "4"}):
        raise ArgumentTypeError(f"{text!r} is not a quarter such as 2026Q3")
    return date(int(year), int(number) * 3 - 2, 1)
