"""Heat map of hour by weekday: five steps of one colour, zero drawn as empty."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from portal.charts.scale import HUNDRED, DataTable, Format, Tick, label_ticks, place

STEPS = 5


@dataclass(frozen=True)
class Cell:
    """One square; `x` and `width` in percent, `y` and `height` in pixels, `step` 0 (nothing) to 5 (most)."""

    x: str
    y: int
    step: int
    words: str


@dataclass(frozen=True)
class HeatMap:
    """A drawable heat map."""

    title: str
    description: str
    cells: tuple[Cell, ...]
    cell_width: str
    cell_height: int
    height: int
    row_labels: tuple[tuple[str, int], ...]
    x_ticks: tuple[Tick, ...]
    table: DataTable


def heat_map(
    title: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, Sequence[Decimal]]],
    label: Format,
    *,
    description: str = "",
    cell_height: int = 24,
) -> HeatMap:
    """`rows` of (name, one value per column); colour steps are shares of the largest value."""
    top = max((value for _name, values in rows for value in values), default=Decimal(0))
    band = HUNDRED / len(columns)
    cells = [
        Cell(place(band * x), y * cell_height, _step(value, top), f"{name} {columns[x]}: {label(value)}")
        for y, (name, values) in enumerate(rows)
        for x, value in enumerate(values)
    ]
    names = tuple((name, y * cell_height + cell_height * 2 // 3) for y, (name, _values) in enumerate(rows))
    table = DataTable(title, ("", *columns), tuple((name, *map(label, values)) for name, values in rows))
    return HeatMap(
        title,
        description,
        tuple(cells),
        place(band),
        cell_height,
        cell_height * len(rows),
        names,
        label_ticks(columns, 6),
        table,
    )


def _step(value: Decimal, top: Decimal) -> int:
    if value <= 0 or top <= 0:
        return 0
    return int((value * STEPS / top).to_integral_value(rounding=ROUND_CEILING))
