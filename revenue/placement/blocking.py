"""Who finds every port taken: Erlang's loss formula on the modified offered load.

Erlang B on the mean load of a day understates blocking, since people come at the same hours and stay. The
offered load of each hour of the week is what would be in use if nobody were ever turned away:
m_h = sum_k lambda_{h-k} x integral_k^{k+1} P(S > u) du (Jagerman's modified offered load).
"""

from __future__ import annotations

import numpy as np

from revenue.forecast.calendar import HOUR_S, Floats, Ints
from revenue.forecast.profile import WEEK

LONGEST_H = 7 * 24
DAYS_A_MONTH = 365.25 / 12


def erlang_b(ports: int, load: Floats) -> Floats:
    """The share turned away at `ports` ports under an offered `load` (mean vehicles there would be)."""
    blocked = np.ones_like(load)
    for port in range(1, ports + 1):
        blocked = load * blocked / (port + load * blocked)
    return blocked


def offered_load(rate: Floats, stay_s: Ints) -> Floats:
    """m[weekday, hour] for arrivals rate[weekday, hour] and the stays that were seen, in seconds."""
    stay_h = np.minimum(stay_s / HOUR_S, LONGEST_H)
    hours = int(np.ceil(stay_h.max(initial=0.0))) or 1
    sorted_h = np.sort(stay_h)
    remaining = np.concatenate([[0.0], np.cumsum(sorted_h)])
    edges = np.arange(hours + 1)
    below = np.searchsorted(sorted_h, edges)
    # integral_0^k P(S > u) du = mean(min(S, k))
    within = (remaining[below] + edges * (len(stay_h) - below)) / max(len(stay_h), 1)
    weights = np.diff(within)
    flat = rate.ravel()
    load = sum((weight * np.roll(flat, at) for at, weight in enumerate(weights)), np.zeros_like(flat))
    return np.asarray(load).reshape(rate.shape)


def blocking(rate: Floats, stay_s: Ints, ports: int) -> float:
    """The share of all arrivals that find every port taken."""
    turned_away = rate * erlang_b(ports, offered_load(rate, stay_s))
    return float(turned_away.sum() / max(float(rate.sum()), 1e-9))


def lost_a_month(rate: Floats, stay_s: Ints, ports: int) -> float:
    """Sessions a month that find every port taken."""
    return blocking(rate, stay_s, ports) * float(rate.sum()) / WEEK * DAYS_A_MONTH
