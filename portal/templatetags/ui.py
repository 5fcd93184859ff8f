"""The design system's small parts, as template tags: icon, badge, money, tile, price line, chart, field."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.forms import BoundField
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from billing.models import Payment
from portal import words
from portal.charts import BandChart, HeatMap, LineChart, PriceLine, StackedBars
from portal.look import THEME_COOKIE, look_of, theme_of
from portal.payment_words import words_for_payment
from portal.tiles import Tile

register = template.Library()

CHART_TEMPLATES = {
    StackedBars: "charts/stacked_bars.html",
    LineChart: "charts/line.html",
    HeatMap: "charts/heat_map.html",
    BandChart: "charts/band.html",
}


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite; silent for screen readers unless it has a `label`."""
    sprite = static("img/icons.svg")
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"/></svg>', label, sprite, name
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', sprite, name)


@register.simple_tag(takes_context=True)
def theme(context: template.Context) -> str:
    """`light`, `dark`, or empty: as the system says."""
    request: HttpRequest | None = context.get("request")
    return theme_of(request.COOKIES.get(THEME_COOKIE, "")) if request else ""


@register.inclusion_tag("ui/badge.html")
def badge(state: str, text: str = "") -> dict[str, object]:
    """A state as text, icon and colour. `state` is a key of `portal.look.LOOKS`; unknown ones show plainly."""
    look = look_of(state)
    return {"look": look, "text": text or look.text}


@register.simple_tag
def money(value: Any, currency: str = "") -> SafeString:
    """An amount with its currency small. Takes a Money, or a Decimal and a code."""
    raw, code = (value.amount, str(value.currency)) if hasattr(value, "amount") else (value, currency)
    return format_html(
        '<span class="money">{}&nbsp;<span class="currency">{}</span></span>',
        words.amount(Decimal(raw), code),
        code,
    )


@register.filter
def percent(share: float | Decimal) -> str:
    """A share in whole percent: `.314` as `31 %`."""
    return f"{words.number(round(Decimal(share) * 100))}{words.THIN_SPACE}%"


@register.simple_tag
def plain_amount(value: Decimal, currency: str) -> SafeString:
    """An amount in a column whose currency stands elsewhere; zero quietly, as a dash."""
    if value == 0:
        return mark_safe('<span class="zero">–</span>')
    return format_html('<span class="money">{}</span>', words.amount(value, currency))


@register.inclusion_tag("ui/badge.html")
def payment_badge(payment: Payment) -> dict[str, object]:
    """The state of a payment, in the reader's words."""
    look = look_of(words_for_payment(payment).state)
    return {"look": look, "text": look.text}


@register.filter
def sessions(count: int) -> str:
    """`1 session`, `12 sessions`."""
    return words.sessions(count)


@register.filter
def fixed(value: Decimal) -> str:
    """A sum with two digits."""
    return words.number(value, 2)


@register.filter
def digits(value: Decimal, count: int) -> str:
    """A number with `count` digits after the point."""
    return words.number(value, count)


@register.simple_tag
def kwh(energy_wh: int, digits: int = 2) -> SafeString:
    """Energy with its unit small."""
    return format_html(
        '<span class="number">{}&nbsp;<span class="unit">kWh</span></span>', words.kwh(energy_wh, digits)
    )


@register.filter
def in_kwh(energy_wh: int) -> str:
    """Energy in a column whose unit stands in its head."""
    return words.kwh(energy_wh, 1)


@register.filter
def duration(seconds: int) -> str:
    """Seconds as hours and minutes."""
    return words.duration(int(seconds))


@register.filter
def kilowatts(power_w: int) -> str:
    """Watts as kW, with the digits they have."""
    return words.plain(Decimal(power_w) / 1000)


@register.filter
def grouped(value: int | None) -> str:
    """A whole number with its thousands apart; empty for None."""
    return "" if value is None else words.number(value)


@register.filter
def in_zone(moment: datetime, zone: ZoneInfo) -> datetime:
    """A moment by the wall clock of `zone`; show it with `local`, which leaves it there."""
    return moment.astimezone(zone)


@register.filter
def local(moment: datetime, pattern: str) -> str:
    """A moment in the zone it carries; Django's `date` would turn it into the server's."""
    return date_format(moment, pattern)


@register.inclusion_tag("ui/tile.html")
def tile(content: Tile, level: int = 2) -> dict[str, Tile | int]:
    """A tile: one number, what it was before, its last days."""
    return {"tile": content, "level": level}


@register.inclusion_tag("charts/price_line.html")
def price_line(line: PriceLine, size: str = "small") -> dict[str, object]:
    """The price line. `small`: the bar alone; `large`: with its legend and data table."""
    return {"line": line, "large": size == "large", "height": 28 if size == "large" else 10}


@register.simple_tag(takes_context=True)
def chart(
    context: template.Context, drawn: StackedBars | LineChart | HeatMap | BandChart, height: int = 240
) -> SafeString:
    """A chart with its title, words and data table."""
    engine = context.template.engine if context.template else template.engines["django"].engine  # type: ignore[attr-defined]
    markup = engine.get_template(CHART_TEMPLATES[type(drawn)])
    return markup.render(template.Context({"chart": drawn, "height": height}))


@register.inclusion_tag("ui/field.html")
def field(bound: BoundField) -> dict[str, object]:
    """A form field with its label, hint and errors beside it."""
    kind = getattr(bound.field.widget, "input_type", "")
    wide = bound.field.widget.__class__.__name__ in {"RadioSelect", "CheckboxSelectMultiple"}
    return {"field": bound, "is_choice": kind == "checkbox" and not wide, "is_group": wide}


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: object) -> str:
    """The page's query string with `changes` laid over it; an empty value drops the key."""
    kept = context["request"].GET.copy()
    for key, value in changes.items():
        if value in (None, ""):
            kept.pop(key, None)
        else:
            kept[key] = str(value)
    return f"?{kept.urlencode()}" if kept else "?"
