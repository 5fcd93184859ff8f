"""What was, what is expected, and the interval around it: a line, then a line in a band."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from portal.charts.scale import (
    HUNDRED,
    DataTable,
    Format,
    Tick,
    label_ticks,
    nice_ticks,
    percent,
    place,
    value_ticks,
)

Values = Sequence[Decimal | None]


@dataclass(frozen=True)
class BandChart:
    """A drawable chart; paths are SVG path data on a 100 x 100 field that stretches with the drawing."""

    title: str
    description: str
    seen: str
    expected: str
    band: str
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    names: tuple[str, str, str]
    table: DataTable


def band_chart(
    title: str,
    labels: Sequence[str],
    seen: Values,
    bands: Sequence[tuple[Decimal, Decimal, Decimal] | None],
    *,
    label: Format,
    names: tuple[str, str, str],
    axis: Format | None = None,
    description: str = "",
    corner: str = "",
) -> BandChart:
    """`seen` and `bands` of (low, mean, high), one a label, None where there is nothing; `names` of the seen,
    the expected and the interval."""
    for name, row in (("seen", seen), ("bands", bands)):
        if len(row) != len(labels):
            raise ValueError(f"{name}: {len(row)} values for {len(labels)} labels")
    highest = max(
        [value for value in seen if value is not None] + [band[2] for band in bands if band] + [Decimal(0)]
    )
    ticks = nice_ticks(highest)
    top, count = ticks[-1], len(labels)
    lows, means, highs = (
        _points([None if band is None else band[at] for band in bands], top, count) for at in range(3)
    )
    rows = tuple(
        (labels[at], _text(seen[at], label), *(_text(band and band[part], label) for part in (1, 0, 2)))
        for at, band in enumerate(bands)
    )
    seen_name, expected_name, interval = names
    return BandChart(
        title,
        description,
        _path(_points(seen, top, count)),
        _path(means),
        f"{_path(highs)} {_path(list(reversed(lows)), 'L')} Z" if highs else "",
        value_ticks(ticks, axis or label),
        label_ticks(labels),
        names,
        DataTable(title, (corner, seen_name, expected_name, f"{interval} ↓", f"{interval} ↑"), rows),
    )


def _points(values: Values, top: Decimal, count: int) -> list[str]:
    band = HUNDRED / count if count else HUNDRED
    return [
        f"{place(band * at + band / 2)} {place(HUNDRED - percent(value, top))}"
        for at, value in enumerate(values)
        if value is not None
    ]


def _path(points: Sequence[str], start: str = "M") -> str:
    return start + " L".join(points) if points else ""


def _text(value: Decimal | None, label: Format) -> str:
    return "" if value is None else label(value)
