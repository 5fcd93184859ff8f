"""Mapping files: how a CSV's columns, dates and station models become ours. Format: docs/importing.md."""

import codecs
import re
import tomllib
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charging.importing.errors import ImportRefused
from stations.models import EVSE, Connector

FOLDER = Path(__file__).parent / "mappings"
REQUIRED = ("station", "energy")
COLUMNS = (
    "station", "connector", "start", "start_date", "start_time", "end", "end_date", "end_time",
    "energy", "site", "model",
)  # fmt: skip
UNITS = {"kWh": 1000, "Wh": 1}


@dataclass(frozen=True, slots=True)
class DateFormat:
    """A strptime format, or "iso"; `swapped_up_to`: day and month stand swapped where the day is no more."""

    format: str
    swapped_up_to: int = 0


@dataclass(frozen=True, slots=True)
class FileRange:
    """The dates a file's name promises: `pattern` has groups `first` and `last`, both days or months."""

    pattern: re.Pattern[str]
    format: str


@dataclass(frozen=True, slots=True)
class Model:
    """What a station whose model's name holds `match` can do at each EVSE."""

    match: str = ""
    power_w: int = 22_000
    power_type: str = EVSE.PowerType.AC
    standard: str = Connector.Standard.TYPE_2


@dataclass(frozen=True, slots=True)
class Mapping:
    """One kind of CSV file. `columns`: our field -> its possible headers, the first present counts."""

    name: str
    columns: AnyMapping[str, tuple[str, ...]]
    dates: tuple[DateFormat, ...] = (DateFormat("iso"),)
    times: tuple[str, ...] = ("%H:%M", "%H:%M:%S")
    file_range: FileRange | None = None
    models: tuple[Model, ...] = ()
    default_model: Model = Model()
    wh_per_unit: int = 1000
    encoding: str = "utf-8-sig"
    delimiter: str = ","
    country: str = "GB"
    power_percent: int = 150
    slack_wh: int = 200
    longest_h: int = 31 * 24
    _models: dict[str, Model] = field(default_factory=dict, compare=False)

    def model(self, name: str) -> Model:
        """The model table's entry for a station's model name: the first match, else the kW in its name."""
        found = self._models.get(name)
        if found is None:
            found = self._models[name] = self._find_model(name)
        return found

    def _find_model(self, name: str) -> Model:
        for model in self.models:
            if model.match.lower() in name.lower():
                return model
        named = re.search(r"(\d{1,3})\s*kW", name, re.IGNORECASE)
        default = self.default_model
        if named is None or not int(named[1]):
            return default
        return Model(name, int(named[1]) * 1000, default.power_type, default.standard)


