"""The passwords of the demo's stations: derived, so that the simulator needs no list of them."""

import hashlib
import hmac

from django.conf import settings


def station_password(identity: str) -> str:
    """16 hexadecimal characters that follow from SECRET_KEY and the station's identity."""
    digest = hmac.new(settings.SECRET_KEY.encode(), f"demo:{identity}".encode(), hashlib.sha256)
    return digest.hexdigest()[:16]
