"""Dates and times of a CSV, on a local wall clock, as instants in UTC."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from charging.importing.errors import ImportRefused
from charging.importing.mapping import DateFormat, FileRange, Mapping


class Clock:
    """Reads a file's moments. Dates and times repeat, so each distinct text is read once."""

    def __init__(self, mapping: Mapping, zone: ZoneInfo) -> None:
        self._dates, self._times, self._zone = mapping.dates, mapping.times, zone
        self._known_dates: dict[str, date] = {}
        self._known_times: dict[str, time] = {}

    def moment(self, day: str, time_of_day: str, not_before: datetime | None = None) -> datetime:
        """The instant of a date and a time; see `instant`. ValueError says what neither format reads."""
        return self.instant(datetime.combine(self.day(day), self.clock(time_of_day)), not_before)

    def stamp(self, text: str, not_before: datetime | None = None) -> datetime:
        """The instant of one text with date and time; with an offset of its own that offset counts."""
        for each in self._dates:
            read = _strptime(text, each)
            if read is not None:
                return read.astimezone(UTC) if read.tzinfo else self.instant(read, not_before)
        raise ValueError(f"{text!r} is in none of the mapping's date formats")

    def instant(self, local: datetime, not_before: datetime | None = None) -> datetime:
        """A wall-clock time as UTC.

        The hour that occurs twice in autumn is its first pass, unless that lies before `not_before` (the
        session's start): then its second. A time that spring skips is read by the offset before the change.
        """
        first = local.replace(tzinfo=self._zone).astimezone(UTC)
        if not_before is not None and first < not_before:
            second = local.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
            return second if second >= not_before else first
        return first

    def day(self, text: str) -> date:
        known = self._known_dates.get(text)
        if known is None:
            known = self._known_dates[text] = self._read_date(text)
        return known

    def clock(self, text: str) -> time:
        known = self._known_times.get(text)
        if known is None:
            known = self._known_times[text] = self._read_time(text)
        return known

    def _read_date(self, text: str) -> date:
        for each in self._dates:
            read = _strptime(text, each)
            if read is not None:
                return read.date()
        raise ValueError(f"{text!r} is in none of the mapping's date formats")

    def _read_time(self, text: str) -> time:
        for form in self._times:
            try:
                return datetime.strptime(text, form).time()  # noqa: DTZ007  the zone is the file's
            except ValueError:
                continue
        raise ValueError(f"{text!r} is in none of the mapping's time formats")


def _strptime(text: str, form: DateFormat) -> datetime | None:
    try:
        iso = form.format == "iso"
        read = datetime.fromisoformat(text) if iso else datetime.strptime(text, form.format)  # noqa: DTZ007  local
    except ValueError:
        return None
    return read.replace(month=read.day, day=read.month) if read.day <= form.swapped_up_to else read


def promised_range(file_name: str, file_range: FileRange | None) -> tuple[date, date] | None:
    """First and last day that a file's name promises; None without a pattern or where it isn't met."""
    found = file_range and file_range.pattern.search(file_name)
    if not file_range or not found:
        return None
    try:
        first = datetime.strptime(found["first"], file_range.format).date()  # noqa: DTZ007  a calendar day
        last = datetime.strptime(found["last"], file_range.format).date()  # noqa: DTZ007  a calendar day
    except ValueError as error:
        raise ImportRefused("range.format", f"does not read the file name {file_name!r}: {error}") from error
    if "%d" not in file_range.format:
        last = (last.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first, last
