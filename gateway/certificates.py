"""What a client certificate says of the station that presented it. Whoever calls has had it verified."""

from dataclasses import dataclass
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """The names it was issued for (common name, DNS names, URIs), and its SHA-256 as lower-case hex."""

    names: frozenset[str]
    fingerprint: str

    def belongs_to(self, identity: str, pinned: str) -> bool:
        """Whether it was issued to `identity` and, where one is `pinned`, is that very certificate."""
        return identity in self.names and pinned in ("", self.fingerprint)


def from_der(der: bytes) -> ClientCertificate:
    """Raises ValueError for what is no certificate."""
    return _read(x509.load_der_x509_certificate(der))


def from_header(text: str) -> ClientCertificate:
    """A PEM certificate, URL-encoded as nginx's `$ssl_client_escaped_cert`. Raises ValueError."""
    return _read(x509.load_pem_x509_certificate(unquote(text).encode()))


def _read(certificate: x509.Certificate) -> ClientCertificate:
    names = {str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        pass
    else:
        names.update(san.get_values_for_type(x509.DNSName))
        names.update(san.get_values_for_type(x509.UniformResourceIdentifier))
    return ClientCertificate(frozenset(names), certificate.fingerprint(hashes.SHA256()).hex())
