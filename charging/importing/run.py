"""Importing one file: read it, price what is new, write all of it or nothing."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from django.db import transaction

import pricing
from accounts.models import Organisation
from charging.facts import Facts, as_priced
from charging.importing.books import Books, Known
from charging.importing.clock import Clock, promised_range
from charging.importing.mapping import Mapping
from charging.importing.places import Place, Places
from charging.importing.rows import Doubt, Refusal, Row, RowReader, Sheet, open_rows, read_sheet
from charging.models import ImportBatch
from charging.rating import tariff_of
from tariffs.models import TariffVersion


@dataclass(slots=True)
class Outcome:
    """What became of a file's rows: rows_in = imported + already_there + all the quarantined.

    energy_wh and gross are sums over the imported ones, gross in the tariff's currency.
    """

    file_name: str
    rows_in: int
    imported: int = 0
    already_there: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    energy_wh: int = 0
    gross: Decimal = Decimal(0)


class Progress(Protocol):
    """Told of each stage, how many rows it has, and of each row done."""

    def stage(self, name: str, rows: int) -> None: ...

    def tick(self) -> None: ...


class Silent:
    """No progress shown."""

    def stage(self, name: str, rows: int) -> None:
        pass

    def tick(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Job:
    """What every row of every file of one run shares."""

    mapping: Mapping
    organisation: Organisation
    version: TariffVersion
    time_zone: str
    span: tuple[date, date] | None = None
    """First and last day of the sessions; by default what the file's name promises."""


def read_file(path: Path, job: Job, progress: Progress) -> tuple[RowReader, list[list[str]], Sheet]:
    """Read and screen a file. Raises ImportRefused if it isn't what the mapping says."""
    header, raw_rows = open_rows(path, job.mapping)
    span = job.span or promised_range(path.name, job.mapping.file_range)
    reader = RowReader(header, job.mapping, Clock(job.mapping, ZoneInfo(job.time_zone)), span)
    progress.stage("read", len(raw_rows))
    return reader, raw_rows, read_sheet(reader, raw_rows, progress.tick)


def import_file(path: Path, job: Job, progress: Progress | None = None) -> Outcome:
    """Import a file in one transaction: all of it or nothing, and what is there already stays as it is.

    Raises ImportRefused, before anything is written, for a file or a site that doesn't fit the job.
    """
    progress = progress or Silent()
    entry = _Entry(job, *read_file(path, job, progress), progress)
    with transaction.atomic():
        # One import at a time for an organisation; NO KEY doesn't disturb those who only refer to it.
        Organisation.objects.select_for_update(no_key=True).get(pk=job.organisation.pk)
        outcome = entry.enter(path.name)
        ImportBatch.objects.create(
            organisation=job.organisation,
            file_name=path.name[:255],
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            mapping=job.mapping.name[:60],
            rows_in=outcome.rows_in,
            imported=outcome.imported,
            already_there=outcome.already_there,
            quarantined=dict(outcome.quarantined),
        )
    return outcome


class _Entry:
    """Brings one sheet into the books; all within the caller's transaction."""

    def __init__(
        self, job: Job, reader: RowReader, raw_rows: list[list[str]], sheet: Sheet, progress: Progress
    ) -> None:
        self._job, self._reader, self._raw_rows, self._sheet = job, reader, raw_rows, sheet
        self._books, self._progress = Books(job.organisation, job.version), progress

    def enter(self, file_name: str) -> Outcome:
        outcome = Outcome(file_name, self._sheet.rows_in)
        new = self._new_rows(outcome)
        priced = self._price(new)
        self._progress.stage("write", 0)
        self._books.add_sessions(priced)
        self._books.resolve([row.raw_key for row, _, _ in priced])
        outcome.imported = len(priced)
        outcome.energy_wh = sum(row.energy_wh for row, _, _ in priced)
        outcome.gross = sum((result.total.gross for _, _, result in priced), Decimal(0))
        self._add_refusals(outcome)
        return outcome

    def _new_rows(self, outcome: Outcome) -> list[Row]:
        known = self._books.sessions([row.key for row in self._sheet.rows])
        new = []
        for row in self._sheet.rows:
            there = known.get(row.key)
            if there is None:
                new.append(row)
            elif there == Known(row.end, row.energy_wh):
                outcome.already_there += 1
            else:
                self._refuse(row, Doubt("duplicate", f"differs from the imported session {row.key}"))
        return new

    def _price(self, rows: list[Row]) -> list[tuple[Row, Place, pricing.PricedSession]]:
        places = Places(self._job.organisation, self._job.mapping, self._job.time_zone).of(rows)
        tariff, zone = tariff_of(self._job.version), ZoneInfo(self._job.time_zone)
        self._progress.stage("price", len(rows))
        priced = []
        for row in rows:
            place = places[row.station, row.connector]
            try:
                priced.append((row, place, pricing.price(tariff, _session(row, place), zone)))
            except pricing.PricingError as error:
                self._refuse(row, Doubt("not_priceable", str(error)))
            self._progress.tick()
        return priced

    def _refuse(self, row: Row, doubt: Doubt) -> None:
        raw = self._raw_rows[row.number - 2]
        self._sheet.refusals.append(self._reader.refuse(raw, row.raw_key, doubt))

    def _add_refusals(self, outcome: Outcome) -> None:
        there = self._books.refusals([each.raw_key for each in self._sheet.refusals])
        new: list[Refusal] = [each for each in self._sheet.refusals if each.raw_key not in there]
        self._books.add_refusals(new)
        outcome.already_there += len(self._sheet.refusals) - len(new)
        outcome.quarantined = Counter(each.reason for each in new)


def _session(row: Row, place: Place) -> pricing.Session:
    seconds = int((row.end - row.start).total_seconds())
    return as_priced(Facts(row.start, seconds, 0, row.energy_wh, power_type=place.power_type))
