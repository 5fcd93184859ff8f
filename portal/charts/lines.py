"""Line charts and sparklines."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from portal.charts.scale import (
    HUNDRED,
    DataTable,
    Format,
    Series,
    Tick,
    label_ticks,
    nice_ticks,
    percent,
    place,
    value_ticks,
)


@dataclass(frozen=True)
class Stroke:
    """One line: SVG path data on a 100 x 100 field that stretches with the drawing."""

    kind: str
    name: str
    line: str
    area: str


@dataclass(frozen=True)
class LineChart:
    """A drawable line chart."""

    title: str
    description: str
    strokes: tuple[Stroke, ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    legend: tuple[tuple[str, str, str], ...]
    table: DataTable


@dataclass(frozen=True)
class Sparkline:
    """A line without axes; `title` says in words what it shows."""

    title: str
    line: str
    area: str


def line_chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    label: Format,
    *,
    axis: Format | None = None,
    description: str = "",
    corner: str = "",
) -> LineChart:
    """Lines of `series` over `labels`, from a zero base; `axis` words the grid lines."""
    for row in series:
        if len(row.values) != len(labels):
            raise ValueError(f"series {row.name}: {len(row.values)} values for {len(labels)} labels")
    ticks = nice_ticks(max((value for row in series for value in row.values), default=Decimal(0)))
    rows = tuple((labels[at], *(label(row.values[at]) for row in series)) for at in range(len(labels)))
    return LineChart(
        title,
        description,
        tuple(Stroke(row.kind, row.name, *_paths(row.values, ticks[-1])) for row in series),
        value_ticks(ticks, axis or label),
        label_ticks(labels),
        tuple((row.kind, row.name, label(row.values[-1]) if row.values else "") for row in series),
        DataTable(title, (corner, *(row.name for row in series)), rows),
    )


def sparkline(title: str, values: Sequence[Decimal]) -> Sparkline:
    """`values` from oldest to newest, from a zero base."""
    return Sparkline(title, *_paths(values, max((*values, Decimal(0)))))


def _paths(values: Sequence[Decimal], top: Decimal) -> tuple[str, str]:
    if not values:
        return "", ""
    points = [
        (_across(at, len(values)), place(HUNDRED - percent(value, top))) for at, value in enumerate(values)
    ]
    line = "M" + " L".join(f"{x} {y}" for x, y in points)
    return line, f"{line} L{points[-1][0]} 100 L{points[0][0]} 100 Z"


def _across(at: int, count: int) -> str:
    band = HUNDRED / count
    return place(band * at + band / 2)
