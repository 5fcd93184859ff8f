"""The versions of OCPP that are spoken here, the preferred first, and who understands each."""

from collections.abc import Callable
from functools import partial

from msgspec import Raw

from charging.ingest import Reporter
from gateway import ocpp2, ocpp16
from gateway.decoding import OCPP_16
from gateway.work import Received, Work

Handle = Callable[[Reporter, Received, Raw], Work]
HANDLERS: dict[str, Handle] = {
    ocpp2.OCPP_21: partial(ocpp2.handle, ocpp2.OCPP_21),
    ocpp2.OCPP_201: partial(ocpp2.handle, ocpp2.OCPP_201),
    OCPP_16: ocpp16.handle,
}
SUBPROTOCOLS = tuple(HANDLERS)
UNJUDGED = {
    version: b'{"%b":{"status":"Invalid"}}' % (b"idTagInfo" if version == OCPP_16 else b"idTokenInfo")
    for version in HANDLERS
}
