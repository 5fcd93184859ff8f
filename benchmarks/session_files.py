"""Folders of charging-session CSVs as sessions by site, read as the importer reads them, without a database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import django
import numpy as np
from babel.core import get_global

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evbilling.settings")
os.environ.setdefault("EVBILLING_EMBEDDED", "off")
django.setup()

from charging.importing.clock import Clock, promised_range  # noqa: E402  needs the apps
from charging.importing.mapping import FOLDER, Mapping, load_mapping  # noqa: E402
from charging.importing.rows import Row, RowReader, open_rows, read_sheet  # noqa: E402
from evbilling.embedded.folder import PROJECT  # noqa: E402
from revenue.forecast.history import Sessions  # noqa: E402

VARIABLE = "EVBILLING_SESSIONS"
SUBDIVISIONS = {"perth-kinross": "SCT", "dundee": "SCT"}


@dataclass(frozen=True)
class SiteFile:
    """All sessions of a site, its connectors, and the largest power of one in W."""

    name: str
    sessions: Sessions
    connectors: int
    power_w: int


@dataclass(frozen=True)
class DataSet:
    """One folder of files: its sites, and where and when they are."""

    name: str
    zone: str
    country: str
    subdivision: str
    sites: list[SiteFile]


def data_folder(asked: str | None) -> Path | None:
    """The folder asked for, by argument or EVBILLING_SESSIONS; else data/sessions here or beside the project."""
    named = asked or os.environ.get(VARIABLE)
    if named:
        if not Path(named).is_dir():
            raise SystemExit(f"{named}: no such folder; give one whose subfolders hold CSV files")
        return Path(named)
    places = [PROJECT / "data" / "sessions", *sorted(PROJECT.parent.glob("*/data/sessions"))]
    return next((place for place in places if place.is_dir()), None)


def data_sets(folder: Path, zones: dict[str, str]) -> Iterator[DataSet]:
    """One data set for each subfolder that is named like a mapping of ours or holds a mapping.toml."""
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        own = place / "mapping.toml"
        if own.exists() or (FOLDER / f"{place.name}.toml").exists():
            mapping = load_mapping(str(own) if own.exists() else place.name)
            yield _data_set(place, mapping, zones)
        else:
            print(f"{place.name}: skipped, as no mapping has its name and it holds no mapping.toml")


def _data_set(place: Path, mapping: Mapping, zones: dict[str, str]) -> DataSet:
    zone = zones.get(place.name) or _only_zone(place.name, mapping.country)
    rows = [row for path in sorted(place.glob("*.csv")) for row in _rows(path, mapping, zone)]
    latest: dict[str, Row] = {}
    for row in rows:
        if row.station not in latest or row.start > latest[row.station].start:
            latest[row.station] = row
    by_site: dict[str, list[Row]] = {}
    for row in rows:
        by_site.setdefault(latest[row.station].site, []).append(row)
    sites = [_site(name, own, mapping) for name, own in sorted(by_site.items())]
    return DataSet(place.name, zone, mapping.country, SUBDIVISIONS.get(place.name, ""), sites)


def _only_zone(name: str, country: str) -> str:
    zones = get_global("territory_zones").get(country, [])
    if len(zones) != 1:
        raise SystemExit(f"{name}: {country} has {len(zones)} time zones; say --timezone {name}=ZONE")
    return str(zones[0])


def _rows(path: Path, mapping: Mapping, zone: str) -> list[Row]:
    header, raw_rows = open_rows(path, mapping)
    clock, span = Clock(mapping, ZoneInfo(zone)), promised_range(path.name, mapping.file_range)
    return read_sheet(RowReader(header, mapping, clock, span), raw_rows, lambda: None).rows


def _site(name: str, rows: list[Row], mapping: Mapping) -> SiteFile:
    rows = sorted({row.key: row for row in rows}.values(), key=lambda row: row.start)
    times = [(int(row.start.timestamp()), int(row.end.timestamp()), row.energy_wh) for row in rows]
    start, end, energy_wh = np.array(times, dtype=np.int64).T
    return SiteFile(
        name,
        Sessions(start, end, energy_wh),
        len({(row.station, row.connector) for row in rows}),
        max(mapping.model(row.model).power_w for row in rows),
    )
