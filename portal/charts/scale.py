"""From values to places on the drawing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

HUNDRED = Decimal(100)
STEP_SHAPES = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))

Format = Callable[[Decimal], str]


@dataclass(frozen=True)
class Series:
    """One named row of values; `kind` is its CSS colour class (`energy`, `time`, `idle`, `fees`, `tax`)."""

    name: str
    kind: str
    values: tuple[Decimal, ...]


@dataclass(frozen=True)
class Tick:
    """A grid line: its place in percent from the top or the left, and its words."""

    at: str
    label: str
    roomy: bool = False
    anchor: str = "middle"


@dataclass(frozen=True)
class DataTable:
    """The chart's numbers in words: a caption, a head and rows of equal length."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def percent(part: Decimal, whole: Decimal) -> Decimal:
    """`part` of `whole` in percent, to a thousandth; zero where there is no whole."""
    if whole == 0:
        return Decimal(0)
    return (part * HUNDRED / whole).quantize(Decimal("0.001"))


def place(value: Decimal) -> str:
    """A number as SVG wants it: a point, never a comma, no trailing zeros."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return text or "0"


def nice_step(span: Decimal, count: int) -> Decimal:
    """The round number (1, 2, 2.5 or 5 times a power of ten) that cuts `span` into at most `count` parts."""
    if span <= 0:
        return Decimal(1)
    rough = span / count
    power = Decimal(1).scaleb(rough.adjusted())
    return next(shape * power for shape in STEP_SHAPES if shape * power >= rough)


def nice_ticks(highest: Decimal, count: int = 4) -> tuple[Decimal, ...]:
    """Round values from zero up to the first one at or above `highest`."""
    step = nice_step(highest, count)
    last = int((max(highest, step) / step).to_integral_value(rounding=ROUND_CEILING))
    return tuple(step * number for number in range(last + 1))


def value_ticks(values: Sequence[Decimal], label: Format) -> tuple[Tick, ...]:
    """Grid lines for values that grow upwards: zero at 100 %, the last one at 0 %."""
    top = values[-1]
    return tuple(Tick(place(HUNDRED - percent(value, top)), label(value)) for value in values)


def label_ticks(labels: Sequence[str], wanted: int = 5, wanted_roomy: int = 10) -> tuple[Tick, ...]:
    """Labels under evenly spread columns; those only a wide chart has room for are marked `roomy`."""
    count = len(labels)
    narrow = set(_spread(count, wanted))
    shown = narrow | {at for at in _spread(count, wanted_roomy) if not _crowds(at, narrow, count, wanted_roomy)}
    middle = Decimal(50)
    return tuple(
        Tick(place(percent(Decimal(index), Decimal(count)) + middle / count), labels[index], index not in narrow)
        for index in sorted(shown)
    )


def _spread(count: int, wanted: int) -> list[int]:
    if count <= wanted:
        return list(range(count))
    step = -(-count // wanted)
    return list(range(step // 2, count, step))


def _crowds(index: int, taken: set[int], count: int, wanted: int) -> bool:
    reach = max(1, count // (wanted + 1))
    return any(0 < abs(index - other) < reach for other in taken)
