"""Charts are strings that can be read: places in percent, words for all, numbers in a table."""

import itertools
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from portal.charts import KINDS, Series, heat_map, line_chart, price_line, sparkline, stacked_bars
from portal.charts.scale import label_ticks, nice_ticks, percent, place

D = Decimal
AMOUNTS = st.decimals(min_value=0, max_value=100_000, places=2)


def euro(value: Decimal) -> str:
    return f"{value} EUR"


def parts(**amounts: str) -> dict[str, Decimal]:
    return {kind: D(text) for kind, text in amounts.items()}


class TestPriceLine:
    def test_parts_are_always_in_the_same_order(self) -> None:
        line = price_line(parts(tax="1", fees="1", idle="1", time="1", energy="1"), euro)
        assert [part.kind for part in line.parts] == list(KINDS) == ["energy", "time", "idle", "fees", "tax"]

    def test_a_part_is_as_long_as_its_share(self) -> None:
        line = price_line(parts(energy="7.50", tax="2.50"), euro)
        assert [(part.at, part.width) for part in line.parts] == [("0", "75"), ("75", "25")]
        assert line.length == "100"

    def test_lines_shown_together_share_a_scale(self) -> None:
        line = price_line(parts(energy="5"), euro, longest=D("20"))
        assert line.length == "25"

    def test_a_cap_is_an_empty_stretch_at_the_end_of_the_net(self) -> None:
        line = price_line(parts(energy="8", fees="-2", tax="2"), euro)
        assert line.rest == ("60", "20")
        assert line.title == "8 EUR (Energy 8 EUR, Tax 2 EUR)"

    def test_words_and_table_say_all_of_it(self) -> None:
        line = price_line(parts(energy="9.80", tax="2.20"), euro, title="You paid")
        assert line.title == "You paid: 12.00 EUR (Energy 9.80 EUR, Tax 2.20 EUR)"
        assert line.table.rows == (("Energy", "9.80 EUR"), ("Tax", "2.20 EUR"), ("Total", "12.00 EUR"))

    def test_an_unknown_part_is_refused_by_name(self) -> None:
        with pytest.raises(ValueError, match="unknown part parking; it knows energy, time"):
            price_line(parts(parking="1"), euro)

    def test_nothing_to_pay_draws_nothing_and_says_so(self) -> None:
        line = price_line({}, euro)
        assert line.parts == ()
        assert line.title == "0 EUR"

    @given(st.dictionaries(st.sampled_from(list(KINDS)), AMOUNTS))
    def test_parts_touch_and_never_leave_the_drawing(self, amounts: dict[str, Decimal]) -> None:
        line = price_line(amounts, euro)
        end = D(0)
        for part in line.parts:
            assert D(part.at) == end
            end += D(part.width)
        assert D("-0.01") <= end <= D("100.01")


class TestScale:
    @given(st.decimals(min_value=0, max_value=10**9, places=2))
    def test_ticks_are_even_begin_at_zero_and_reach_the_value(self, highest: Decimal) -> None:
        ticks = nice_ticks(highest)
        steps = {after - before for before, after in itertools.pairwise(ticks)}
        assert ticks[0] == 0
        assert ticks[-1] >= highest
        assert len(steps) == 1
        assert 2 <= len(ticks) <= 6

    def test_a_share_of_nothing_is_nothing(self) -> None:
        assert percent(D(5), D(0)) == 0

    def test_places_have_a_point_and_no_idle_zeros(self) -> None:
        assert [place(D(text)) for text in ("12.500", "0", "33.3333")] == ["12.5", "0", "33.333"]

    def test_a_narrow_chart_keeps_five_labels_or_fewer(self) -> None:
        for count in range(1, 100):
            ticks = label_ticks([str(at) for at in range(count)])
            assert 1 <= len([tick for tick in ticks if not tick.roomy]) <= 5
            assert len(ticks) <= 10


class TestStackedBars:
    series = (Series("Energy", "energy", (D(30), D(0))), Series("Tax", "tax", (D(10), D(5))))

    def test_columns_stack_upwards_in_the_order_given(self) -> None:
        chart = stacked_bars("Revenue", ["1 Nov", "2 Nov"], self.series, euro)
        first, second = chart.columns
        assert [(block.kind, block.y, block.height) for block in first.blocks] == [
            ("energy", "25", "75"),
            ("tax", "0", "25"),
        ]
        assert [block.kind for block in second.blocks] == ["tax"]
        assert first.words == "1 Nov: 40 EUR"

    def test_series_of_another_length_are_refused_by_name(self) -> None:
        with pytest.raises(ValueError, match="series Energy: 2 values for 1 labels"):
            stacked_bars("Revenue", ["1 Nov"], self.series, euro)

    def test_no_days_are_no_error(self) -> None:
        assert stacked_bars("Revenue", [], [Series("Energy", "energy", ())], euro).columns == ()


def test_a_line_runs_from_the_first_to_the_last_value() -> None:
    chart = line_chart("Power", ["a", "b"], [Series("Now", "time", (D(0), D(4)))], euro)
    assert chart.strokes[0].line == "M25 100 L75 0"
    assert chart.strokes[0].area == "M25 100 L75 0 L75 100 L25 100 Z"
    assert sparkline("Power", []).line == ""


def test_heat_map_steps_are_shares_of_the_largest_value() -> None:
    chart = heat_map("When", ["0", "1", "2"], [("Mon", (D(0), D(1), D(100)))], euro)
    assert [cell.step for cell in chart.cells] == [0, 1, 5]
    assert chart.cells[2].words == "Mon 2: 100 EUR"


DRAWN = {
    "charts/stacked_bars.html": stacked_bars(
        "R", ["<b>", "2"], TestStackedBars.series, euro, description="d"
    ),
    "charts/line.html": line_chart("R", ["<b>", "2"], [Series("<i>", "time", (D(1), D(2)))], euro),
    "charts/heat_map.html": heat_map("R", ["0"], [("<b>", (D(1),))], euro),
}


@pytest.mark.parametrize("template", DRAWN)
def test_charts_are_whole_svg_with_words_and_no_inline_style(template: str) -> None:
    markup = render_to_string(template, {"chart": DRAWN[template], "height": 200})
    figure = ET.fromstring(markup)
    assert "style=" not in markup
    assert "<b>" not in markup
    drawings = [svg for svg in figure.iter("svg") if svg.get("role") == "img"]
    assert drawings
    assert all(svg.get("aria-label") and svg.find("title") is not None for svg in drawings)
    assert figure.find(".//details//table") is not None
