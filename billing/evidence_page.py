"""A frozen evidence pack as its printed pages show it: words, tables and the curve of each session."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from billing.document_page import duration, kwh, row
from billing.snapshots import Snapshot

WIDTH, HEIGHT = 1000, 220
TABLE_ROWS = 24


@dataclass(frozen=True, slots=True)
class Trace:
    """The meter's curve on a field of WIDTH x HEIGHT: energy as a line, power as an area."""

    energy: str
    power: str
    top_kwh: str
    top_kw: str
    first: str
    last: str


def page_of(evidence: Snapshot) -> dict[str, Any]:
    """The template's context: everything from the frozen evidence."""
    return {
        "pack": evidence,
        "made_at": datetime.fromisoformat(evidence["made_at"]),
        "opened_at": datetime.fromisoformat(evidence["dispute"]["opened_at"]),
        "sessions": [_session(session) for session in evidence["sessions"]],
        "letters": [{**each, "at": _when(each["at"], "UTC")} for each in evidence["letters"]],
        "width": WIDTH,
        "height": HEIGHT,
    }


def _session(session: Snapshot) -> dict[str, Any]:
    zone, meter, price = session["time_zone"], session["meter"], session["price"]
    shown = price["on_display"]
    return {
        "told": session,
        "started_at": _when(session["started_at"], zone),
        "ended_at": _when(session["ended_at"], zone),
        "duration": duration(session["duration_s"]),
        "energy_kwh": kwh(session["energy_wh"]),
        "lines": [
            row(line, zone, datetime.fromisoformat(session["started_at"])) for line in session["lines"]
        ],
        "published_at": _when(price["published_at"], zone),
        "valid_from": _when(price["valid_from"], zone),
        "display": shown and {**shown, "told_at": _when(shown["told_at"], zone)},
        "meter_start": kwh(meter["start_wh"]),
        "meter_end": kwh(meter["end_wh"] or 0),
        "trace": trace(meter["points"], zone),
        "readings": _readings(meter["points"], zone),
        "signed": [{**each, "at": _when(each["at"], zone)} for each in session["signed"]],
    }


def _when(iso: str, zone: str) -> str:
    return f"{datetime.fromisoformat(iso).astimezone(ZoneInfo(zone)):%d %b %Y, %H:%M:%S}"


def _readings(points: list[list[Any]], zone: str) -> list[dict[str, str]]:
    """A table of few rows, the first and the last reading among them."""
    last = len(points) - 1
    few = points if last < TABLE_ROWS else [points[n * last // (TABLE_ROWS - 1)] for n in range(TABLE_ROWS)]
    return [
        {
            "at": _when(at, zone),
            "register": "" if wh is None else f"{kwh(wh)} kWh",
            "power": "" if watts is None else f"{kwh(watts)} kW",
        }
        for at, wh, watts in few
    ]


def trace(points: list[list[Any]], zone: str) -> Trace | None:
    """The curve, or None where the meter said too little to draw one."""
    metered = [(datetime.fromisoformat(at), wh, watts) for at, wh, watts in points]
    registers = [(at, wh) for at, wh, _ in metered if wh is not None]
    powers = [(at, watts) for at, _, watts in metered if watts is not None]
    if len(registers) < 2 or registers[0][0] == registers[-1][0]:
        return None
    begin, end = metered[0][0], metered[-1][0]
    low = registers[0][1]
    top_wh, top_w = max(wh for _, wh in registers) - low, max((watts for _, watts in powers), default=0)
    line = [(_across(at, begin, end), _down(wh - low, top_wh)) for at, wh in registers]
    area = [(_across(at, begin, end), _down(watts, top_w)) for at, watts in powers]
    return Trace(
        energy=_path(line),
        power=f"{_path(area)} L{area[-1][0]} {HEIGHT} L{area[0][0]} {HEIGHT} Z" if len(area) > 1 else "",
        top_kwh=kwh(top_wh),
        top_kw=kwh(top_w) if len(area) > 1 else "",
        first=f"{begin.astimezone(ZoneInfo(zone)):%H:%M}",
        last=f"{end.astimezone(ZoneInfo(zone)):%H:%M}",
    )


def _across(at: datetime, begin: datetime, end: datetime) -> int:
    return (at - begin) * WIDTH // (end - begin)


def _down(value: int, top: int) -> int:
    return HEIGHT - max(0, value) * HEIGHT // max(top, 1)


def _path(places: list[tuple[int, int]]) -> str:
    return "M" + " L".join(f"{x} {y}" for x, y in places)
