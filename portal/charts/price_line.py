"""The price line: one bar that splits an amount into energy, time, idle, fees and tax, always in this order.

A cap or a discount makes a part negative. Its share is then an empty dashed frame over the end of the net parts:
what was used, but not charged. What stays filled is the total.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.charts.scale import DataTable, Format, percent, place

KINDS: dict[str, str | Promise] = {
    "energy": gettext_lazy("Energy"),
    "time": gettext_lazy("Time"),
    "idle": gettext_lazy("Idle"),
    "fees": gettext_lazy("Fees"),
    "tax": gettext_lazy("Tax"),
}


@dataclass(frozen=True)
class Part:
    """One coloured stretch of the line; `at` and `width` in percent of the drawing."""

    kind: str
    name: str
    amount: Decimal
    text: str
    at: str
    width: str


@dataclass(frozen=True)
class PriceLine:
    """A drawable price line. `rest` is the stretch that a cap or discount took off, if any."""

    title: str
    parts: tuple[Part, ...]
    rest: tuple[str, str] | None
    length: str
    table: DataTable


def price_line(
    amounts: Mapping[str, Decimal], label: Format, *, longest: Decimal | None = None, title: str = ""
) -> PriceLine:
    """Lay out `amounts` (kind -> net amount, and "tax"), in one currency.

    `longest` is the biggest total among lines shown together: lengths then compare. Unknown kinds raise.
    """
    unknown = set(amounts) - set(KINDS)
    if unknown:
        raise ValueError(
            f"price line: unknown part {', '.join(sorted(unknown))}; it knows {', '.join(KINDS)}"
        )
    positive = {kind: amounts[kind] for kind in KINDS if amounts.get(kind, Decimal(0)) > 0}
    drawn = sum(positive.values(), Decimal(0))
    taken_off = -sum((amount for amount in amounts.values() if amount < 0), Decimal(0))
    scale = max(longest or drawn, drawn)
    parts, at = [], Decimal(0)
    for kind, amount in positive.items():
        width = percent(amount, scale)
        parts.append(Part(kind, str(KINDS[kind]), amount, label(amount), place(at), place(width)))
        at += width
    net_end = percent(drawn - positive.get("tax", Decimal(0)), scale)
    rest_width = min(percent(taken_off, scale), net_end)
    rest = (place(net_end - rest_width), place(rest_width)) if rest_width else None
    total = label(drawn - taken_off)
    return PriceLine(
        _words(title, total, parts), tuple(parts), rest, place(at), _table(amounts, label, total)
    )


def _words(title: str, total: str, parts: list[Part]) -> str:
    split = ", ".join(f"{part.name} {part.text}" for part in parts)
    head = f"{title}: {total}" if title else total
    return f"{head} ({split})" if split else head


def _table(amounts: Mapping[str, Decimal], label: Format, total: str) -> DataTable:
    rows = [(str(name), label(amounts[kind])) for kind, name in KINDS.items() if amounts.get(kind)]
    return DataTable(_("How the price is made up"), (_("Part"), _("Amount")), (*rows, (_("Total"), total)))
