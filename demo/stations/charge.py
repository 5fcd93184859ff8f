"""What one vehicle takes in: full power at first, less and less from four fifths on. Whole numbers only."""

from dataclasses import dataclass

WATT_MS_PER_WH = 3_600_000
TAPER_FROM = 80  # percent of the wanted energy
LEAST_SHARE = 20  # percent of the power at the very end


@dataclass
class Charge:
    """Energy and power of a running charge. Advance it with `run(ms)`."""

    wanted_wh: int
    power_w: int
    _taken_watt_ms: int = 0

    @property
    def taken_wh(self) -> int:
        return self._taken_watt_ms // WATT_MS_PER_WH

    @property
    def is_full(self) -> bool:
        return self.taken_wh >= self.wanted_wh

    @property
    def filled_percent(self) -> int:
        return min(100, self.taken_wh * 100 // max(self.wanted_wh, 1))

    def power_now_w(self) -> int:
        """What flows now."""
        if self.is_full:
            return 0
        over = max(0, self.filled_percent - TAPER_FROM)
        share = 100 - over * (100 - LEAST_SHARE) // (100 - TAPER_FROM)
        return self.power_w * share // 100

    def run(self, milliseconds: int) -> None:
        """Charge for that long, in steps small enough for the taper, and not beyond what is wanted."""
        while milliseconds > 0 and not self.is_full:
            step = min(milliseconds, 500)
            self._taken_watt_ms += self.power_now_w() * step
            milliseconds -= step
        self._taken_watt_ms = min(self._taken_watt_ms, self.wanted_wh * WATT_MS_PER_WH)
