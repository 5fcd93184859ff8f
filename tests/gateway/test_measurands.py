"""Meter values as stations write them, read exactly."""

from typing import Any

import pytest

from gateway.measurands import BadValue, Measured, measured
from gateway.schemas import requests


def read(*samples: dict[str, Any]) -> Measured:
    import json

    value = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": list(samples)}
    payload = json.dumps({"connectorId": 1, "meterValue": [value]}).encode()
    return measured(requests("ocpp1.6")["MeterValues"].decode(payload).meterValue[0].sampledValue)


def test_a_bare_value_is_the_energy_register_in_wh() -> None:
    assert read({"value": "1234"}) == Measured(register_wh=1234, shape='[{"value":""}]', said="1234")


@pytest.mark.parametrize(
    ("value", "unit", "wh"),
    [
        ("1.5", "kWh", 1500),
        ("0.30002999999999996", "kWh", 300),
        ("12345678.901", "kWh", 12_345_678_901),
        ("1234.0", "Wh", 1234),
        ("1e3", "Wh", 1000),
        (str(2**40), "Wh", 2**40),
    ],
)
def test_registers_are_exact_whole_wh(value: str, unit: str, wh: int) -> None:
    assert read({"value": value, "unit": unit}).register_wh == wh


def test_power_current_and_charge_are_read_in_their_units() -> None:
    found = read(
        {"value": "11.04", "measurand": "Power.Active.Import", "unit": "kW"},
        {"value": "16.02", "measurand": "Current.Import", "unit": "A"},
        {"value": "55", "measurand": "SoC", "unit": "Percent", "location": "EV"},
        {"value": "230", "measurand": "Voltage", "unit": "V"},
    )
    assert (found.register_wh, found.power_w, found.current_ma) == (None, 11_040, 16_020)
    assert (found.soc_percent, found.said) == (55, "11.04 16.02 55 230")


def test_phases_are_summed_unless_there_is_a_total() -> None:
    power = {"measurand": "Power.Active.Import", "unit": "W"}
    phases = [
        {"value": value, "phase": phase, **power} for value, phase in [("1", "L1"), ("2", "L2"), ("4", "L3")]
    ]
    assert read(*phases).power_w == 7
    assert read(*phases, {"value": "9", **power}).power_w == 9


def test_the_largest_phase_current_counts() -> None:
    current = {"measurand": "Current.Import", "unit": "A"}
    assert (
        read({"value": "10", "phase": "L1", **current}, {"value": "16", "phase": "L2", **current}).current_ma
        == 16_000
    )


def test_what_is_measured_at_the_inlet_or_signed_is_not_the_register() -> None:
    signed = {"value": "OCMF|abc", "format": "SignedData"}
    assert read({"value": "7", "location": "Inlet"}, signed, {"value": "5"}).register_wh == 5


@pytest.mark.parametrize("value", ["NaN", "-1", "1e400", "9223372036854775808", "x", "sNaN"])
def test_an_energy_register_that_is_no_number_of_wh_is_refused(value: str) -> None:
    with pytest.raises(BadValue, match=r"Energy\.Active\.Import\.Register"):
        read({"value": value})


def test_other_values_that_make_no_sense_are_left_out() -> None:
    found = read({"value": "broken", "measurand": "SoC"}, {"value": "1"})
    assert (found.soc_percent, found.register_wh) == (None, 1)
    assert read({"value": "250", "measurand": "SoC"}).soc_percent is None
