"""Sampled values of meters, as whole Wh, W, mA and percent. Exact decimals all the way."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import UNSET

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
CURRENT = "Current.Import"
SOC = "SoC"
SCALES = {"Wh": 1, "kWh": 1000, "W": 1, "kW": 1000, "A": 1000, "Percent": 1}
DEFAULT_UNITS = {ENERGY: "Wh", POWER: "W", CURRENT: "A", SOC: "Percent"}
LARGEST = 2**63 - 1
LARGEST_SOC = 100
LARGEST_POWER = 12  # of ten, of a multiplier that makes sense


class BadValue(ValueError):
    """A meter value that is no number we can keep; the text names the measurand and says what to send."""


@dataclass(slots=True)
class Measured:
    """One instant's values; None where the station did not say."""

    register_wh: int | None = None
    power_w: int | None = None
    current_ma: int | None = None
    soc_percent: int | None = None


def measured(samples: Iterable[Any]) -> Measured:
    """Read the sampled values of OCPP 1.6. Raises BadValue for an energy register that is no number.

    A value without a phase is the total; else phases are summed (the largest of the currents counts).
    Values measured elsewhere than at the outlet, and signed data, are kept raw by the caller, not read here.
    """
    totals: dict[str, int] = {}
    phases: dict[str, int] = {}
    for sample in samples:
        kind = ENERGY if sample.measurand is UNSET else sample.measurand
        if kind not in DEFAULT_UNITS or sample.format == "SignedData" or _elsewhere(kind, sample.location):
            continue
        value = _value(kind, sample)
        if value is None:
            continue
        _add(kind, value, sample.phase, totals, phases)
    values = phases | totals
    return Measured(values.get(ENERGY), values.get(POWER), values.get(CURRENT), values.get(SOC))


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
    elif phase in ("L1", "L2", "L3", "L1-N", "L2-N", "L3-N"):
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


def _value(kind: str, sample: Any) -> int | None:
    text: str = sample.value
    unit = DEFAULT_UNITS[kind] if sample.unit is UNSET else sample.unit
    scale = SCALES.get(unit)
    if text.isascii() and text.isdigit() and len(text) < 16 and scale is not None:
        number = int(text) * scale
    else:
        exact = _decimal(text)
        if exact is None or scale is None:
            if kind == ENERGY:
                raise BadValue(f"{kind}: {text[:40]!r} {unit} is not a number of Wh or kWh")
            return None
        number = int((exact * scale).to_integral_value())
    return _in_range(kind, number)


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
