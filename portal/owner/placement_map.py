"""An outline map: sites and candidates by their coordinates, without tiles, north up."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians

WIDTH, HEIGHT, MARGIN = 120.0, 80.0, 8.0
LEAST_SPAN = 0.02
KM_PER_DEGREE = 111.2


@dataclass(frozen=True)
class Point:
    """A mark: `kind` is own, candidate or chosen."""

    x: str
    y: str
    kind: str
    name: str


@dataclass(frozen=True)
class Map:
    """Points on a field of WIDTH x HEIGHT; west, north and the degrees a unit holds, for clicks."""

    points: tuple[Point, ...]
    west: str
    north: str
    per_x: str
    per_y: str
    width_km: str

    view_box = f"0 0 {WIDTH:g} {HEIGHT:g}"


def draw(places: Sequence[tuple[float, float, str, str]]) -> Map | None:
    """The map of (latitude, longitude, kind, name); None without a place.

    Degrees of longitude are shortened by the cosine of the middle latitude, which is enough for a region.
    """
    if not places:
        return None
    south, north = min(each[0] for each in places), max(each[0] for each in places)
    west, east = min(each[1] for each in places), max(each[1] for each in places)
    narrow = max(cos(radians((south + north) / 2)), 0.05)
    tall, wide = max(north - south, LEAST_SPAN), max(east - west, LEAST_SPAN / narrow)
    per_y = max(tall / (HEIGHT - 2 * MARGIN), wide * narrow / (WIDTH - 2 * MARGIN))
    per_x = per_y / narrow
    left = (west + east) / 2 - per_x * WIDTH / 2
    top = (south + north) / 2 + per_y * HEIGHT / 2
    points = tuple(
        Point(f"{(lon - left) / per_x:.2f}", f"{(top - lat) / per_y:.2f}", kind, name)
        for lat, lon, kind, name in places
    )
    km = per_y * KM_PER_DEGREE * WIDTH
    return Map(points, f"{left:.8f}", f"{top:.8f}", f"{per_x:.10f}", f"{per_y:.10f}", f"{km:.0f}")
