"""A certificate authority for tests: it issues the gateway's certificate and stations' own."""

import ipaddress
import itertools
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOUR = timedelta(hours=1)


@dataclass
class Authority:
    """Certificates are PEM files in `folder`, each with its key."""

    folder: Path
    name: str = "stations of a test"
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self._subject = _named(self.name)
        own = self._builder(self._subject, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.path = self.folder / "ca.pem"
        self.path.write_bytes(_pem(own.sign(self._key, hashes.SHA256())))

    def issue(self, common_name: str, *alternatives: x509.GeneralName, expired: bool = False) -> Path:
        """A certificate and its key, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_named(common_name), key, expired=expired)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        path = self.folder / f"{next(self._numbers)}.pem"
        path.write_bytes(_pem(certificate) + _private(key))
        return path

    def for_gateway(self) -> Path:
        return self.issue("gateway", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))

    def client(self, certificate: Path | None = None) -> ssl.SSLContext:
        """The TLS of a station that trusts us, and shows `certificate` if it has one."""
        context = ssl.create_default_context(cafile=self.path)
        if certificate is not None:
            context.load_cert_chain(certificate)
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, expired: bool = False
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 3 * HOUR)
            .not_valid_after(now - HOUR if expired else now + HOUR)
        )


def fingerprint_of(path: Path) -> str:
    return x509.load_pem_x509_certificate(path.read_bytes()).fingerprint(hashes.SHA256()).hex()


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
