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


def label_ticks(labels: Sequence[str], wanted: int = 5) -> tuple[Tick, ...]:
    """Labels under evenly spread columns; every second one, `roomy`, is for wide charts only."""
    count = len(labels)
    step = max(1, -(-count // wanted))
    half = step // 2 if step % 2 == 0 else step
    half_band = Decimal(50) / count if count else Decimal(0)
    return tuple(
        Tick(place(percent(Decimal(at), Decimal(count)) + half_band), labels[at], roomy=at % step != 0)
        for at in range(0, count, half)
    )
