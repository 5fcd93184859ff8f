"""Bars and stacked bars over time: the price line, stood upright."""

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

GAP_SHARE = Decimal("0.22")


@dataclass(frozen=True)
class Block:
    """One part of a column; `y` and `height` in percent of the plot."""

    kind: str
    y: str
    height: str


@dataclass(frozen=True)
class Column:
    """All parts of one label, with the words that a pointer resting on it reads."""

    x: str
    width: str
    words: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class StackedBars:
    """A drawable bar chart; one series makes plain bars."""

    title: str
    description: str
    columns: tuple[Column, ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    legend: tuple[tuple[str, str, str], ...]
    table: DataTable


def stacked_bars(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    label: Format,
    *,
    axis: Format | None = None,
    description: str = "",
    corner: str = "",
) -> StackedBars:
    """Columns of `series` over `labels`, stacked in the order given; `axis` words the grid lines.

    Negative values are drawn as nothing; the table has them.
    """
    for row in series:
        if len(row.values) != len(labels):
            raise ValueError(f"series {row.name}: {len(row.values)} values for {len(labels)} labels")
    totals = [
        sum((max(row.values[at], Decimal(0)) for row in series), Decimal(0)) for at in range(len(labels))
    ]
    ticks = nice_ticks(max(totals, default=Decimal(0)))
    band = HUNDRED / max(len(labels), 1)
    columns = tuple(
        Column(
            x=place(band * at + band * GAP_SHARE / 2),
            width=place(band * (1 - GAP_SHARE)),
            words=f"{labels[at]}: {label(totals[at])}",
            blocks=_blocks(series, at, ticks[-1]),
        )
        for at in range(len(labels))
    )
    legend = tuple((row.kind, row.name, label(sum(row.values, Decimal(0)))) for row in series)
    return StackedBars(
        title,
        description,
        columns,
        value_ticks(ticks, axis or label),
        label_ticks(labels),
        legend,
        _table(title, corner, labels, series, label),
    )


def _blocks(series: Sequence[Series], at: int, top: Decimal) -> tuple[Block, ...]:
    blocks, floor = [], HUNDRED
    for row in series:
        height = percent(max(row.values[at], Decimal(0)), top)
        floor -= height
        if height:
            blocks.append(Block(row.kind, place(floor), place(height)))
    return tuple(blocks)


def _table(
    title: str, corner: str, labels: Sequence[str], series: Sequence[Series], label: Format
) -> DataTable:
    head = (corner, *(row.name for row in series))
    rows = tuple(
        (labels[at], *(label(row.values[at]) for row in series))
        for at in range(len(labels))
        if any(row.values[at] for row in series)
    )
    return DataTable(title, head, rows)
