"""TLS as the OCPP security profiles 2 and 3 ask for: 1.2 or newer, forward secrecy, client certificates."""

import ssl
from dataclasses import dataclass

from gateway.options import Options


class TlsProblem(ValueError):
    """A certificate, a key or the ciphers can't be used; the text names the option."""


@dataclass(frozen=True, slots=True)
class Files:
    """PEM files: our certificate chain, its key ("" if in the same file), and the CA of stations ("" for none)."""

    certificate: str
    key: str = ""
    client_ca: str = ""


def server_context(files: Files, options: Options) -> ssl.SSLContext:
    """A context for the listening socket. Raises TlsProblem.

    With a client CA, a station may present a certificate; a wrong one ends the handshake. Which stations
    must present one is their security profile's affair.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.set_ciphers(options.tls_ciphers)
    except ssl.SSLError as error:
        raise TlsProblem(f"GATEWAY_TLS_CIPHERS {options.tls_ciphers!r}: {error}") from None
    load(context, files)
    return context


def load(context: ssl.SSLContext, files: Files) -> None:
    """Read the files, at the start and again when they were renewed: new connections use them. TlsProblem."""
    try:
        context.load_cert_chain(files.certificate, files.key or None)
    except (OSError, ssl.SSLError) as error:
        raise TlsProblem(f"--tls-certificate {files.certificate}: {error}") from None
    if not files.client_ca:
        return
    try:
        context.load_verify_locations(files.client_ca)
    except (OSError, ssl.SSLError) as error:
        raise TlsProblem(f"--tls-client-ca {files.client_ca}: {error}") from None
    context.verify_mode = ssl.CERT_OPTIONAL
