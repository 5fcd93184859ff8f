"""What a piece holds: the names of both tables' sums, and a select list of them."""

HOUR_S = 3600
MONEY = (
    "energy", "time", "parking", "fees", "net", "tax", "gross", "charged_net", "charged_tax", "refund_net",
    "refund_tax", "energy_cost",
)  # fmt: skip
COUNTS = (
    "sessions", "failed_starts", "energy_wh", "occupied_s", "charging_s", "parked_s", "idle_s", "down_s",
    "down_excluded_s",
)  # fmt: skip
SUMMED = (*COUNTS, *MONEY)
MEASURES = (*SUMMED, "peak_w")


def row(**given: str) -> str:
    """The select list of a piece: what isn't given is nothing."""
    return ", ".join(f"{given.get(name, '0')} AS {name}" for name in MEASURES)
