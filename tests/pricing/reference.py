"""A slow reference for the price engine: Fractions only, from docs/pricing.md, sharing no code with it.

It walks a session piece by piece, cuts each piece wherever anything could change, and asks for every scrap
which element wins. It takes the plain JSON of tariff and session and knows nothing of the engine's types.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
HOUR = Fraction(3600)


@dataclass
class Piece:
    """A straight stretch: seconds from the start, Wh so far, and what a share of it carries."""

    begin: Fraction
    end: Fraction
    wh_before: Fraction
    wh_after: Fraction
    charging: Fraction
    parking: Fraction
    reserved: Fraction
    idle_since: Fraction | None
    low_w: Fraction | None = None
    high_w: Fraction | None = None
    low_a: Fraction | None = None
    high_a: Fraction | None = None

    @property
    def reservation(self) -> bool:
        return self.reserved > 0


@dataclass
class Answer:
    net: Fraction = Fraction(0)
    gross: Fraction = Fraction(0)
    nets: dict[Fraction | None, Fraction] = field(default_factory=dict)
    taxes: dict[Fraction | None, Fraction] = field(default_factory=dict)
    billed: dict[str, Fraction] = field(default_factory=dict)
    unpriced: dict[str, Fraction] = field(default_factory=dict)
    components: dict[str, Fraction] = field(default_factory=dict)
    limited: bool = False
    total_net: Fraction = Fraction(0)
    total_gross: Fraction = Fraction(0)


def frac(value: Any) -> Fraction:
    return Fraction(str(value))


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def session_pieces(session: dict[str, Any]) -> tuple[datetime, list[Piece]]:
    start = time_of(session["start"])
    length = Fraction((time_of(session["end"]) - start).total_seconds())
    readings = [(Fraction(s), Fraction(w)) for s, w in session["readings"]]
    states = [(Fraction(s), name) for s, name in session["states"]]
    cuts = sorted({Fraction(0), length} | {s for s, _ in readings} | {s for s, _ in states})
    pieces = []
    idle: Fraction | None = None
    for begin, end in pairwise(cuts):
        state = next((name for s, name in reversed(states) if s <= begin), "CHARGING")
        idle = None if state != "PARKED" else begin if idle is None else idle
        before, after = register(readings, begin), register(readings, end)
        power = (after - before) * HOUR / (end - begin) if len(readings) > 1 else None
        span = end - begin
        pieces.append(
            Piece(
                begin,
                end,
                before,
                after,
                span if state == "CHARGING" else Fraction(0),
                span if state == "PARKED" else Fraction(0),
                span if state == "RESERVED" else Fraction(0),
                idle,
                power,
                power,
            )
        )
    if not pieces:
        state = states[-1][1] if states else "CHARGING"
        assert state != "RESERVED"
        zero = Fraction(0)
        pieces = [Piece(zero, zero, zero, zero, zero, zero, zero, zero if state == "PARKED" else None)]
    return start, pieces


def register(readings: list[tuple[Fraction, Fraction]], second: Fraction) -> Fraction:
    if not readings or second <= readings[0][0]:
        return Fraction(0)
    base = readings[0][1]
    for (s0, w0), (s1, w1) in pairwise(readings):
        if s0 <= second <= s1:
            return w0 - base + (w1 - w0) * (second - s0) / (s1 - s0)
    return readings[-1][1] - base


def cdr_pieces(cdr: dict[str, Any]) -> tuple[datetime, list[Piece]]:
    start = time_of(cdr["start_date_time"])
    begins = [time_of(each["start_date_time"]) for each in cdr["charging_periods"]]
    ends = [*begins[1:], time_of(cdr["end_date_time"])]
    pieces = []
    wh, idle = Fraction(0), None
    for row, begin, end in zip(cdr["charging_periods"], begins, ends, strict=True):
        volume = {each["type"]: frac(each["volume"]) for each in row["dimensions"]}
        t0, t1 = (Fraction((t - start).total_seconds()) for t in (begin, end))
        hours = [
            volume.get(name, Fraction(0)) * HOUR for name in ("TIME", "PARKING_TIME", "RESERVATION_TIME")
        ]
        parked = hours[1] > 0 and hours[0] == 0
        idle = None if not parked else t0 if idle is None else idle
        after = wh + volume.get("ENERGY", Fraction(0)) * 1000
        low_w, high_w = (None if n not in volume else volume[n] * 1000 for n in ("MIN_POWER", "MAX_POWER"))
        low_a, high_a = volume.get("MIN_CURRENT"), volume.get("MAX_CURRENT")
        charging, parking, reserved = hours
        measured_ = low_w, high_w, low_a, high_a
        pieces.append(Piece(t0, t1, wh, after, charging, parking, reserved, idle, *measured_))
        wh = after
    return start, pieces


def clock_instants(
    tariff: dict[str, Any], start: datetime, length: Fraction, zone: ZoneInfo
) -> set[Fraction]:
    """Every second from the start at which a wall clock restriction could change its mind."""
    end = start + timedelta(seconds=math.ceil(length))
    instants: set[datetime] = set()
    names = {"start_time", "end_time", "start_date", "end_date", "day_of_week"}
    if not any(names & set(element.get("restrictions") or {}) for element in tariff["elements"]):
        return set()
    # Offsets change on a quarter of an hour; so do most midnights.
    quarter = start.replace(minute=0, second=0, microsecond=0)
    while quarter <= end:
        instants.add(quarter)
        quarter += timedelta(minutes=15)
    clocks = {"00:00"}
    for element in tariff["elements"]:
        rules = element.get("restrictions") or {}
        clocks |= {rules[name] for name in ("start_time", "end_time") if rules.get(name)}
    day = start.astimezone(zone).date() - timedelta(days=1)
    while day <= end.astimezone(zone).date() + timedelta(days=1):
        for clock in clocks:
            for fold in (0, 1):
                wall = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone, fold=fold)
                instants.add(wall.astimezone(UTC))
        day += timedelta(days=1)
    return {Fraction((t - start).total_seconds()) for t in instants if start < t < end}


def clock_holds(rules: dict[str, Any], local: datetime) -> bool:
    now = local.strftime("%H:%M:%S")
    first, last = rules.get("start_time"), rules.get("end_time")
    first = f"{first}:00" if first else "00:00:00"
    last = f"{last}:00" if last and last != "00:00" else "24:00:00"
    window = (now >= first or now < last) if last < first else first <= now < last
    day = local.date()
    return (
        window
        and (not rules.get("start_date") or day >= date.fromisoformat(rules["start_date"]))
        and (not rules.get("end_date") or day < date.fromisoformat(rules["end_date"]))
        and (not rules.get("day_of_week") or DAYS[local.weekday()] in rules["day_of_week"])
    )


def in_band(rules: dict[str, Any], name: str, value: Fraction) -> bool:
    low, high = rules.get(f"min_{name}"), rules.get(f"max_{name}")
    return (low is None or value >= frac(low)) and (high is None or value < frac(high))


def measured(rules: dict[str, Any], name: str, low: Fraction | None, high: Fraction | None) -> bool:
    least, most = (low if low is not None else high), (high if high is not None else low)
    if least is None or most is None:
        return True
    floor, ceiling = rules.get(f"min_{name}"), rules.get(f"max_{name}")
    return (floor is None or least >= frac(floor)) and (ceiling is None or most < frac(ceiling))


def price_reference(
    tariff: dict[str, Any], start: datetime, pieces: list[Piece], zone: ZoneInfo, *, expired: bool = False
) -> Answer:
    length = pieces[-1].end
    clock = clock_instants(tariff, start, length, zone)
    origin = {r: next((p.begin for p in pieces if p.reservation is r), None) for r in (True, False)}
    uses: dict[str, list[tuple[dict[str, Any], Fraction]]] = {}
    unpriced: dict[str, Fraction] = {}

    def winner(dimension: str, piece: Piece, second: Fraction, wh: Fraction, *, reservation: bool) -> Any:
        kinds = ["RESERVATION"] if reservation else [None]
        if reservation and expired:
            kinds = ["RESERVATION_EXPIRES", "RESERVATION"]
        micro = (second * 1_000_000).numerator // (second * 1_000_000).denominator
        local = (start + timedelta(microseconds=micro)).astimezone(zone)
        for kind in kinds:
            for element in tariff["elements"]:
                rules = element.get("restrictions") or {}
                idle = Fraction(0) if piece.idle_since is None else second - piece.idle_since
                if (
                    rules.get("reservation") == kind
                    and clock_holds(rules, local)
                    and in_band(rules, "kwh", wh / 1000)
                    and in_band(rules, "duration", second - (origin[reservation] or 0))
                    and in_band(rules, "idle_time", idle)
                    and measured(rules, "power", scaled(piece.low_w), scaled(piece.high_w))
                    and measured(rules, "current", piece.low_a, piece.high_a)
                ):
                    for component in element["price_components"]:
                        if component["type"] == dimension:
                            return component
        return None

    def use(kind: str, component: Any, amount: Fraction) -> None:
        if component is None:
            unpriced[kind] = unpriced.get(kind, Fraction(0)) + amount
        else:
            uses.setdefault(kind, []).append((component, amount))

    for piece in pieces:
        for share0, share1 in shares(tariff, piece, clock, origin):
            share = share1 - share0
            second = piece.begin + (piece.end - piece.begin) * share0
            wh = piece.wh_before + (piece.wh_after - piece.wh_before) * share0
            reserved = piece.reservation
            fee = "RESERVATION_FLAT" if reserved else "FLAT"
            won = winner("FLAT", piece, second, wh, reservation=reserved)
            if won and fee not in uses and not (expired and not reserved):
                use(fee, won, Fraction(1))
            if piece.wh_after > piece.wh_before:
                won = None if reserved else winner("ENERGY", piece, second, wh, reservation=False)
                use("ENERGY", won, (piece.wh_after - piece.wh_before) * share)
            if piece.reserved:
                won = winner("TIME", piece, second, wh, reservation=True)
                use("RESERVATION_TIME", won, piece.reserved * share)
            if piece.charging:
                use("TIME", winner("TIME", piece, second, wh, reservation=False), piece.charging * share)
            if piece.parking:
                won = winner("PARKING_TIME", piece, second, wh, reservation=False)
                use("PARKING_TIME", won, piece.parking * share)
            if not (piece.reserved or piece.charging or piece.parking) and piece.end > piece.begin:
                use("WITHHELD_TIME", None, (piece.end - piece.begin) * share)
    if expired and "RESERVATION_FLAT" not in uses:
        won = winner("FLAT", pieces[0], Fraction(0), Fraction(0), reservation=True)
        if won:
            use("RESERVATION_FLAT", won, Fraction(1))
    session_scope = any(not piece.reservation for piece in pieces)
    return settle(tariff, uses, unpriced, expired=expired or not session_scope)


def scaled(watts: Fraction | None) -> Fraction | None:
    return None if watts is None else watts / 1000


def shares(
    tariff: dict[str, Any], piece: Piece, clock: set[Fraction], origin: dict[bool, Fraction | None]
) -> list[tuple[Fraction, Fraction]]:
    """The piece from 0 to 1, cut wherever a restriction could change its mind."""
    span, gain = piece.end - piece.begin, piece.wh_after - piece.wh_before
    cuts = {Fraction(0), Fraction(1)}
    seconds = set(clock)
    for element in tariff["elements"]:
        rules = element.get("restrictions") or {}
        for side in ("min", "max"):
            since = origin[piece.reservation]
            if rules.get(f"{side}_duration") is not None and since is not None:
                seconds.add(since + frac(rules[f"{side}_duration"]))
            if rules.get(f"{side}_idle_time") is not None and piece.idle_since is not None:
                seconds.add(piece.idle_since + frac(rules[f"{side}_idle_time"]))
            if rules.get(f"{side}_kwh") is not None and gain:
                cuts.add((frac(rules[f"{side}_kwh"]) * 1000 - piece.wh_before) / gain)
    if span:
        cuts |= {(second - piece.begin) / span for second in seconds if piece.begin < second < piece.end}
    inside = sorted(cut for cut in cuts if 0 <= cut <= 1)
    return list(pairwise(inside))


def settle(
    tariff: dict[str, Any],
    uses: dict[str, list[tuple[dict[str, Any], Fraction]]],
    unpriced: dict[str, Fraction],
    *,
    expired: bool,
) -> Answer:
    answer = Answer(unpriced=unpriced)
    session_nets: dict[Fraction | None, Fraction] = {}
    for kind, used in uses.items():
        total = sum(amount for _, amount in used)
        rounded = not (kind == "TIME" and "PARKING_TIME" in uses) and not kind.endswith("FLAT")
        step = Fraction(used[-1][0].get("step_size", 1))
        extra = math.ceil(total / step) * step - total if rounded and step else Fraction(0)
        answer.billed[kind] = total + extra
        parts = [*used, (used[-1][0], extra)]
        for component, amount in parts:
            rate = None if component.get("vat") is None else frac(component["vat"])
            per = 1000 if kind == "ENERGY" else 3600 if kind.endswith("TIME") else 1
            cost = frac(component["price"]) * amount / per
            tax_share = (rate or Fraction(0)) / 100
            net = cost / (1 + tax_share) if tariff.get("tax_included") == "YES" else cost
            answer.nets[rate] = answer.nets.get(rate, Fraction(0)) + net
            answer.taxes[rate] = answer.taxes.get(rate, Fraction(0)) + net * tax_share
            answer.components[kind] = answer.components.get(kind, Fraction(0)) + net
            if not kind.startswith("RESERVATION"):
                session_nets[rate] = session_nets.get(rate, Fraction(0)) + net
    answer.net = sum(answer.nets.values(), Fraction(0))
    answer.gross = answer.net + sum(answer.taxes.values(), Fraction(0))
    if not expired:
        limit(tariff, session_nets, answer)
    if not answer.limited:
        digits = {"JPY": 0, "KWD": 3}.get(tariff["currency"], 2)
        answer.total_net = sum((half_up(net, digits) for net in answer.nets.values()), Fraction(0))
        taxes = sum((half_up(tax, digits) for tax in answer.taxes.values()), Fraction(0))
        answer.total_gross = answer.total_net + taxes
    return answer


def limit(tariff: dict[str, Any], nets: dict[Fraction | None, Fraction], answer: Answer) -> None:
    """Totals after min_price and max_price: what they come to, not how they are spread."""
    low, high = tariff.get("min_price") or {}, tariff.get("max_price") or {}
    first = tariff["elements"][0]["price_components"][0].get("vat")
    ordered = sorted(nets, key=lambda rate: Fraction(-1) if rate is None else rate)
    rates = [(rate or Fraction(0)) / 100 for rate in ordered] or [frac(first or 0) / 100]
    net = sum(nets.values(), Fraction(0))
    gross = net + sum((n * (rate or 0) / 100 for rate, n in nets.items()), Fraction(0))
    want_net = bounded(net, low.get("before_taxes"), high.get("before_taxes"))
    want_gross = bounded(gross, low.get("after_taxes"), high.get("after_taxes"))
    if (want_net, want_gross) == (net, gross):
        return
    mean = gross / net if net else 1 + rates[0]
    tax = want_gross - want_net
    if "after_taxes" not in {*low, *high}:
        want_gross = want_net * mean
    elif "before_taxes" not in {*low, *high}:
        want_net = want_gross / mean
    elif not min(rates) * want_net <= tax <= max(rates) * want_net:
        digits = {"JPY": 0, "KWD": 3}.get(tariff["currency"], 2)
        slack = Fraction(1, 2 * 10**digits)
        both = [(want_gross / mean, want_gross), (want_net, want_net * mean)]
        want_net, want_gross = next((pair for pair in both if fits(pair, low, high, slack)), both[0])
    answer.limited = (want_net, want_gross) != (net, gross)
    answer.net += want_net - net
    answer.gross += want_gross - gross


def fits(pair: tuple[Fraction, Fraction], low: Any, high: Any, slack: Fraction) -> bool:
    names = ("before_taxes", "after_taxes")
    over = all(
        low.get(n) is None or value > frac(low[n]) - slack for n, value in zip(names, pair, strict=True)
    )
    return over and all(
        high.get(n) is None or value < frac(high[n]) + slack for n, value in zip(names, pair, strict=True)
    )


def bounded(value: Fraction, low: Any, high: Any) -> Fraction:
    if low is not None:
        value = max(value, frac(low))
    return value if high is None else min(value, frac(high))


def half_up(value: Fraction, digits: int) -> Fraction:
    return Fraction(math.floor(value * 10**digits + Fraction(1, 2)), 10**digits)
