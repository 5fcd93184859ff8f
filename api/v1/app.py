"""The api of version 1, put together."""

from ninja import NinjaAPI

from api import problems
from api.v1 import commands, sessions, stations, tariffs

api = NinjaAPI(
    title="evbilling",
    version="1",
    description=(
        "Stations, commands, charging sessions with their prices, message log and tariffs of one organisation. "
        "Amounts are decimal strings, energies whole Wh, times UTC. Errors are RFC 9457 problem details."
    ),
    urls_namespace="api-v1",
    docs_url=None,  # ninja's pages come from a CDN
    openapi_url=None,  # api.urls has it, without a key
)
for part in (stations, commands, sessions, tariffs):
    api.add_router("", part.router)
problems.install(api)
