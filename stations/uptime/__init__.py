"""Uptime per port by 23 CFR 680.116: outages from status intervals, what is left out, and the figures.

A port is an EVSE: one place to charge one vehicle. It is down while every connector of it that has ever told
a status is Faulted, Unavailable or Offline.
"""

from stations.uptime.figures import (
    GOAL,
    PortTimes,
    Uptime,
    down_minutes,
    month_starts,
    port_times,
    uptime_of,
)
from stations.uptime.outages import rebuild, sweep

__all__ = [
    "GOAL",
    "PortTimes",
    "Uptime",
    "down_minutes",
    "month_starts",
    "port_times",
    "rebuild",
    "sweep",
    "uptime_of",
]
