"""How often a port that works is called silent, and how soon one that doesn't is found: longer than the tests."""

from statistics import median

from tests.revenue.simulated_ports import days_to_alarm, false_alarms, simulate

RATES = (0.3, 0.5, 1.0, 2.0, 3.0)
PORTS = 12
DAYS = 2 * 365


def main() -> None:
    """Print false alarms per port-month and the median delay for each rate; fail above .2."""
    print(
        f"{'starts a day':>12} {'port-months':>12} {'false alarms':>13} {'a port-month':>13} {'delay, days':>12}"
    )
    worst = 0.0
    for per_day in RATES:
        ports = [simulate(per_day, DAYS, seed) for seed in range(100, 100 + PORTS)]
        counts = [false_alarms(port, DAYS) for port in ports]
        alarms, months = sum(count for count, _ in counts), sum(months for _, months in counts)
        delay = median(days_to_alarm(port, len(port.starts)) for port in ports)
        worst = max(worst, alarms / months)
        print(f"{per_day:>12} {months:>12.0f} {alarms:>13} {alarms / months:>13.3f} {delay:>12}")
    if worst > 0.2:
        raise SystemExit(f"{worst:.3f} false alarms a port-month is above .2")


if __name__ == "__main__":
    main()
