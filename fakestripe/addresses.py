"""Web addresses in requests."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from fakestripe.errors import invalid


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def web_address(text: str, param: str) -> str:
    """An http(s) address somebody is sent to, or Stripe's refusal."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        message = "Invalid URL: An explicit scheme (such as https) must be provided."
        raise invalid(f"{message} ({param})", code="url_invalid", param=param)
    return text
