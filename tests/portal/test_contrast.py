"""The colour tokens keep WCAG 2.2 AA in both themes: 4.5 for text, 3 for what must be told apart."""

import math
import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[2] / "static/css/tokens.css"
PAIR = re.compile(r"--([\w-]+): light-dark\(oklch\(([^)]*)\), oklch\(([^)]*)\)\)")
Colour = tuple[float, float, float]

SURFACES = ("paper", "raised", "sunk")
TEXTS = ("ink", "muted", "accent", "accent-strong", "ok", "busy", "warn", "bad")
MARKS = ("energy", "time", "idle", "fees", "tax", "edge")
WASHES = {"ok": "ok-wash", "busy": "busy-wash", "warn": "warn-wash", "bad": "bad-wash", "muted": "quiet-wash"}


def tokens(theme: int) -> dict[str, Colour]:
    """Name -> linear sRGB of each colour of a theme (0 light, 1 dark)."""
    found = PAIR.findall(TOKENS.read_text())
    return {name: linear_rgb(*map(float, pair[theme].split())) for name, *pair in found}


def linear_rgb(lightness: float, chroma: float, hue: float) -> Colour:
    """OKLCH to linear sRGB (Björn Ottosson, 2020), cut to the gamut as a screen does."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return tuple(min(max(part, 0.0), 1.0) for part in (red, green, blue))  # type: ignore[return-value]


def contrast(one: Colour, other: Colour) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: Colour) -> float:
    red, green, blue = colour
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
class TestContrast:
    @pytest.mark.parametrize("text", TEXTS)
    @pytest.mark.parametrize("surface", SURFACES)
    def test_text_can_be_read_on_every_surface(self, theme: int, text: str, surface: str) -> None:
        colours = tokens(theme)
        assert contrast(colours[text], colours[surface]) >= 4.5

    @pytest.mark.parametrize("mark", MARKS)
    @pytest.mark.parametrize("surface", ["paper", "raised"])
    def test_marks_stand_out_from_the_paper(self, theme: int, mark: str, surface: str) -> None:
        colours = tokens(theme)
        assert contrast(colours[mark], colours[surface]) >= 3

    @pytest.mark.parametrize(("text", "wash"), WASHES.items())
    def test_states_can_be_read_on_their_wash(self, theme: int, text: str, wash: str) -> None:
        colours = tokens(theme)
        assert contrast(colours[text], colours[wash]) >= 4.5

    def test_buttons_can_be_read(self, theme: int) -> None:
        colours = tokens(theme)
        assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
        assert contrast(colours["on-accent"], colours["accent-strong"]) >= 4.5
        assert contrast(colours["accent-strong"], colours["accent-wash"]) >= 4.5


def test_black_on_white_is_21() -> None:
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    assert linear_rgb(1, 0, 0) == pytest.approx((1, 1, 1), abs=1e-3)
