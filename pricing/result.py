"""The priced session: totals, taxes and lines, exact and rounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from pricing.amounts import NOTHING, Amounts, ExactAmounts, total_of
from pricing.compiled import SESSION, Compiled, Situation
from pricing.fields import Rational, whole
from pricing.rounding import MISSING_TELEMETRY
from pricing.walk import Run

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TaxTotal(NamedTuple):
    """The rounded net and tax at one rate; percent None means not subject to tax."""

    percent: Fraction | None
    net: Decimal
    tax: Decimal


class Line:
    """What one component charges for one stretch, or what a price limit adds or takes.

    A view of exact integers: amounts, times and reasons are worked out when they are read. The amounts are
    kept then, as totals, components and the written line all ask for them.
    """

    __slots__ = ("_change", "_exact", "_origin", "_run", "compiled")

    def __init__(
        self, compiled: Compiled, run: Run, origin: Rational, change: Mapping[int, ExactAmounts] | None = None
    ) -> None:
        self.compiled, self._run, self._origin, self._change = compiled, run, origin, change
        self._exact: ExactAmounts | None = None

    @property
    def kind(self) -> str:
        """ENERGY, TIME, PARKING_TIME, FLAT, RESERVATION_TIME, RESERVATION_FLAT, MIN_PRICE or MAX_PRICE."""
        run = self._run
        return "RESERVATION_FLAT" if run.dimension == "FLAT" and run.scope != SESSION else run.dimension

    @property
    def element(self) -> int | None:
        """Index of the winning element in the tariff; None for a price limit."""
        return None if self._run.rate is None else self._run.rate.element.index

    @property
    def price(self) -> Fraction | None:
        """Per kWh, per hour or once, as the tariff has it (gross where `tax_included`)."""
        return None if self._run.rate is None else self._run.rate.component.price

    @property
    def tax_percent(self) -> Fraction | None:
        """None: not subject, which is not 0 %. A price limit may touch several rates: see `by_rate`."""
        return None if self._run.rate is None else self._run.rate.component.tax_percent

    @property
    def step_size(self) -> int:
        return 0 if self._run.rate is None else self._run.rate.step

    @property
    def quantity(self) -> Rational:
        """Measured: Wh, seconds or times."""
        return self._plain(self._run.quantity)

    @property
    def surplus(self) -> Rational:
        """What step_size adds to the quantity."""
        return self._plain(self._run.surplus)

    @property
    def billed(self) -> Rational:
        return self._plain(self._run.quantity + self._run.surplus)

    def _plain(self, quantity: Rational) -> Rational:
        divisor = self._run.divisor
        return quantity if divisor == 1 else whole(Fraction(quantity) / divisor)

    @property
    def start(self) -> datetime:
        return moment_at(self._origin, self._run.start)

    @property
    def end(self) -> datetime:
        return moment_at(self._origin, self._run.end)

    @property
    def by_rate(self) -> dict[Fraction | None, ExactAmounts]:
        """Exact amounts by tax rate; one rate but for a price limit."""
        if self._change is not None:
            return {self.compiled.percents[group]: amounts for group, amounts in self._change.items()}
        return {self.tax_percent: self.exact}

    @property
    def exact(self) -> ExactAmounts:
        """Before rounding, in the currency; a MAX_PRICE line is negative."""
        if self._exact is None:
            self._exact = self._amounts()
        return self._exact

    def _amounts(self) -> ExactAmounts:
        rate = self._run.rate
        if rate is None:
            return total_of((self._change or {}).values())
        return self.compiled.amounts(rate.group, rate.units * self.billed)

    @property
    def passed_over(self) -> tuple[tuple[int, tuple[str, ...]], ...]:
        """Earlier elements with this dimension, and the what kept them out where the line begins."""
        run = self._run
        if run.rate is None or not run.situation:
            return ()
        return self.compiled.passed_over(Situation(*run.situation), run.rate)


class Unpriced(NamedTuple):
    """Volume that no element prices: ENERGY in Wh, the others in seconds."""

    kind: str
    quantity: Rational


class PricedSession:
    """The price of one session.

    policy: name of the rounding policy. lines: what is charged and why; their exact amounts sum to `exact`.
    unpriced: volume that costs nothing. net_minor, tax_minor: the rounded totals in minor units.
    """

    __slots__ = ("_rounded", "compiled", "lines", "net_minor", "policy", "tax_minor", "unpriced")

    def __init__(
        self,
        compiled: Compiled,
        policy: str,
        lines: tuple[Line, ...],
        unpriced: tuple[Unpriced, ...],
        rounded: Sequence[tuple[int, int, int]],
    ) -> None:
        """`rounded`: (tax group, net, tax) in minor units."""
        self.compiled, self.policy, self.lines, self.unpriced = compiled, policy, lines, unpriced
        self._rounded = rounded
        self.net_minor = self.tax_minor = 0
        for _, net, tax in rounded:
            self.net_minor += net
            self.tax_minor += tax

    @property
    def currency(self) -> str:
        return self.compiled.tariff.currency

    @property
    def digits(self) -> int:
        """Decimals of the currency's minor unit."""
        return self.compiled.tariff.digits

    @property
    def total(self) -> Amounts:
        """Rounded once, net and tax for each rate; gross is their sum."""
        net, tax = self.net_minor, self.tax_minor
        return Amounts(self._money(net), self._money(tax), self._money(net + tax))

    @property
    def taxes(self) -> tuple[TaxTotal, ...]:
        percents = self.compiled.percents
        return tuple(TaxTotal(percents[g], self._money(n), self._money(t)) for g, n, t in self._rounded)

    @property
    def exact(self) -> ExactAmounts:
        """Before any rounding."""
        return total_of(line.exact for line in self.lines)

    def _money(self, minor: int) -> Decimal:
        return Decimal(minor).scaleb(-self.compiled.tariff.digits)

    @property
    def components(self) -> dict[str, ExactAmounts]:
        """Exact amounts by dimension; RESERVATION is all of the reservation. Price limits stand apart."""
        sums = dict.fromkeys(("ENERGY", "TIME", "PARKING_TIME", "FLAT", "RESERVATION"), NOTHING)
        for line in self.lines:
            name = "RESERVATION" if line.kind.startswith("RESERVATION") else line.kind
            if name in sums:
                sums[name] = sums[name].plus(line.exact)
        return sums

    @property
    def billed(self) -> dict[str, Rational]:
        """Billed volume, steps included: energy_wh, time_s, parking_s, reservation_s."""
        names = {"ENERGY": "energy_wh", "TIME": "time_s", "PARKING_TIME": "parking_s"}
        names["RESERVATION_TIME"] = "reservation_s"
        sums: dict[str, Rational] = dict.fromkeys(names.values(), 0)
        for line in self.lines:
            if line.kind in names:
                sums[names[line.kind]] += line.billed
        return sums

    def to_json(self, *, explain: bool = False) -> dict[str, Any]:
        """The object `rate` writes: rounded amounts with the currency's digits, exact ones in full."""
        return {
            "currency": self.currency,
            "total": {name: str(value) for name, value in self.total._asdict().items()},
            "exact": _pair(self.exact),
            "components": {name: _pair(amounts) for name, amounts in self.components.items()},
            "billed": {name: _quantity(value) for name, value in self.billed.items()},
            "taxes": [
                {"percent": _maybe(each.percent), "net": str(each.net), "tax": str(each.tax)}
                for each in self.taxes
            ],
            "unpriced": {each.kind: _quantity(each.quantity) for each in self.unpriced},
            "policy": self.policy,
            "missing_telemetry": MISSING_TELEMETRY,
            "lines": [_line(each, explain=explain) for each in self.lines],
        }


