"""The living page of the design system, in debug only: every part once, with made-up numbers."""

from decimal import Decimal

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from portal import words
from portal.charts import (
    HeatMap,
    LineChart,
    PriceLine,
    Series,
    StackedBars,
    heat_map,
    line_chart,
    price_line,
    stacked_bars,
)
from portal.look import LOOKS
from portal.scopes import public
from portal.tiles import Tile, make_tile

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class SampleForm(forms.Form):
    """One of each kind of field, one of them wrong."""

    email = forms.EmailField(help_text="For the receipt, nothing else.")
    company = forms.CharField(required=False)
    country = forms.ChoiceField(choices=[("DE", "Germany"), ("FR", "France"), ("GB", "United Kingdom")])
    plan = forms.ChoiceField(
        choices=[("session", "After each session"), ("month", "Monthly")], widget=forms.RadioSelect
    )
    terms = forms.BooleanField(label="I have read the terms")


@public
@require_GET
def design(request: HttpRequest) -> HttpResponse:
    """All parts of the design system; 404 outside debug."""
    if not settings.DEBUG:
        raise Http404
    messages.success(request, "Card added. You can charge now.")
    messages.error(request, "The card was declined. Use another one.")
    form = SampleForm({"email": "not an address", "country": "DE", "plan": "month"})
    context = {
        "looks": list(LOOKS),
        "form": form,
        "tiles": _tiles(),
        "lines": _price_lines(),
        "charts": (_bars(), _line(), _heat()),
        "sizes": ("small", "body", "lead", "title", "figure"),
        "swatches": ("energy", "time", "idle", "fees", "tax"),
    }
    return render(request, "design/page.html", context)


def _euro(value: Decimal) -> str:
    return words.money(value, "EUR")


def _wave(count: int, base: int, swing: int, shift: int = 0) -> tuple[Decimal, ...]:
    return tuple(Decimal(base + ((at * 7 + shift * 3) % 11) * swing) / 10 for at in range(count))


def _tiles() -> list[Tile]:
    samples = (
        ("Revenue", "1,284.60", "EUR", "1284.6", "1102", "than last week", _wave(28, 900, 110)),
        ("Energy", "3,420", "kWh", "3420", "3510", "than last week", _wave(28, 900, 90, 4)),
        ("Sessions", "142", "", "142", "142", "as last week", _wave(28, 40, 9, 2)),
        ("Refunded", "0.00", "EUR", "0", "0", "nothing last week", ()),
    )
    return [
        make_tile(
            title, figure, unit, now=Decimal(now), before=Decimal(before), before_text=text, trend=trend
        )
        for title, figure, unit, now, before, text, trend in samples
    ]


def _price_lines() -> list[PriceLine]:
    usual = {"energy": "9.80", "time": "1.20", "idle": "0.60", "fees": "0.33", "tax": "2.27"}
    capped = {"energy": "12.50", "fees": "-2.50", "tax": "1.90"}
    samples = (usual, {"energy": "5.04", "tax": "0.96"}, {"idle": "4.20", "tax": "0.80"}, capped)
    return [_price_line(sample) for sample in samples]


def _price_line(sample: dict[str, str]) -> PriceLine:
    amounts = {kind: Decimal(text) for kind, text in sample.items()}
    return price_line(amounts, _euro, longest=Decimal("14.40"), title="You paid")


def _bars() -> StackedBars:
    labels = [f"{day} Nov" for day in range(1, 31)]
    series = [
        Series("Energy", "energy", _wave(30, 420, 70)),
        Series("Time", "time", _wave(30, 60, 20, 1)),
        Series("Idle", "idle", _wave(30, 20, 14, 2)),
        Series("Fees", "fees", _wave(30, 30, 4, 3)),
        Series("Tax", "tax", _wave(30, 100, 18)),
    ]
    return stacked_bars(
        "Revenue by day, EUR",
        labels,
        series,
        _euro,
        axis=words.plain,
        description="November, all sites",
        corner="Day",
    )


def _line() -> LineChart:
    labels = [f"{hour:02d}:00" for hour in range(24)]
    series = [
        Series("Today", "time", _wave(24, 200, 60)),
        Series("A week before", "before", _wave(24, 180, 50, 4)),
    ]
    return line_chart("Power", labels, series, lambda value: f"{words.number(value)} kW", corner="Hour")


def _heat() -> HeatMap:
    rows = [(day, _wave(24, at % 3, (at + 2) // 2, at)) for at, day in enumerate(WEEKDAYS)]
    hours = [f"{hour:02d}" for hour in range(24)]
    return heat_map("Sessions by hour and weekday", hours, rows, lambda value: words.number(value, 1))
