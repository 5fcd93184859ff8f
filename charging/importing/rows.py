"""From a CSV file to sessions and refusals: every row becomes exactly one of the two."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path

from charging.importing.clock import Clock
from charging.importing.errors import ImportRefused
from charging.importing.mapping import Mapping

MOST_KWH = 10_000  # a row beyond is a typing error, and a BIGINT holds what is below
LONGEST_TEXT = 120


@dataclass(slots=True)
class Row:
    """A row that makes a session. `key` is what makes a repeated report the same session."""

    raw_key: str
    number: int
    station: str
    connector: int
    start: datetime
    end: datetime
    energy_wh: int
    site: str
    model: str

    @property
    def key(self) -> str:
        return f"{self.station}/{self.connector}/{self.start:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(slots=True)
class Refusal:
    """A row that can't be believed: its reason, what to look at, and the row as it came, as JSON."""

    raw_key: str
    reason: str
    detail: str
    raw: str


@dataclass(slots=True)
class Sheet:
    """A file, read: rows + refusals = rows in."""

    rows: list[Row] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def rows_in(self) -> int:
        return len(self.rows) + len(self.refusals)


class Doubt(Exception):
    """Why a row is refused."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def open_rows(path: Path, mapping: Mapping) -> tuple[list[str], list[list[str]]]:
    """The header and all rows that aren't blank. Raises ImportRefused for a file that is no such CSV."""
    try:
        with path.open(encoding=mapping.encoding, newline="") as file:
            header, *rows = [row for row in csv.reader(file, delimiter=mapping.delimiter) if row] or [[]]
    except OSError as error:
        raise ImportRefused("FILE", f"{path} can't be read: {error.strerror}") from error
    except (UnicodeError, csv.Error) as error:
        raise ImportRefused(
            "FILE", f"{path} is no {mapping.encoding} CSV ({error}); set the mapping's encoding and delimiter"
        ) from error
    return [name.strip() for name in header], rows