def exact_text(value: Rational) -> str:
    """A decimal where the number ends in decimals, else a fraction such as "10/3"."""
    top, bottom = value.numerator, value.denominator
    twos = (bottom & -bottom).bit_length() - 1
    rest, fives = bottom >> twos, 0
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return f"{top}/{bottom}"
    places = max(twos, fives)
    digits = str(abs(top) * 10**places // bottom).rjust(places + 1, "0")
    sign = "-" if top < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def moment_at(origin: Rational, second: Rational) -> datetime:
    """UTC time of a second of a session, to the microsecond."""
    instant = origin + second
    return _EPOCH + timedelta(microseconds=int(instant * 1_000_000))


def _pair(amounts: ExactAmounts) -> dict[str, str]:
    return {"net": exact_text(amounts.net), "gross": exact_text(amounts.gross)}


def _maybe(value: Rational | None) -> str | None:
    return None if value is None else exact_text(value)


def _quantity(value: Rational) -> int | str:
    value = whole(value)
    return value if isinstance(value, int) else exact_text(value)


def _line(line: Line, *, explain: bool) -> dict[str, Any]:
    written: dict[str, Any] = {
        "kind": line.kind,
        "element": line.element,
        "price": _maybe(line.price),
        "tax_percent": _maybe(line.tax_percent),
        "quantity": _quantity(line.quantity),
        "surplus": _quantity(line.surplus),
        "billed": _quantity(line.billed),
        "step_size": line.step_size,
        "net": exact_text(line.exact.net),
        "tax": exact_text(line.exact.tax),
        "gross": exact_text(line.exact.gross),
        "start": line.start.isoformat().replace("+00:00", "Z"),
        "end": line.end.isoformat().replace("+00:00", "Z"),
    }
    if explain:
        written["passed_over"] = [{"element": i, "because": list(why)} for i, why in line.passed_over]
    return written
