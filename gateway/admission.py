"""Who is let in: log-in, security profile, limits on guessing. Every refusal looks the same to a stranger."""

import logging
import time
from datetime import UTC, datetime
from http import HTTPStatus

from gateway.certificates import ClientCertificate, from_der, from_header
from gateway.connection import Taker
from gateway.database import Database
from gateway.handshake import NotAdmitted, Upgrade
from gateway.limits import Failures, Proxies, household
from gateway.logins import Login, Logins, Proof
from gateway.options import Options
from gateway.work import Exchange, Received, Work
from stations.models import Station

logger = logging.getLogger(__name__)
Profile = Station.SecurityProfile
UNAUTHORIZED = NotAdmitted(
    HTTPStatus.UNAUTHORIZED, "unknown station or wrong password", 'WWW-Authenticate: Basic realm="ocpp"'
)


class Door:
    """Checks log-ins, and writes what a station's owner should know of into the message log."""

    def __init__(self, options: Options, database: Database, log: Taker) -> None:
        self.options, self.database = options, database
        self._log = log
        self._logins = Logins(options.allow_profile_0, options.remember_login_s)
        self._proxies = Proxies.named(options.trusted_proxies)
        self._by_address = Failures(options.failures_per_ip)
        self._by_pair = Failures(options.failures_per_identity)
        self._by_identity = Failures(options.failures_everywhere)

    async def log_in(self, upgrade: Upgrade) -> Login:
        """The station that connects. Raises NotAdmitted."""
        address, now = household(self._address(upgrade)), time.monotonic()
        identity, pair = upgrade.identity, f"{upgrade.identity} {address}"
        if self._by_address.too_many(address, now) or self._by_pair.too_many(pair, now):
            raise NotAdmitted(HTTPStatus.TOO_MANY_REQUESTS, "too many wrong log-ins", "Retry-After: 60")
        attacked = self._by_identity.too_many(identity, now)
        username, password = upgrade.credentials()
        proof = Proof(username, password, self._certificate(upgrade))
        login = await self.database.run(self._logins.check, identity, proof, only_remembered=attacked)
        if login is None:
            for failures, key in ((self._by_address, address), (self._by_pair, pair)):
                failures.note(key, now)
            self._by_identity.note(identity, now)
            logger.warning("a log-in as %s from %s was refused", identity, address)
            raise UNAUTHORIZED
        if login.security_profile >= Profile.TLS and not self._is_secure(upgrade):
            self._note(login, "a log-in without TLS was refused: the security profile asks for it")
            raise NotAdmitted(HTTPStatus.FORBIDDEN, "this station's security profile asks for TLS")
        return login

    def _is_trusted_proxy(self, upgrade: Upgrade) -> bool:
        return self._proxies.include(upgrade.address)

    def _is_secure(self, upgrade: Upgrade) -> bool:
        forwarded = upgrade.headers.get("x-forwarded-proto", "").lower()
        return upgrade.is_tls or (self._is_trusted_proxy(upgrade) and forwarded in ("https", "wss"))

    def _address(self, upgrade: Upgrade) -> str:
        return self._proxies.client(upgrade.address, upgrade.headers.get("x-forwarded-for", ""))

    def _certificate(self, upgrade: Upgrade) -> ClientCertificate | None:
        """OpenSSL has verified the connection's own; a proxy that is trusted has verified what it passes on."""
        try:
            if upgrade.client_certificate:
                return from_der(upgrade.client_certificate)
            header = self.options.client_certificate_header.lower()
            if header and header in upgrade.headers and self._is_trusted_proxy(upgrade):
                return from_header(upgrade.headers[header])
        except ValueError as error:
            logger.warning("the client certificate of %s can't be read: %s", upgrade.identity, error)
        return None

    def _note(self, login: Login, detail: str) -> None:
        received = Received(datetime.now(UTC), "Connection", detail)
        self._log.submit(Exchange(None, "", received, Work(), login.reporter, None, "event", "refused"))
