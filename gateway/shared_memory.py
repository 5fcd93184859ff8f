"""Which log-ins were right, told to the other gateways and to the next process: digests under SECRET_KEY only."""

from uuid import UUID

from charging.nudges import attempt


class SharedMemory:
    """Digests by station, kept in Valkey for a while. Knows nothing when Valkey is away."""

    def recall(self, station_id: UUID) -> bytes:
        """The digest, or b""."""
        found: bytes | None = attempt(lambda client: client.get(_key(station_id)), None)
        return found or b""

    def remember(self, station_id: UUID, digest: bytes, for_s: float) -> None:
        attempt(lambda client: client.set(_key(station_id), digest, ex=max(1, int(for_s))), None)


def _key(station_id: UUID) -> str:
    return f"gateway:login:{station_id}"
