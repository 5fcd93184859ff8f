"""The two rollup tables as SQL: how pieces become their rows, and how rows are written and compared."""

from dataclasses import dataclass

from revenue.rollups.measures import MEASURES, SUMMED

DAY = "(to_timestamp(hour_s) AT TIME ZONE zone)::date"


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` are the key's and those that follow from it, each with its expression over a piece."""

    name: str
    key: tuple[str, ...]
    columns: dict[str, str]

    @property
    def all_columns(self) -> str:
        return ", ".join((*self.columns, *MEASURES))

    def summed(self, source: str, where: str = "true") -> str:
        """The rows that `source`, pieces, adds up to."""
        places = ", ".join(f"{expression} AS {name}" for name, expression in self.columns.items())
        groups = ", ".join(str(number) for number in range(1, len(self.columns) + 1))
        return f"SELECT {places}, {SUMS} FROM {source} WHERE {where} GROUP BY {groups}"

    def add(self, target: str, source: str) -> str:
        """Add the rows of `source` to those of `target`, a table like this one."""
        added = ", ".join(f"{name} = r.{name} + excluded.{name}" for name in SUMMED)
        return f"""
            INSERT INTO {target} AS r ({self.all_columns}) SELECT {self.all_columns} FROM {source}
            ON CONFLICT ({", ".join(self.key)}) DO UPDATE
            SET {added}, peak_w = greatest(r.peak_w, excluded.peak_w)"""

    def insert(self, source: str) -> str:
        """Write the rows of `source`; those that are there already and equal are left alone."""
        assigned = ", ".join(f"{name} = excluded.{name}" for name in MEASURES)
        return f"""
            INSERT INTO {self.name} AS r ({self.all_columns})
            SELECT {self.all_columns} FROM {source}
            ON CONFLICT ({", ".join(self.key)}) DO UPDATE SET {assigned}
            WHERE ({_of("r")}) IS DISTINCT FROM ({_of("excluded")})"""

    def zero(self, source: str, where: str) -> str:
        """Set the rows `r` that meet `where` and are not in `source` to nothing."""
        nothing = ", ".join(f"{name} = 0" for name in MEASURES)
        return f"""
            UPDATE {self.name} r SET {nothing}
            WHERE {where} AND ({_of("r")}) IS DISTINCT FROM ({", ".join("0" for _ in MEASURES)})
              AND NOT EXISTS (SELECT FROM {source} f WHERE {self.same("f", "r")})"""

    def same(self, left: str, right: str) -> str:
        return " AND ".join(f"{left}.{name} = {right}.{name}" for name in self.key)


def _of(row: str) -> str:
    return ", ".join(f"{row}.{name}" for name in MEASURES)


SUMS = ", ".join(f"sum({name}) AS {name}" for name in SUMMED) + ", max(peak_w) AS peak_w"

STATION_DAYS = Table(
    "revenue_stationday",
    ("organisation_id", "day", "station_id", "tariff_id", "currency"),
    {
        "organisation_id": "organisation_id",
        "day": DAY,
        "station_id": "station_id",
        "tariff_id": "tariff_id",
        "currency": "currency",
    },
)
OWNER_HOURS = Table(
    "revenue_ownerhour",
    ("organisation_id", "starts_at", "time_zone", "currency"),
    {
        "organisation_id": "organisation_id",
        "starts_at": "to_timestamp(hour_s)",
        "time_zone": "zone",
        "currency": "currency",
        "day": DAY,
        "hour": "extract(hour FROM to_timestamp(hour_s) AT TIME ZONE zone)::smallint",
    },
)
TABLES = (STATION_DAYS, OWNER_HOURS)
