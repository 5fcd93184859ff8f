"""`manage.py import_sessions`: past charging sessions from CSV files; see docs/importing.md."""

import json
import time
import zoneinfo
from argparse import ArgumentTypeError
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import pricing
from accounts.models import Organisation
from charging.importing import ImportRefused, Job, Outcome, import_file, load_mapping
from charging.importing.rows import columns_of, open_rows
from tariffs.models import TariffVersion
from tariffs.publishing import record_history


class Command(BaseCommand):
    help = "Import past charging sessions from CSV files: each is priced and counted, none is ever charged."

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("files", metavar="FILE", nargs="+", type=Path, help="CSV files of one kind")
        add("--mapping", required=True, help="perth-kinross, dundee, or the path of a TOML file")
        add("--tariff", required=True, type=Path, help="OCPI tariff (JSON) that prices them")
        add("--timezone", required=True, help="zone of the files' clock, e.g. Europe/London")
        add("--organisation", required=True, help="slug of the organisation they belong to")
        add("--create-organisation", action="store_true", help="make the organisation if there is none")
        add("--currency", help="refuse a tariff in any other, e.g. GBP")
        add("--from", dest="first", type=_day, help="first day of the sessions, e.g. 2016-09-01")
        add("--until", dest="last", type=_day, help="last day of the sessions, e.g. 2019-08-31")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        try:
            job = _job(options)
            console = Console(file=self.stdout)  # type: ignore[arg-type]  # Django's wrapper writes like a file
            with Bar(console) as bar:
                outcomes = [import_file(path, job, bar.of(path)) for path in options["files"]]
        except ImportRefused as refused:
            raise CommandError(str(refused)) from refused
        console.print(_table(outcomes, job))
        console.print(f"{sum(each.rows_in for each in outcomes)} rows in {time.monotonic() - began:.1f} s")


class Bar:
    """The progress bar: a line a file. Without a terminal nothing is drawn until a file is done."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console)

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def of(self, path: Path) -> "FileBar":
        return FileBar(self._progress, path.name)


class FileBar:
    """Progress of one file. Drawn every 500 rows: a refresh a row would cost more than the row."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress, self._name, self._done = progress, name, 0
        self._task = progress.add_task(name, total=None)

    def stage(self, name: str, rows: int) -> None:
        self._done = 0
        self._progress.reset(self._task, description=f"{self._name}: {name}", total=rows or None)

    def tick(self) -> None:
        self._done += 1
        if self._done % 500 == 0:
            self._progress.update(self._task, completed=self._done)

    def done(self) -> None:
        self._progress.update(self._task, description=self._name, completed=1, total=1)


def _job(options: dict[str, Any]) -> Job:
    """All that can be wrong is told before anything is written."""
    mapping = load_mapping(options["mapping"])
    zone = _zone(options["timezone"])
    document = _document(Path(options["tariff"]), options["currency"])
    for path in options["files"]:
        header, _ = open_rows(path, mapping)
        columns_of(header, mapping)
    organisation = _organisation(options, document["currency"], mapping.country, zone)
    version = _version(organisation, document, Path(options["tariff"]))
    return Job(mapping, organisation, version, zone, _span(options["first"], options["last"]))


def _document(path: Path, currency: str | None) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(), parse_constant=_refuse_constant)
        tariff = pricing.Tariff.from_json(document)
    except OSError as error:
        raise ImportRefused("--tariff", f"{path} can't be read: {error.strerror}") from error
    except pricing.PricingError as error:
        raise ImportRefused("--tariff", f"{path}: {error}") from error
    except ValueError as error:
        raise ImportRefused("--tariff", f"{path} is not JSON: {error}") from error
    if currency and tariff.currency != currency.upper():
        raise ImportRefused("--currency", f"is {currency}, but {path} is in {tariff.currency}")
    return dict(document)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _zone(name: str) -> str:
    if name not in zoneinfo.available_timezones():
        raise ImportRefused("--timezone", f"{name!r} is no IANA zone; give one such as Europe/London")
    return name


def _organisation(options: dict[str, Any], currency: str, country: str, zone: str) -> Organisation:
    slug = options["organisation"]
    organisation = Organisation.objects.filter(slug=slug).first()
    if organisation is not None:
        return organisation
    if not options["create_organisation"]:
        known = ", ".join(Organisation.objects.order_by("slug").values_list("slug", flat=True)[:20]) or "none"
        raise ImportRefused(
            "--organisation",
            f"there is no {slug!r} (there are: {known}); add --create-organisation to make it",
        )
    name = slug.replace("-", " ").title()
    organisation = Organisation(slug=slug, name=name, currency=currency, country=country, time_zone=zone)
    organisation.full_clean()
    organisation.save()
    return organisation


def _version(organisation: Organisation, document: dict[str, Any], path: Path) -> TariffVersion:
    """The tariff as a fact of the past, beside those that are in force."""
    try:
        return record_history(organisation, f"Import: {document.get('id') or path.stem}"[:120], document)
    except pricing.PricingError as error:
        raise ImportRefused("--tariff", str(error)) from error


def _span(first: date | None, last: date | None) -> tuple[date, date] | None:
    if first is None and last is None:
        return None
    if first is None or last is None or first > last:
        raise ImportRefused("--from", "goes together with --until, which is not before it")
    return first, last


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no day; write it as 2019-08-31") from error


def _table(outcomes: list[Outcome], job: Job) -> Table:
    table = Table(title=f"{job.organisation.name}: sessions imported, priced by {job.version}")
    table.add_column("file")
    for name in (
        "rows in",
        "imported",
        "already there",
        "quarantined",
        "kWh",
        f"gross {job.version.tariff.currency}",
    ):
        table.add_column(name, justify="right")
    reasons: Counter[str] = Counter()
    for each in outcomes:
        reasons += each.quarantined
        table.add_row(
            each.file_name,
            str(each.rows_in),
            str(each.imported),
            str(each.already_there),
            str(each.quarantined.total()),
            f"{each.energy_wh / 1000:.1f}",
            str(each.gross),
        )
    for reason, rows in reasons.most_common():
        table.add_row(f"  quarantined: {reason}", "", "", "", str(rows), "", "", style="dim")
    return table
