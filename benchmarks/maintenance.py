"""How often a port that works is called silent, and how soon one that doesn't is found: longer than the tests."""

import os
from statistics import median

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evbilling.settings")
os.environ["EVBILLING_EMBEDDED"] = "off"  # models are imported, no database is asked
django.setup()

from benchmarks.report import Figure, publish  # noqa: E402  models need the settings
from tests.revenue.simulated_ports import days_to_alarm, false_alarms, simulate  # noqa: E402

RATES = (0.3, 0.5, 1.0, 2.0, 3.0)
PORTS = 12
DAYS = 2 * 365


def main() -> None:
    """Publish false alarms per port-month and the median delay for each rate; fail above .2."""
    figures = []
    for per_day in RATES:
        ports = [simulate(per_day, DAYS, seed) for seed in range(100, 100 + PORTS)]
        counts = [false_alarms(port, DAYS) for port in ports]
        rate = sum(count for count, _ in counts) / sum(months for _, months in counts)
        delay = median(days_to_alarm(port, len(port.starts)) for port in ports)
        name = f"{per_day} starts a day"
        figures += [
            Figure(f"false alarms, {name}", rate, "a port-month", bar="at most .2", holds=rate <= 0.2),
            Figure(f"found after, {name}", delay, "days"),
        ]
    publish("maintenance", figures)
    if not all(figure.holds is not False for figure in figures):
        raise SystemExit("more than .2 false alarms a port and month")


if __name__ == "__main__":
    main()
