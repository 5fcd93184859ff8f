"""Limits on guessing and on flooding. Times are seconds of a monotonic clock, given by the caller."""

import ipaddress
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

WINDOW_S = 60.0
REMEMBERED = 100_000
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass
class Failures:
    """Failures per key within the last minute; the oldest keys are forgotten first."""

    limit: int
    _seen: OrderedDict[str, list[float]] = field(default_factory=OrderedDict)

    def too_many(self, key: str, now: float) -> bool:
        recent = [at for at in self._seen.get(key, ()) if now - at < WINDOW_S]
        if not recent:
            self._seen.pop(key, None)
        return len(recent) >= self.limit

    def note(self, key: str, now: float) -> None:
        recent = [at for at in self._seen.pop(key, ()) if now - at < WINDOW_S]
        self._seen[key] = [*recent[-self.limit :], now]
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


@dataclass(slots=True)
class Bucket:
    """A token bucket: `take` says how many seconds to wait before the next call is read."""

    rate: float
    burst: float
    level: float = 0.0
    at: float = 0.0

    def take(self, now: float) -> float:
        """Count one call; 0 while the burst lasts, else the time until the bucket has room again."""
        level = self.level - (now - self.at) * self.rate
        self.level = level = 1.0 if level < 0.0 else level + 1.0
        self.at = now
        return 0.0 if level <= self.burst else (level - self.burst) / self.rate

    @property
    def is_half_empty(self) -> bool:
        """A sign of calm: who floods keeps the bucket at its brim."""
        return self.level <= self.burst / 2

    def wait_s(self, now: float) -> float:
        """The time until the bucket has room."""
        return max(0.0, self.level - (now - self.at) * self.rate - self.burst) / self.rate


@dataclass(frozen=True)
class Proxies:
    """The proxies in front of us whose headers count: addresses or networks, such as 10.0.0.0/8."""

    networks: Sequence[Network] = ()

    @classmethod
    def named(cls, names: Sequence[str]) -> "Proxies":
        """Raises ValueError, which names the one that is no address."""
        return cls([ipaddress.ip_network(name, strict=False) for name in names])

    def include(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.networks)

    def client(self, peer: str, forwarded_for: str) -> str:
        """The address that a request came from: the nearest one that is not a proxy of ours."""
        for hop in [peer, *(part.strip() for part in reversed(forwarded_for.split(",")))]:
            if not self.include(hop):
                return hop or peer
        return peer


def household(address: str) -> str:
    """What limits count as one: an IPv4 address, or the /64 that an IPv6 subscriber is given."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network(f"{address}/64", strict=False))
