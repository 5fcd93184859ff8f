"""The OCPP versions that simulated stations speak."""

from demo.stations.protocol import StationProtocol
from demo.stations.protocol2 import Protocol21, Protocol201
from demo.stations.protocol16 import Protocol16

PROTOCOLS: dict[str, type[StationProtocol]] = {
    protocol.version: protocol for protocol in (Protocol16, Protocol201, Protocol21)
}


def protocol_of(version: str) -> StationProtocol:
    """Raises KeyError for a version that is not simulated."""
    return PROTOCOLS[version]()
