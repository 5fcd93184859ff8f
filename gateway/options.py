"""What can be set about the gateway; every default suits `make run`."""

from dataclasses import dataclass, fields
from typing import Any

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Options:
    """Settings named GATEWAY_<NAME> override these."""

    heartbeat_interval_s: int = 300  # told to stations when they boot
    ping_idle_s: float = 60.0  # a connection this quiet is pinged, and closed if it stays quiet as long again
    ping_timeout_s: float = 2.0  # for the old connection of a station that connects again
    handshake_timeout_s: float = 10.0
    call_timeout_s: float = 30.0  # for a station's answer to our call
    offline_after_s: float = 180.0  # of silence, until connectors are shown as offline
    batch_size: int = 1000  # calls in one commit
    pipeline: int = 32  # calls of one station that may wait for their answers before it is slowed
    calls_per_s: float = 200.0  # of one station, sustained
    burst: int = 2000
    flood_s: float = 30.0  # slowed for this long without a pause: closed
    max_frame: int = 256 * 1024
    failures_per_ip: int = 60  # wrong log-ins a minute
    failures_per_identity: int = 10  # the same, from one address for one identity
    failures_everywhere: int = 100  # the same, from all addresses: then only who was right before is let in
    remember_login_s: float = 86_400.0  # how long a password that was right costs no slow hash
    allow_profile_0: bool = False  # stations without a password: development only
    trusted_proxies: tuple[str, ...] = ()  # addresses or networks whose X-Forwarded-… headers count
    client_certificate_header: str = ""  # in which such a proxy passes on a certificate that it has verified
    tls_ciphers: str = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2, in OpenSSL's words
    lease_s: float = 30.0  # of a station's entry in the registry, after its gateway has died
    drain_s: float = 4.0  # at SIGTERM: for answers that wait for their commit
    goodbye_s: float = 1.0  # then: for stations to leave before we hang up

    @classmethod
    def from_settings(cls) -> "Options":
        given: dict[str, Any] = {
            field.name: getattr(settings, f"GATEWAY_{field.name.upper()}")
            for field in fields(cls)
            if hasattr(settings, f"GATEWAY_{field.name.upper()}")
        }
        return cls(**given)