class RowReader:
    """Reads the rows of one file by a mapping."""

    def __init__(
        self, header: Sequence[str], mapping: Mapping, clock: Clock, span: tuple[date, date] | None
    ) -> None:
        self._header, self._mapping, self._clock, self._span = header, mapping, clock, span
        self._seen: Counter[str] = Counter()
        self._places = columns_of(header, mapping)

    def read(self, raw_rows: Sequence[list[str]]) -> Iterator[Row | Refusal]:
        """Each row in turn, numbered from 2 as a spreadsheet does."""
        for number, raw in enumerate(raw_rows, start=2):
            raw_key = self._raw_key(raw)
            try:
                yield self._row(number, raw, raw_key)
            except Doubt as doubt:
                yield self.refuse(raw, raw_key, doubt)

    def refuse(self, raw: list[str], raw_key: str, doubt: Doubt) -> Refusal:
        as_it_came = dict(zip(self._header, raw, strict=False))
        surplus = raw[len(self._header) :]
        if surplus:
            as_it_came["..."] = "\x1f".join(surplus)
        return Refusal(raw_key, doubt.reason, doubt.detail[:500], json.dumps(as_it_came))

    def _raw_key(self, raw: list[str]) -> str:
        """The same for the same row in a later run, different for its repeats within a file."""
        digest = hashlib.sha256("\x1f".join(raw).encode(errors="surrogatepass")).hexdigest()[:32]
        self._seen[digest] += 1
        return f"{digest}:{self._seen[digest]}"

    def _row(self, number: int, raw: list[str], raw_key: str) -> Row:
        if len(raw) < len(self._header):
            raise Doubt("bad_value", f"row {number}: {len(raw)} of {len(self._header)} columns")
        if any("\x00" in text for text in raw):
            raise Doubt("bad_value", f"row {number}: holds a NUL character")
        text = {name: raw[place].strip() for name, place in self._places.items()}
        station = text["station"]
        if not station:
            raise Doubt("no_station", f"row {number}: column {self._named('station')} is empty")
        start, end = self._span_of(text)
        row = Row(
            raw_key=raw_key,
            number=number,
            station=station,
            connector=self._connector(text.get("connector", "")),
            start=start,
            end=end,
            energy_wh=self._energy(text["energy"]),
            site=" ".join(text.get("site", "").split())[:LONGEST_TEXT] or "Unnamed site",
            model=text.get("model", ""),
        )
        self._believe(row)
        return row

    def _span_of(self, text: dict[str, str]) -> tuple[datetime, datetime]:
        """Start and end in UTC; within the dates that the file promises."""
        start = self._moment(text, "start", None)
        if start is None:
            raise Doubt("no_start", "the start is empty")
        self._within(start.date(), "start", 0)
        end = self._moment(text, "end", start)
        if end is None:
            raise Doubt("no_end", "the end is empty: the session was still running, or its end got lost")
        self._within(end.date(), "end", self._mapping.longest_h // 24)
        if end < start:
            raise Doubt("negative_time", f"the end {end:%Y-%m-%d %H:%M} UTC is before {start:%Y-%m-%d %H:%M}")
        if end - start > timedelta(hours=self._mapping.longest_h):
            raise Doubt("open_too_long", f"{end - start} is more than {self._mapping.longest_h} hours")
        return start, end

    def _moment(self, text: dict[str, str], name: str, not_before: datetime | None) -> datetime | None:
        try:
            if name in self._places:
                return self._clock.stamp(text[name], not_before) if text[name] else None
            day, clock = text[f"{name}_date"], text[f"{name}_time"]
            return self._clock.moment(day, clock, not_before) if day and clock else None
        except (ValueError, OverflowError) as error:
            raise Doubt("bad_value", f"{name}: {error}") from error

    def _within(self, day: date, name: str, days_after: int) -> None:
        if self._span is None:
            return
        first, last = self._span[0] - timedelta(days=1), self._span[1] + timedelta(days=days_after + 1)
        if not first <= day <= last:
            raise Doubt("outside_range", f"{name} {day} is outside {self._span[0]} to {self._span[1]}")

    def _connector(self, text: str) -> int:
        if not text:
            return 1
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 999:
            raise Doubt("bad_value", f"connector: {text!r} is no number from 1 to 999")
        return int(text)

    def _energy(self, text: str) -> int:
        """Wh, rounded half up."""
        if not text:
            raise Doubt("no_energy", f"column {self._named('energy')} is empty")
        try:
            amount = Decimal(text)
        except InvalidOperation as error:
            raise Doubt("bad_value", f"energy: {text!r} is no number") from error
        if not amount.is_finite():
            raise Doubt("bad_value", f"energy: {text!r} is no finite number")
        if not 0 <= amount * self._mapping.wh_per_unit <= MOST_KWH * 1000:
            raise Doubt("implausible_energy", f"{text} is below 0 or above {MOST_KWH} kWh")
        return int((amount * self._mapping.wh_per_unit).to_integral_value(ROUND_HALF_UP))

    def _believe(self, row: Row) -> None:
        """Energy the EVSE can give in that time; a minute more, since most files cut times to minutes."""
        mapping = self._mapping
        seconds = int((row.end - row.start).total_seconds()) + 60
        power_w = mapping.model(row.model).power_w
        possible_wh = power_w * seconds * mapping.power_percent // 360_000 + mapping.slack_wh
        if row.energy_wh > possible_wh:
            raise Doubt(
                "implausible_energy",
                f"{row.energy_wh} Wh in {seconds - 60} s, where {power_w} W gives at most {possible_wh} Wh",
            )

    def _named(self, name: str) -> str:
        return repr(self._header[self._places[name]])


def columns_of(header: Sequence[str], mapping: Mapping) -> dict[str, int]:
    """Where each of our fields stands. Raises ImportRefused for one whose headers are all missing."""
    optional = {"connector", "site", "model"}
    places: dict[str, int] = {}
    for name, wanted in mapping.columns.items():
        found = [header.index(each) for each in wanted if each in header]
        if found:
            places[name] = found[0]
        elif name not in optional:
            ours, theirs = " or ".join(map(repr, wanted)), ", ".join(map(repr, header))
            raise ImportRefused(f"columns.{name}", f"the file has no column {ours}; it has {theirs}")
    return places


def read_sheet(reader: RowReader, raw_rows: Sequence[list[str]], tick: Callable[[], object]) -> Sheet:
    """All rows of a file; of several with the same station, connector and start the one that charged most."""
    sheet, best = Sheet(), dict[str, Row]()
    doubles: list[Row] = []
    for row in reader.read(raw_rows):
        tick()
        if isinstance(row, Refusal):
            sheet.refusals.append(row)
        elif (rival := best.setdefault(row.key, row)) is not row:
            best[row.key], lesser = (row, rival) if _charged(row) > _charged(rival) else (rival, row)
            doubles.append(lesser)
    sheet.rows = list(best.values())
    for row in doubles:
        doubt = Doubt("duplicate", f"row {best[row.key].number} has the same station, connector and start")
        sheet.refusals.append(reader.refuse(raw_rows[row.number - 2], row.raw_key, doubt))
    return sheet


def _charged(row: Row) -> tuple[int, datetime]:
    return row.energy_wh, row.end