def load_mapping(name_or_path: str) -> Mapping:
    """A mapping by the name of one of ours, or by the path of a TOML file. Raises ImportRefused."""
    path = FOLDER / f"{name_or_path}.toml"
    if not re.fullmatch(r"[\w-]+", name_or_path) or not path.exists():
        path = Path(name_or_path)
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        known = ", ".join(sorted(each.stem for each in FOLDER.glob("*.toml")))
        raise ImportRefused(
            "--mapping",
            f"{name_or_path!r} is neither a file ({error.strerror}) nor one of ours ({known}); "
            "docs/importing.md tells how to write one",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ImportRefused("--mapping", f"{path} is not TOML: {error}") from error
    return _Reader(document).mapping(path.stem)


class _Reader:
    """Turns a TOML document into a Mapping; errors name the key."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def mapping(self, name: str) -> Mapping:
        known = {
            "country", "encoding", "delimiter", "columns", "energy_unit", "dates", "times", "range", "models",
            "default_model", "limits",
        }  # fmt: skip
        for key in self.document.keys() - known:
            raise ImportRefused(key, f"is no key of a mapping; known are {', '.join(sorted(known))}")
        limits = self._table("limits")
        return Mapping(
            name=name,
            columns=self._columns(),
            dates=tuple(self._date(each) for each in self._list("dates")) or (DateFormat("iso"),),
            times=tuple(self.document.get("times", ("%H:%M", "%H:%M:%S"))),
            file_range=self._range(),
            models=tuple(self._model(each, "models") for each in self._list("models")),
            default_model=self._model(self._table("default_model"), "default_model"),
            wh_per_unit=UNITS[self._choice(self.document, "energy_unit", "kWh", UNITS)],
            encoding=self._encoding(),
            delimiter=self._delimiter(),
            country=str(self.document.get("country", "GB")),
            power_percent=self._positive(limits, "power_percent", 150),
            slack_wh=self._positive(limits, "slack_wh", 200),
            longest_h=self._positive(limits, "longest_h", 31 * 24),
        )

    def _columns(self) -> dict[str, tuple[str, ...]]:
        columns = self._table("columns")
        for name in columns.keys() - set(COLUMNS):
            raise ImportRefused(f"columns.{name}", f"is no field of ours; known are {', '.join(COLUMNS)}")
        for name in (*REQUIRED, *(_needed(columns, "start")), *(_needed(columns, "end"))):
            if name not in columns:
                raise ImportRefused(f"columns.{name}", "is missing; name the file's header that holds it")
        return {name: (value,) if isinstance(value, str) else tuple(value) for name, value in columns.items()}

    def _date(self, table: dict[str, Any]) -> DateFormat:
        if not isinstance(table.get("format"), str):
            raise ImportRefused("dates.format", 'is missing; a strptime format such as "%d/%m/%Y", or "iso"')
        return DateFormat(table["format"], int(table.get("swapped_up_to", 0)))

    def _range(self) -> FileRange | None:
        table = self._table("range")
        if not table:
            return None
        try:
            pattern = re.compile(table["pattern"])
            pattern.groupindex["first"], pattern.groupindex["last"]
            return FileRange(pattern, table["format"])
        except (KeyError, TypeError, re.error) as error:
            raise ImportRefused(
                "range", f"needs a pattern with the groups first and last, and a format ({error})"
            ) from error

    def _model(self, table: dict[str, Any], at: str) -> Model:
        return Model(
            match=str(table.get("match", "")),
            power_w=self._positive(table, "power_kw", 22, at) * 1000,
            power_type=self._choice(table, "power_type", "AC", EVSE.PowerType.values, at),
            standard=self._choice(table, "standard", "IEC_62196_T2", Connector.Standard.values, at),
        )

    def _encoding(self) -> str:
        name = str(self.document.get("encoding", "utf-8-sig"))
        try:
            codecs.lookup(name)
        except LookupError as error:
            raise ImportRefused("encoding", f"{name!r} is unknown; use utf-8-sig, cp1252, ...") from error
        return name

    def _delimiter(self) -> str:
        delimiter = str(self.document.get("delimiter", ","))
        if len(delimiter) != 1:
            raise ImportRefused("delimiter", f"must be one character, not {delimiter!r}")
        return delimiter

    def _table(self, name: str) -> dict[str, Any]:
        table = self.document.get(name, {})
        if not isinstance(table, dict):
            raise ImportRefused(name, f"must be a table: [{name}]")
        return table

    def _list(self, name: str) -> list[dict[str, Any]]:
        tables = self.document.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            raise ImportRefused(name, f"must be a list of tables: [[{name}]]")
        return tables

    def _choice(self, table: dict[str, Any], key: str, default: str, allowed: Any, at: str = "") -> str:
        value = table.get(key, default)
        if value not in allowed:
            raise ImportRefused(
                f"{at}.{key}".strip("."), f"must be one of {', '.join(allowed)}, not {value!r}"
            )
        return str(value)

    def _positive(self, table: dict[str, Any], key: str, default: int, at: str = "limits") -> int:
        value = table.get(key, default)
        if not isinstance(value, int) or value <= 0:
            raise ImportRefused(f"{at}.{key}", f"must be a whole number above 0, not {value!r}")
        return value


def _needed(columns: dict[str, Any], moment: str) -> tuple[str, ...]:
    """`start` alone, or `start_date` and `start_time`; the same for the end."""
    return (moment,) if f"{moment}_date" not in columns else (f"{moment}_date", f"{moment}_time")
