"""Rounding policies: how an exact amount becomes whole minor units, once, at the end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """A named way to price what OCPI leaves open. The name is stored with every result.

    `halves_up` rounds halves away from zero; otherwise amounts are cut to the minor unit below.
    """

    name: str
    halves_up: bool

    def round(self, numerator: int, denominator: int) -> int:
        """The whole number next to numerator / denominator, both non-negative."""
        if self.halves_up:
            return (2 * numerator + denominator) // (2 * denominator)
        return numerator // denominator


HALF_UP = Policy("half-up", halves_up=True)
FLOOR = Policy("floor", halves_up=False)
POLICIES = {policy.name: policy for policy in (HALF_UP, FLOOR)}
MISSING_TELEMETRY = "matches"
"""What a restriction on power, current or kind of EVSE does where nothing was measured."""
