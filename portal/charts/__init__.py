"""Charts drawn on the server: geometry here, markup in `templates/charts/`.

Every position is a percentage of the drawing, so one SVG fits a phone and a desk without a script, and each chart
carries its words (title, description, data table) for readers who do not see it. Values are `Decimal`; no float.
"""

from portal.charts.band import BandChart, band_chart
from portal.charts.bars import StackedBars, stacked_bars
from portal.charts.heatmap import HeatMap, heat_map
from portal.charts.lines import LineChart, Sparkline, line_chart, sparkline
from portal.charts.price_line import KINDS, Part, PriceLine, price_line
from portal.charts.scale import Series

__all__ = [
    "KINDS",
    "BandChart",
    "HeatMap",
    "LineChart",
    "Part",
    "PriceLine",
    "Series",
    "Sparkline",
    "StackedBars",
    "band_chart",
    "heat_map",
    "line_chart",
    "price_line",
    "sparkline",
    "stacked_bars",
]
