"""Sampled values of meters, as whole Wh, W, mA and percent. Exact decimals all the way."""

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from charging.shapes import is_separable, split

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
CURRENT = "Current.Import"
SOC = "SoC"
SCALES = {"Wh": 1, "kWh": 1000, "W": 1, "kW": 1000, "A": 1000, "Percent": 1}
DEFAULT_UNITS = {ENERGY: "Wh", POWER: "W", CURRENT: "A", SOC: "Percent"}
LARGEST = 2**63 - 1
LARGEST_SOC = 100
PHASES = frozenset({"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"})
THOUSAND, EASY = 1000, "000"  # most decimals are shifted by the kilo of their unit, and need no Decimal
LONGEST_EASY = 16
READERS_KEPT = 20_000
Described = tuple[tuple[Any, ...], ...]
_described = attrgetter("measurand", "phase", "unit", "location", "format", "context")
_readers: dict[Described, "Reader"] = {}
LARGEST_POWER = 12  # of ten, of a multiplier that makes sense


class BadValue(ValueError):
    """A meter value that is no number we can keep; the text names the measurand and says what to send."""


class Measured(Struct, gc=False):
    """One instant's values; None where the station did not say. `shape` and `said`: see `charging.shapes`."""

    register_wh: int | None = None
    power_w: int | None = None
    current_ma: int | None = None
    soc_percent: int | None = None
    shape: str = ""
    said: str = ""


class Reader(Struct, gc=False):
    """How to read messages of one shape: the values that count, by position."""

    shape: str
    totals: tuple[tuple[int, str, int | None], ...]  # position, measurand, scale to whole units
    phases: tuple[tuple[int, str, int | None], ...]


def measured(samples: Sequence[Any]) -> Measured:
    """Read the sampled values of OCPP 1.6. Raises BadValue for an energy register that is no number.

    A value without a phase is the total; else phases are summed (the largest of the currents counts).
    Values measured elsewhere than at the outlet, and signed data, are kept raw by the caller, not read here.
    """
    described = tuple(map(_described, samples))
    reader = _readers.get(described) or _new_reader(described, samples)
    texts = [sample.value for sample in samples]
    values: dict[str, int] = {}
    for position, kind, scale in reader.phases:
        value = _often_said(kind, scale, texts[position])
        if value is not None:
            before = values.get(kind, 0)
            values[kind] = max(before, value) if kind == CURRENT else before + value
    for position, kind, scale in reader.totals:
        read = _value if kind == ENERGY else _often_said
        value = read(kind, scale, texts[position])
        if value is not None:
            values[kind] = value
    found = Measured(values.get(ENERGY), values.get(POWER), values.get(CURRENT), values.get(SOC))
    said = " ".join(texts)
    if reader.shape and is_separable(said, len(texts)):
        found.shape, found.said = reader.shape, said
    return found


def _new_reader(described: Described, samples: Sequence[Any]) -> Reader:
    totals, phases = [], []
    for position, (measurand, phase, unit, location, form, _context) in enumerate(described):
        kind = ENERGY if measurand is UNSET else measurand
        if kind not in DEFAULT_UNITS or form == "SignedData" or _elsewhere(kind, location):
            continue
        step = position, kind, SCALES.get(DEFAULT_UNITS[kind] if unit is UNSET else unit)
        if phase is UNSET:
            totals.append(step)
        elif phase in PHASES:
            phases.append(step)
    shape, _ = split(msgspec.json.encode(samples).decode())
    reader = Reader(shape, tuple(totals), tuple(phases))
    if len(_readers) < READERS_KEPT:
        _readers[described] = reader
    return reader


def measured_exactly(samples: Iterable[Any]) -> Measured:
    """Read the sampled values of OCPP 2, where values are numbers with a unit and a power of ten.

    Raises BadValue for an energy register that can't be one.
    """
    totals: dict[str, int] = {}
    phases: dict[str, int] = {}
    for sample in samples:
        kind = ENERGY if sample.measurand is UNSET else sample.measurand
        if kind not in DEFAULT_UNITS or _elsewhere(kind, sample.location):
            continue
        value = _scaled(kind, sample)
        if value is not None:
            _add(kind, value, sample.phase, totals, phases)
    values = phases | totals
    return Measured(values.get(ENERGY), values.get(POWER), values.get(CURRENT), values.get(SOC))


def _add(kind: str, value: int, phase: Any, totals: dict[str, int], phases: dict[str, int]) -> None:
    if phase is UNSET:
        totals[kind] = value
    elif phase in PHASES:
        before = phases.get(kind, 0)
        phases[kind] = max(before, value) if kind == CURRENT else before + value


def _scaled(kind: str, sample: Any) -> int | None:
    unit, power = DEFAULT_UNITS[kind], 0
    if sample.unitOfMeasure is not UNSET:
        unit = unit if sample.unitOfMeasure.unit is UNSET else sample.unitOfMeasure.unit
        power = 0 if sample.unitOfMeasure.multiplier is UNSET else sample.unitOfMeasure.multiplier
    scale = SCALES.get(unit)
    if scale is None or not -LARGEST_POWER <= power <= LARGEST_POWER:
        if kind == ENERGY:
            raise BadValue(
                f"{kind}: {sample.value} with unit {unit[:20]!r} and multiplier {power} is no energy"
            )
        return None
    # the shortest text that a JSON number stands for: what the station wrote, up to 15 digits
    exact = Decimal(repr(sample.value)).scaleb(power) * scale
    return _in_range(kind, int(exact.to_integral_value()))


def _elsewhere(kind: str, location: Any) -> bool:
    return location is not UNSET and location != "Outlet" and not (kind == SOC and location == "EV")


def _value(kind: str, scale: int | None, text: str) -> int | None:
    number = None
    if scale is not None and text.isascii() and len(text) < LONGEST_EASY:
        whole, _, decimals = text.partition(".")
        if whole.isdigit() and not decimals:
            number = int(whole) * scale
        elif scale == THOUSAND and whole.isdigit() and decimals.isdigit() and len(decimals) <= len(EASY):
            number = int(whole + decimals + EASY[len(decimals) :])
    if number is None:
        number = _by_decimal(kind, scale, text)
    return None if number is None else _in_range(kind, number)


_often_said = lru_cache(4096)(_value)  # powers, currents, charges: not registers, which never come again


def _by_decimal(kind: str, scale: int | None, text: str) -> int | None:
    exact = _decimal(text)
    if exact is not None and scale is not None:
        return int((exact * scale).to_integral_value())
    if kind == ENERGY:
        raise BadValue(f"{kind}: {text[:40]!r} is not a number of Wh or kWh")
    return None


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and number.adjusted() < 30 else None


def _in_range(kind: str, number: int) -> int | None:
    if kind == ENERGY and not 0 <= number <= LARGEST:
        raise BadValue(f"{kind}: {number} Wh is outside 0 to 2^63-1")
    if kind == SOC:
        return number if 0 <= number <= LARGEST_SOC else None
    return number if -LARGEST <= number <= LARGEST else None
