"""The tile: a number with its comparison and its last days."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from portal import words
from portal.charts import Sparkline, sparkline


@dataclass(frozen=True)
class Tile:
    """What a tile shows. `direction` is `up`, `down` or `even`; empty where nothing compares."""

    title: str
    figure: str
    unit: str
    change: str
    direction: str
    before: str
    trend: Sparkline | None


def make_tile(
    title: str,
    figure: str,
    unit: str,
    *,
    now: Decimal,
    before: Decimal,
    before_text: str,
    trend: Sequence[Decimal] = (),
) -> Tile:
    """A tile for the value `now` beside `before`; `trend` from oldest to newest."""
    direction = "" if before == 0 else "up" if now > before else "down" if now < before else "even"
    line = sparkline(_("%(title)s, day by day") % {"title": title}, trend) if len(trend) > 1 else None
    return Tile(title, figure, unit, words.change(now, before), direction, before_text, line)
