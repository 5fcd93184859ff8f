"""Wall-clock times of a file become instants, through both changes of the clock."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from charging.importing import ImportRefused, load_mapping
from charging.importing.clock import Clock, promised_range
from charging.importing.mapping import DateFormat, Mapping

LONDON = ZoneInfo("Europe/London")


def clock(*formats: DateFormat) -> Clock:
    return Clock(Mapping("test", {}, dates=formats or (DateFormat("%d/%m/%Y"),)), LONDON)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "time", "instant"),
    [
        ("31/08/2019", "23:26", "2019-08-31 22:26"),
        ("31/01/2019", "23:26", "2019-01-31 23:26"),
        ("29/10/2017", "01:30", "2017-10-29 00:30"),  # occurs twice: the first
        ("31/03/2019", "01:30", "2019-03-31 01:30"),  # skipped: by the offset before
    ],
)
def test_local_times_become_utc(day: str, time: str, instant: str):
    assert clock().moment(day, time) == utc(instant)


def test_an_end_before_its_start_in_the_doubled_hour_is_the_second_pass():
    start = clock().moment("29/10/2017", "01:55")
    assert clock().moment("29/10/2017", "01:20", start) == utc("2017-10-29 01:20")


def test_an_end_truly_before_its_start_stays_so():
    start = clock().moment("29/10/2017", "12:00")
    assert clock().moment("29/10/2017", "11:00", start) == utc("2017-10-29 11:00")


def test_a_stamp_with_an_offset_of_its_own_counts_as_it_says():
    assert clock(DateFormat("iso")).stamp("2019-08-31T12:00:00+02:00") == utc("2019-08-31 10:00")
    assert clock(DateFormat("iso")).stamp("2019-08-31T12:00:00") == utc("2019-08-31 11:00")


@pytest.mark.parametrize(
    ("text", "day"),
    [("2019-01-09T00:00:00", date(2019, 9, 1)), ("2019-08-31T00:00:00", date(2019, 8, 31))],
)
def test_day_and_month_are_swapped_back_where_the_mapping_says_so(text: str, day: date):
    assert clock(DateFormat("%Y-%m-%dT%H:%M:%S", swapped_up_to=12)).day(text) == day


@pytest.mark.parametrize("text", ["", "31.08.2019", "32/08/2019", "29/02/2019"])
def test_what_is_no_date_is_told(text: str):
    with pytest.raises(ValueError, match="date formats"):
        clock().day(text)


@pytest.mark.parametrize(
    ("mapping", "name", "span"),
    [
        ("perth-kinross", "September 2016 - August 2017.csv", (date(2016, 9, 1), date(2017, 8, 31))),
        ("perth-kinross", "September 2018-February 2020.csv", (date(2018, 9, 1), date(2020, 2, 29))),
        ("dundee", "Charging Sessions Dundee 021217- 020318.csv", (date(2017, 12, 2), date(2018, 3, 2))),
        ("perth-kinross", "sessions.csv", None),
    ],
)
def test_a_files_name_promises_its_dates(mapping: str, name: str, span: object):
    assert promised_range(name, load_mapping(mapping).file_range) == span


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("x = [", "is not TOML"),
        ("colour = 1", "colour: is no key"),
        ("[columns]\nenergy = 'kWh'", "columns.station: is missing"),
        ("[columns]\nstation='a'\nenergy='b'\nend='c'", "columns.start: is missing"),
        ("[columns]\nstation='a'\nenergy='b'\nstart_date='c'\nend='d'", "columns.start_time: is missing"),
        ("[columns]\nstation='a'\nenergy='b'\nstart='c'\nend='d'\nx='y'", "columns.x: is no field"),
        (
            "energy_unit='MWh'\n[columns]\nstation='a'\nenergy='b'\nstart='c'\nend='d'",
            "energy_unit: must be one",
        ),
        ("encoding='q'\n[columns]\nstation='a'\nenergy='b'\nstart='c'\nend='d'", "encoding: 'q' is unknown"),
        ("[columns]\nstation='a'\nenergy='b'\nstart='c'\nend='d'\n[limits]\nslack_wh=-1", "limits.slack_wh"),
        (
            "[columns]\nstation='a'\nenergy='b'\nstart='c'\nend='d'\n[range]\npattern='('\nformat=''",
            "range: needs",
        ),
    ],
)
def test_a_wrong_mapping_is_refused_by_its_key(document: str, message: str, tmp_path: Path):
    path = tmp_path / "mapping.toml"
    path.write_text(document)
    with pytest.raises(ImportRefused, match=message):
        load_mapping(str(path))
